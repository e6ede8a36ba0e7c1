#include "source/config/redact.h"

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "remora/annotations/v1/annotations.pb.h"
#include "source/base/log.h"
#include "source/config/core_config.h"

namespace remora::config {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kRedacted[] = "[redacted]";

void RedactMessage(Message& message, bool secret);

void RedactAny(Any& any, bool secret) {
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      std::string(TypeName(any.type_url())));
  if (type == nullptr) return any.Clear();
  const std::unique_ptr<Message> inner(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!any.UnpackTo(inner.get())) return any.Clear();
  RedactMessage(*inner, secret);
  if (!any.PackFrom(*inner)) any.Clear();
}

void RedactText(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) return reflection.SetString(&message, &field, kRedacted);
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    reflection.SetRepeatedString(&message, &field, i, kRedacted);
  }
}

void RedactField(Message& message, const FieldDescriptor& field, bool secret) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    if (!secret) return;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) return RedactText(message, field);
    return reflection.ClearField(&message, &field);
  }
  if (!field.is_repeated()) {
    return RedactMessage(*reflection.MutableMessage(&message, &field), secret);
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    RedactMessage(*reflection.MutableRepeatedMessage(&message, &field, i), secret);
  }
}

void RedactMessage(Message& message, bool secret) {
  if (auto* any = google::protobuf::DynamicCastToGenerated<Any>(&message); any != nullptr) {
    return RedactAny(*any, secret);
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const auto& note = field->options().GetExtension(remora::annotations::v1::field);
    RedactField(message, *field, secret || note.secret());
  }
}

}  // namespace

void Redact(Message& message) { RedactMessage(message, false); }

std::string ToJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (status.ok()) return text;
  // What is shown was read with the types that it holds: it can be printed with them.
  REMORA_LOG(kAdmin, kError, message.GetTypeName(), " cannot be printed: ", status.ToString());
  return "{}\n";
}

}  // namespace remora::config
