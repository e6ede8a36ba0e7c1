#include "source/config/config_dump_mask.h"

#include <memory>
#include <string>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/field_mask_util.h"
#include "source/config/core_config.h"

namespace remora::config {
namespace {

using google::protobuf::Any;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::util::FieldMaskUtil;

bool IsAny(const FieldDescriptor* field) {
  return field != nullptr && !field->is_repeated() && field->message_type() != nullptr &&
         field->message_type()->full_name() == "google.protobuf.Any";
}

bool TrimInsideAny(const FieldMask& mask, const FieldDescriptor& field, Message& message) {
  auto* any = google::protobuf::DynamicCastToGenerated<Any>(
      message.GetReflection()->MutableMessage(&message, &field));
  const google::protobuf::Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          std::string(TypeName(any->type_url())));
  if (type == nullptr) return false;
  const std::unique_ptr<Message> inner(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  return any->UnpackTo(inner.get()) && TrimToPlainMask(mask, *inner) && any->PackFrom(*inner);
}

}  // namespace

bool TrimToPlainMask(const FieldMask& mask, Message& message) {
  for (const std::string& path : mask.paths()) {
    if (!FieldMaskUtil::GetFieldDescriptors(message.GetDescriptor(), path, nullptr)) return false;
  }
  FieldMaskUtil::TrimMessage(mask, &message);
  return true;
}

bool TrimToMask(const FieldMask& mask, Message& message) {
  FieldMask outer;
  FieldMask inner;
  const FieldDescriptor* any = nullptr;
  for (const std::string& path : mask.paths()) {
    const size_t dot = path.find('.');
    const std::string first = path.substr(0, dot);
    const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(first);
    if (IsAny(field) && dot != std::string::npos) {
      any = field;
      inner.add_paths(path.substr(dot + 1));
      outer.add_paths(first);
    } else {
      outer.add_paths(path);
    }
  }
  if (any != nullptr && message.GetReflection()->HasField(message, any) &&
      !TrimInsideAny(inner, *any, message)) {
    return false;
  }
  return TrimToPlainMask(outer, message);
}

}  // namespace remora::config
