#include "source/config/typed_struct.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "source/config/document.h"
#include "source/config/proto_reader.h"
#include "source/config/text.h"
#include "udpa/type/v1/typed_struct.pb.h"
#include "xds/type/v3/typed_struct.pb.h"

namespace remora::config {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kTypePrefix = "type.googleapis.com/";

// As JSON, which the reader of files takes, with all of its names, forms and messages.
template <class TypedStruct>
void Rewrite(Any& any, const FieldPath& path, ErrorList& errors) {
  TypedStruct typed;
  std::string fields;
  if (!any.UnpackTo(&typed) ||
      !google::protobuf::util::MessageToJsonString(typed.value(), &fields).ok()) {
    return errors.Add(path, "is no TypedStruct");
  }
  const std::string type = typed.type_url().substr(typed.type_url().rfind('/') + 1);
  const std::string text =
      Concat("{\"@type\": \"", kTypePrefix, TypedStruct::descriptor()->full_name(),
             "\", \"type_url\": \"", kTypePrefix, type, "\", \"value\": ", fields, "}");
  ReadReport report;
  Any read;
  const auto document = Document::ParseJson(text, "TypedStruct", report.errors);
  if (document != nullptr) ReadMessage(*document, {}, read, report);
  if (report.errors.empty()) {
    any = std::move(read);
    return;
  }
  const std::string above = path.ToString();
  for (const ConfigError& error : report.errors.errors()) {
    errors.Add(Concat(above, above.empty() || error.path.empty() ? "" : ".", error.path),
               error.message);
  }
}

void UnwrapAny(Any& any, const FieldPath& path, ErrorList& errors) {
  if (any.Is<xds::type::v3::TypedStruct>()) {
    return Rewrite<xds::type::v3::TypedStruct>(any, path, errors);
  }
  if (any.Is<udpa::type::v1::TypedStruct>()) {
    return Rewrite<udpa::type::v1::TypedStruct>(any, path, errors);
  }
  // Most hold none, and reading them once more would be for nothing.
  if (any.value().find("TypedStruct") == std::string::npos) return;
  const std::string& url = any.type_url();
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      url.substr(url.rfind('/') + 1));
  if (type == nullptr) return;  // its translator refuses it
  const std::unique_ptr<Message> inside(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!inside->ParseFromString(any.value())) return;  // this too
  UnwrapTypedStructs(*inside, path, errors);
  any.set_value(inside->SerializeAsString());
}

}  // namespace

void UnwrapTypedStructs(Message& message, const FieldPath& path, ErrorList& errors) {
  if (auto* any = google::protobuf::DynamicCastToGenerated<Any>(&message)) {
    return UnwrapAny(*any, path, errors);
  }
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const FieldPath at = path.Field(field->name());
    if (!field->is_repeated()) {
      UnwrapTypedStructs(*reflection.MutableMessage(&message, field), at, errors);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      UnwrapTypedStructs(*reflection.MutableRepeatedMessage(&message, field, i),
                         at.Index(static_cast<size_t>(i)), errors);
    }
  }
}

}  // namespace remora::config
