#include "source/config/validate_rules.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/message.h"
#include "remora/annotations/v1/annotations.pb.h"
#include "source/config/text.h"
#include "source/config/validate_rules_plan.h"
#include "source/config/validate_rules_values.h"
#include "validate/validate.pb.h"

namespace remora::config {

struct RulePlans::State {
  const MessagePlan& Of(const google::protobuf::Descriptor& type) {
    std::unique_ptr<MessagePlan>& plan = plans[&type];
    if (plan == nullptr) plan = std::make_unique<MessagePlan>(MakePlan(type));
    return *plan;
  }

  RuleChecks checks;
  absl::flat_hash_map<const google::protobuf::Descriptor*, std::unique_ptr<MessagePlan>> plans;
};

RulePlans::RulePlans() : state_(std::make_unique<State>()) {}
RulePlans::~RulePlans() = default;

namespace {

using google::protobuf::Descriptor;
using google::protobuf::DynamicCastToGenerated;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using remora::annotations::v1::FieldNote;

// Each is read by itself, so that protobuf's own limit does not count them.
constexpr int kDeepest = 16;

class RuleWalk final {
 public:
  RuleWalk(const ReadReport& read, ErrorList& errors, ErrorList& warnings, RulePlans::State& plans)
      : read_(read), errors_(errors), warnings_(warnings), plans_(plans) {}

  void CheckMessage(const Message& message, const FieldPath& path) {
    if (const auto* any = DynamicCastToGenerated<google::protobuf::Any>(&message)) {
      return CheckAny(*any, path);
    }
    const MessagePlan& plan = plans_.Of(*message.GetDescriptor());
    const Reflection& reflection = *message.GetReflection();
    for (const FieldPlan& entry : plan.fields) {
      // Most fields of most messages are not there.
      if (entry.only_when_set && !IsSet(message, reflection, entry)) continue;
      CheckField(message, entry, path.Field(entry.field->name()));
    }
    for (const OneofDescriptor* oneof : plan.required_oneofs) CheckOneof(message, *oneof, path);
  }

 private:
  static bool IsSet(const Message& message, const Reflection& reflection, const FieldPlan& entry) {
    return entry.repeated ? reflection.FieldSize(message, entry.field) > 0
                          : reflection.HasField(message, entry.field);
  }

  void CheckAny(const google::protobuf::Any& any, const FieldPath& path) {
    if (any.type_url().empty()) return;
    if (depth_ == kDeepest) return Error(path, "is nested too deep");
    const size_t slash = any.type_url().rfind('/');
    const std::string name = any.type_url().substr(slash == std::string::npos ? 0 : slash + 1);
    const Descriptor* type =
        google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
    const Message* prototype =
        type == nullptr ? nullptr
                        : google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
    if (prototype == nullptr) {
      return Error(path, Concat("type \"", any.type_url(), "\" is not supported by this build"));
    }
    const std::unique_ptr<Message> payload(prototype->New());
    if (!payload->ParseFromString(any.value())) {
      return Error(path, Concat("does not hold a ", name));
    }
    ++depth_;
    CheckMessage(*payload, path);
    --depth_;
  }

  void CheckOneof(const Message& message, const OneofDescriptor& oneof, const FieldPath& path) {
    if (message.GetReflection()->HasOneof(message, &oneof)) return;
    const auto passed_over = read_.passed_over.find(path.ToString());
    if (passed_over != read_.passed_over.end()) {
      for (const ConfigError& error : passed_over->second) errors_.Add(error);
      return;
    }
    std::vector<std::string> names;
    for (int i = 0; i < oneof.field_count(); ++i) {
      const std::string& name = oneof.field(i)->name();
      if (read_.reported.Covers(path.Field(name).ToString())) return;
      names.push_back(Concat("\"", name, "\""));
    }
    if (names.size() == 1) return Error(path, Concat(names[0], " is required"));
    Error(path, Concat("one of ", absl::StrJoin(names, ", "), " is required"));
  }

  void CheckField(const Message& message, const FieldPlan& entry, const FieldPath& path) {
    if (entry.note != nullptr) CheckNote(message, *entry.field, *entry.note, path);
    if (entry.field->is_map()) {
      CheckMap(message, entry, path);
    } else if (entry.field->is_repeated()) {
      CheckRepeated(message, entry, path);
    } else {
      CheckSingular(message, entry, path);
    }
  }

