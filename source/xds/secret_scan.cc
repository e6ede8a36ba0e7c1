#include "source/xds/secret_scan.h"

#include <memory>
#include <vector>

#include "envoy/config/core/v3/base.pb.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "remora/annotations/v1/annotations.pb.h"
#include "source/config/core_config.h"
#include "source/config/text.h"

namespace remora::xds {

using config::Concat;

namespace {

using envoy::config::core::v3::DataSource;
using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool IsSecret(const FieldDescriptor& field) {
  return field.options().GetExtension(remora::annotations::v1::field).secret();
}

bool MayHoldSecrets(const Descriptor& type) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (IsSecret(*type.field(i))) return true;
  }
  return false;
}

// Messages within messages of any type: what is deeper is no configuration of anybody.
constexpr int kDeepest = 16;

std::string FindIn(const Message& message, const std::string& path, bool secret, int depth);

std::string FindInBytes(std::string_view type_url, const std::string& bytes,
                        const std::string& path, bool secret, int depth) {
  if (depth > kDeepest) return Concat(path, " (too deep)");
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      std::string(config::TypeName(type_url)));
  if (type == nullptr) return Concat(path, " (of a type that is not known)");
  const std::unique_ptr<Message> inner(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!inner->ParseFromString(bytes)) return Concat(path, " (it cannot be read)");
  return FindIn(*inner, path, secret, depth);
}

std::string FindInField(const Message& message, const FieldDescriptor& field,
                        const std::string& path, bool secret, int depth) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return secret && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING ? path : "";
  }
  const auto& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    return FindIn(reflection.GetMessage(message, &field), path, secret, depth);
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    std::string found = FindIn(reflection.GetRepeatedMessage(message, &field, i),
                               Concat(path, "[", i, "]"), secret, depth);
    if (!found.empty()) return found;
  }
  return "";
}

std::string FindIn(const Message& message, const std::string& path, bool secret, int depth) {
  if (const auto* any = google::protobuf::DynamicCastToGenerated<Any>(&message); any != nullptr) {
    return any->type_url().empty()
               ? ""
               : FindInBytes(any->type_url(), any->value(), path, secret, depth + 1);
  }
  if (const auto* source = google::protobuf::DynamicCastToGenerated<DataSource>(&message);
      source != nullptr) {
    const bool is_inside = !source->inline_bytes().empty() || !source->inline_string().empty();
    return secret && is_inside ? path : "";
  }
  const auto& reflection = *message.GetReflection();
  if ((secret || MayHoldSecrets(*message.GetDescriptor())) &&
      !reflection.GetUnknownFields(message).empty()) {
    return Concat(path, " (fields that are not known)");
  }
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    std::string found =
        FindInField(message, *field, Concat(path, path.empty() ? "" : ".", field->name()),
                    secret || IsSecret(*field), depth);
    if (!found.empty()) return found;
  }
  return "";
}

}  // namespace

std::string FindSecret(std::string_view type_url, std::string_view bytes) {
  return FindInBytes(type_url, std::string(bytes), "", false, 0);
}

}  // namespace remora::xds
