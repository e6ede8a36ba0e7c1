#include "source/config/validate_rules_plan.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/util/time_util.h"

namespace remora::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DynamicCastToGenerated;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using remora::annotations::v1::FieldNote;

bool HasUnsupportedValues(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM) return false;
  for (int i = 0; i < field.enum_type()->value_count(); ++i) {
    const auto& options = field.enum_type()->value(i)->options();
    if (options.GetExtension(remora::annotations::v1::unsupported)) return true;
  }
  return false;
}

bool Recurses(const FieldDescriptor& field, const validate::FieldRules* rules) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return false;
  if (rules != nullptr && rules->message().skip()) return false;
  if (field.is_map()) return Recurses(*field.message_type()->map_value(), nullptr);
  const std::string& package = field.message_type()->file()->package();
  return package != "google.protobuf" || field.message_type()->full_name() == "google.protobuf.Any";
}

// Whether a field that is not there can break its rules.
bool MayBeMissed(const FieldDescriptor& field, const validate::FieldRules* rules) {
  if (rules == nullptr) return false;
  if (field.is_map()) return rules->map().min_pairs() > 0 && !rules->map().ignore_empty();
  if (field.is_repeated()) {
    return rules->repeated().min_items() > 0 && !rules->repeated().ignore_empty();
  }
  // A member of a oneof is required only where it is the one that was chosen.
  return IsRequired(*rules) && field.real_containing_oneof() == nullptr;
}

// What is not there has a value all the same, which may be one that the rules forbid.
bool IsOnlyWhenSet(const FieldPlan& entry) {
  const FieldDescriptor& field = *entry.field;
  if (MayBeMissed(field, entry.rules)) return false;
  if (field.is_repeated() || field.has_presence()) return true;
  return entry.rules == nullptr && !entry.has_unsupported_values;
}

}  // namespace

bool IsRequired(const validate::FieldRules& rules) {
  return rules.message().required() || rules.any().required() || rules.duration().required();
}

bool IsWrapper(const Descriptor& type) {
  return type.file()->name() == "google/protobuf/wrappers.proto";
}

MessagePlan MakePlan(const Descriptor& type) {
  MessagePlan plan;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    FieldPlan entry{
        &field, nullptr, nullptr, false, HasUnsupportedValues(field), field.is_repeated(), false};
    if (field.options().HasExtension(validate::rules)) {
      entry.rules = &field.options().GetExtension(validate::rules);
    }
    if (field.options().HasExtension(remora::annotations::v1::field)) {
      const FieldNote& note = field.options().GetExtension(remora::annotations::v1::field);
      if (note.no_effect() || note.only_default()) entry.note = &note;
    }
    entry.recurse = Recurses(field, entry.rules);
    entry.only_when_set = IsOnlyWhenSet(entry);
    if (entry.rules != nullptr || entry.note != nullptr || entry.recurse ||
        entry.has_unsupported_values) {
      plan.fields.push_back(entry);
    }
  }
  for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
    const OneofDescriptor& oneof = *type.oneof_decl(i);
    if (oneof.options().GetExtension(validate::required)) plan.required_oneofs.push_back(&oneof);
  }
  return plan;
}

std::string ValueText(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat(reflection.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_ENUM: {
      const int number = reflection.GetEnumValue(message, &field);
      const EnumValueDescriptor* value = field.enum_type()->FindValueByNumber(number);
      return value == nullptr ? absl::StrCat(number) : value->name();
    }
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Message& inner = reflection.GetMessage(message, &field);
      if (IsWrapper(*inner.GetDescriptor())) {
        return ValueText(inner, *inner.GetDescriptor()->field(0));
      }
      const auto* duration = DynamicCastToGenerated<google::protobuf::Duration>(&inner);
      return duration == nullptr ? "set" : google::protobuf::util::TimeUtil::ToString(*duration);
    }
  }
  return "";
}

std::string RepeatedText(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return absl::StrCat(reflection.GetRepeatedDouble(message, &field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return absl::StrCat(reflection.GetRepeatedFloat(message, &field, index));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection.GetRepeatedInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection.GetRepeatedInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection.GetRepeatedUInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetRepeatedBool(message, &field, index) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat(reflection.GetRepeatedEnumValue(message, &field, index));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return "";
}

bool DiffersFromDefault(const Message& message, const FieldDescriptor& field,
                        const FieldNote& note) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) return reflection.FieldSize(message, &field) > 0;
  if (!reflection.HasField(message, &field)) return false;
  const std::string text = ValueText(message, field);
  if (!note.default_value().empty()) return text != note.default_value();
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return text != "0" && text != "false" && !text.empty() &&
           !(field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM &&
             reflection.GetEnumValue(message, &field) == 0);
  }
  // An empty wrapper serializes to nothing; any other message that is there at all says something.
  return !(IsWrapper(*field.message_type()) &&
           reflection.GetMessage(message, &field).ByteSizeLong() == 0);
}

}  // namespace remora::config