  void CheckNote(const Message& message, const FieldDescriptor& field, const FieldNote& note,
                 const FieldPath& path) {
    if (!DiffersFromDefault(message, field, note)) return;
    const std::string why = note.why().empty() ? "" : Concat(": ", note.why());
    if (note.only_default()) {
      const bool shown =
          !field.is_repeated() && field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE;
      Error(path, Concat("not supported by this version of Remora", why,
                         shown ? QuoteValue(ValueText(message, field)) : ""));
    } else {
      warnings_.Add(path, Concat("accepted without effect", why));
    }
  }

  void CheckSingular(const Message& message, const FieldPlan& entry, const FieldPath& path) {
    const Reflection& reflection = *message.GetReflection();
    const bool set = reflection.HasField(message, entry.field);
    if (!set && entry.field->has_presence()) {
      // A member of a oneof is required only where it is the one that was chosen.
      const bool choice = entry.field->real_containing_oneof() != nullptr;
      if (entry.rules != nullptr && !choice && IsRequired(*entry.rules)) {
        Error(path, "a value is required");
      }
      return;
    }
    if (entry.has_unsupported_values) {
      CheckSupported(*entry.field, reflection.GetEnumValue(message, entry.field), path);
    }
    if (entry.rules != nullptr) CheckValue(message, *entry.field, -1, *entry.rules, path);
    if (entry.recurse) CheckMessage(reflection.GetMessage(message, entry.field), path);
  }

  void CheckRepeated(const Message& message, const FieldPlan& entry, const FieldPath& path) {
    const Reflection& reflection = *message.GetReflection();
    const int count = reflection.FieldSize(message, entry.field);
    const validate::FieldRules* items = nullptr;
    if (entry.rules != nullptr && entry.rules->has_repeated()) {
      const validate::RepeatedRules& rules = entry.rules->repeated();
      if (rules.has_items()) items = &rules.items();
      if (!(rules.ignore_empty() && count == 0)) {
        Error(path, CheckCount(static_cast<size_t>(count), rules.min_items(), rules.max_items(),
                               "item", "items"));
      }
      if (rules.unique()) CheckUnique(message, *entry.field, count, path);
    }
    const bool recurse = entry.recurse && !(items != nullptr && items->message().skip());
    if (items == nullptr && !recurse && !entry.has_unsupported_values) return;
    for (int i = 0; i < count; ++i) {
      const FieldPath item_path = path.Index(static_cast<size_t>(i));
      if (entry.has_unsupported_values) {
        CheckSupported(*entry.field, reflection.GetRepeatedEnumValue(message, entry.field, i),
                       item_path);
      }
      if (items != nullptr) CheckValue(message, *entry.field, i, *items, item_path);
      if (recurse) CheckMessage(reflection.GetRepeatedMessage(message, entry.field, i), item_path);
    }
  }

  void CheckUnique(const Message& message, const FieldDescriptor& field, int count,
                   const FieldPath& path) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return;
    absl::flat_hash_set<std::string> texts;
    for (int i = 0; i < count; ++i) {
      const std::string text = RepeatedText(message, field, i);
      if (!texts.insert(text).second) {
        Error(path.Index(static_cast<size_t>(i)), Concat("given twice", QuoteValue(text)));
      }
    }
  }

  void CheckMap(const Message& message, const FieldPlan& entry, const FieldPath& path) {
    const Reflection& reflection = *message.GetReflection();
    const int count = reflection.FieldSize(message, entry.field);
    const validate::FieldRules empty;
    const validate::MapRules& rules = entry.rules == nullptr ? empty.map() : entry.rules->map();
    if (!(rules.ignore_empty() && count == 0)) {
      Error(path, CheckCount(static_cast<size_t>(count), rules.min_pairs(), rules.max_pairs(),
                             "entry", "entries"));
    }
    const FieldDescriptor& key = *entry.field->message_type()->map_key();
    const FieldDescriptor& value = *entry.field->message_type()->map_value();
    for (int i = 0; i < count; ++i) {
      const Message& pair = reflection.GetRepeatedMessage(message, entry.field, i);
      const std::string name = ValueText(pair, key);
      const FieldPath value_path = path.Key(name);
      if (rules.has_keys()) CheckValue(pair, key, -1, rules.keys(), value_path);
      if (rules.has_values()) CheckValue(pair, value, -1, rules.values(), value_path);
      if (entry.recurse) CheckMessage(pair.GetReflection()->GetMessage(pair, &value), value_path);
    }
  }

  void CheckSupported(const FieldDescriptor& field, int number, const FieldPath& path) {
    const EnumValueDescriptor* value = field.enum_type()->FindValueByNumber(number);
    if (value != nullptr && value->options().GetExtension(remora::annotations::v1::unsupported)) {
      Error(path, Concat("value ", value->name(), " is not supported by this version of Remora"));
    }
  }

  // The field's value, or its item of that index, against rules of its own type.
  void CheckValue(const Message& message, const FieldDescriptor& field, int index,
                  const validate::FieldRules& rules, const FieldPath& path) {
    const Reflection& r = *message.GetReflection();
    const auto get = [&](auto single, auto repeated) {
      return index < 0 ? (r.*single)(message, &field) : (r.*repeated)(message, &field, index);
    };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return Error(path,
                     Check(rules.bool_(), get(&Reflection::GetBool, &Reflection::GetRepeatedBool)));
      case FieldDescriptor::CPPTYPE_INT32:
        return Error(
            path, Check(rules.int32(), get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32)));
      case FieldDescriptor::CPPTYPE_INT64:
        return Error(
            path, Check(rules.int64(), get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64)));
      case FieldDescriptor::CPPTYPE_UINT32:
        return Error(path, Check(rules.uint32(),
                                 get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32)));
      case FieldDescriptor::CPPTYPE_UINT64:
        return Error(path, Check(rules.uint64(),
                                 get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64)));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Error(
            path, Check(rules.float_(), get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat)));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Error(path, Check(rules.double_(),
                                 get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble)));
      case FieldDescriptor::CPPTYPE_ENUM:
        return CheckEnum(rules.enum_(), *field.enum_type(),
                         get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue), path);
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string text = get(&Reflection::GetString, &Reflection::GetRepeatedString);
        return Error(path, field.type() == FieldDescriptor::TYPE_BYTES
                               ? Check(rules.bytes(), text)
                               : plans_.checks.Check(rules.string(), text));
      }
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return CheckMessageValue(index < 0 ? r.GetMessage(message, &field)
                                           : r.GetRepeatedMessage(message, &field, index),
                                 rules, path);
    }
  }

  void CheckMessageValue(const Message& value, const validate::FieldRules& rules,
                         const FieldPath& path) {
    const Descriptor& type = *value.GetDescriptor();
    if (const auto* duration = DynamicCastToGenerated<google::protobuf::Duration>(&value)) {
      Error(path, Check(rules.duration(), *duration));
    } else if (const auto* any = DynamicCastToGenerated<google::protobuf::Any>(&value)) {
      CheckTypeUrl(rules.any(), any->type_url(), path);
    } else if (IsWrapper(type)) {
      CheckValue(value, *type.field(0), -1, rules, path);
    }
  }

  void CheckTypeUrl(const validate::AnyRules& rules, const std::string& url,
                    const FieldPath& path) {
    const auto has = [&](const auto& urls) {
      return std::find(urls.begin(), urls.end(), url) != urls.end();
    };
    if ((!rules.in().empty() && !has(rules.in())) || has(rules.not_in())) {
      Error(path, Concat("a message of this type cannot stand here", QuoteValue(url)));
    }
  }

  void CheckEnum(const validate::EnumRules& rules, const EnumDescriptor& type, int number,
                 const FieldPath& path) {
    const EnumValueDescriptor* value = type.FindValueByNumber(number);
    const std::string text = value == nullptr ? absl::StrCat(number) : value->name();
    const auto has = [&](const auto& numbers) {
      return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
    };
    if (rules.defined_only() && value == nullptr) {
      Error(path, Concat("unknown value", QuoteValue(text)));
    } else if ((rules.has_const_() && number != rules.const_()) ||
               (!rules.in().empty() && !has(rules.in())) || has(rules.not_in())) {
      Error(path, Concat("this value cannot stand here", QuoteValue(text)));
    }
  }

  // Nothing if `message` is empty.
  void Error(const FieldPath& path, std::string_view message) {
    if (message.empty()) return;
    const std::string text = path.ToString();
    if (!read_.reported.Covers(text)) errors_.Add(text, message);
  }

  const ReadReport& read_;
  ErrorList& errors_;
  ErrorList& warnings_;
  RulePlans::State& plans_;
  int depth_ = 0;  // of messages of any type within each other
};

}  // namespace

void ValidateRules(const Message& message, const ReadReport& read, ErrorList& errors,
                   ErrorList& warnings, RulePlans& plans) {
  RuleWalk(read, errors, warnings, plans.state()).CheckMessage(message, FieldPath());
}

void ValidateRules(const Message& message, const ReadReport& read, ErrorList& errors,
                   ErrorList& warnings) {
  RulePlans plans;
  ValidateRules(message, read, errors, warnings, plans);
}

}  // namespace remora::config
