#include "source/config/proto_reader.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "source/config/proto_reader_message.h"
#include "source/config/proto_reader_scalars.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

constexpr std::string_view kNotSupported = "not supported by this version of Remora";

const FieldDescriptor* FindField(const Descriptor& type, const std::string& name) {
  const FieldDescriptor* field = type.FindFieldByName(name);
  if (field != nullptr) return field;
  // By its camelCase name, which is the JSON name of every field of the API.
  field = type.FindFieldByCamelcaseName(name);
  return field != nullptr && field->json_name() == name ? field : nullptr;
}

// Does the value say no more than "not set", whatever the type of the field is? Writers that print
// every default (64-bit numbers as "0") do so for fields that are newer than this version.
bool IsDefaultValue(const Node& node) {
  switch (node.kind) {
    case NodeKind::kNull:
      return true;
    case NodeKind::kBool:
      return !node.bool_value;
    case NodeKind::kNumber:
    case NodeKind::kString: {
      double value = 1;
      return node.text.empty() || (absl::SimpleAtod(node.text, &value) && value == 0);
    }
    case NodeKind::kSequence:
      return node.items.empty();
    case NodeKind::kMap:
      return node.entries.empty();
  }
  return false;
}

bool IsReserved(const Descriptor& type, const std::string& name) {
  if (type.IsReservedName(name)) return true;
  const std::optional<std::string> snake = SnakeCase(name);
  return snake.has_value() && type.IsReservedName(*snake);
}

// An empty message is still a message that is there: `http2_protocol_options: {}` makes a cluster
// speak HTTP/2, `outlier_detection: {}` ejects hosts. Only these say nothing when they are empty.
bool MeansNothingWhenEmpty(const std::string& name) {
  static constexpr std::string_view kNames[] = {"common_lb_config", "common_http_protocol_options",
                                                "http_protocol_options",
                                                "upstream_http_protocol_options", "metadata"};
  const std::string snake = SnakeCase(name).value_or(name);
  return std::find(std::begin(kNames), std::end(kNames), snake) != std::end(kNames);
}

// The unsupported fields that are maps of protobuf: there, `{}` is what a field that was never set
// looks like. Writers that give every field its default value (Cloud Foundry's cells) have them
// all.
bool IsUnsupportedMap(const std::string& name) {
  static constexpr std::string_view kNames[] = {"certificate_provider_instances",
                                                "dynamic_parameters", "named_endpoints"};
  const std::string snake = SnakeCase(name).value_or(name);
  return std::find(std::begin(kNames), std::end(kNames), snake) != std::end(kNames);
}

const EnumValueDescriptor* FindEnumValue(const EnumDescriptor& type, const std::string& name) {
  if (const EnumValueDescriptor* value = type.FindValueByName(name)) return value;
  std::string upper = absl::AsciiStrToUpper(name);
  for (char& c : upper) {
    if (c == '-') c = '_';
  }
  if (const EnumValueDescriptor* value = type.FindValueByName(upper)) return value;
  for (int i = 0; i < type.value_count(); ++i) {
    if (absl::EqualsIgnoreCase(type.value(i)->name(), upper)) return type.value(i);
  }
  return nullptr;
}

template <typename T>
std::string Range() {
  return Concat("expected a whole number from ", std::numeric_limits<T>::min(), " to ",
                std::numeric_limits<T>::max());
}

}  // namespace

void ReadMessage(const Document& document, const ReadOptions& options, Message& message,
                 ReadReport& report) {
  MessageReader(document, options, report).Read(document.root(), message, FieldPath());
}

void MessageReader::Read(const Node& node, Message& message, const FieldPath& path) {
  if (!ReadSpecial(node, message, path)) ReadFields(node, message, path);
}

void MessageReader::ReadFields(const Node& node, Message& message, const FieldPath& path,
                               std::string_view skip) {
  if (node.kind != NodeKind::kMap) {
    return Error(node.mark, path, Concat("expected a map of fields", Describe(node)));
  }
  std::vector<Seen> seen;
  for (const Node::Entry& entry : node.entries) {
    if (skip.empty() || entry.key != skip) ReadEntry(entry, message, path, seen);
  }
}

void MessageReader::ReadEntry(const Node::Entry& entry, Message& message, const FieldPath& path,
                              std::vector<Seen>& seen) {
  const FieldDescriptor* field = FindField(*message.GetDescriptor(), entry.key);
  if (field == nullptr) return UnknownField(entry, message, path);
  // Null means "not set", but for google.protobuf.Value, where it is a value.
  const bool null = entry.value->kind == NodeKind::kNull;
  const bool takes_null = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
                          !field->is_repeated() &&
                          field->message_type()->full_name() == "google.protobuf.Value";
  if (null && !takes_null) return;
  const FieldPath field_path = path.Field(field->name());
  if (!MayBeSet(entry, *field, field_path, seen)) return;
  if (field->is_map()) {
    ReadMap(*entry.value, *field, message, field_path);
  } else if (field->is_repeated()) {
    ReadRepeated(*entry.value, *field, message, field_path);
  } else {
    ReadValue(*entry.value, *field, message, field_path);
  }
}

// Was the field given before under its other name, or another member of its oneof?
bool MessageReader::MayBeSet(const Node::Entry& entry, const FieldDescriptor& field,
                             const FieldPath& path, std::vector<Seen>& seen) {
  const OneofDescriptor* oneof = field.real_containing_oneof();
  for (const Seen& other : seen) {
    if (other.field == &field) {
      Error(entry.mark, path,
            Concat("given twice, as \"", other.key, "\" and as \"", entry.key, "\""));
      return false;
    }
    if (oneof != nullptr && other.field->real_containing_oneof() == oneof) {
      Error(entry.mark, path,
            Concat("only one of \"", other.key, "\" and \"", entry.key, "\" can be set"));
      return false;
    }
  }
  seen.push_back(Seen{&field, entry.key});
  return true;
}

void MessageReader::ReadRepeated(const Node& node, const FieldDescriptor& field, Message& message,
                                 const FieldPath& path) {
  if (node.kind != NodeKind::kSequence) {
    // A google.protobuf.ListValue or Struct would be read as one item as well, as by Envoy.
    return ReadValue(node, field, message, path.Index(0));
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    ReadValue(*node.items[i], field, message, path.Index(i));
  }
}

void MessageReader::ReadMap(const Node& node, const FieldDescriptor& field, Message& message,
                            const FieldPath& path) {
  if (node.kind != NodeKind::kMap) {
    return Error(node.mark, path, Concat("expected a map", Describe(node)));
  }
  const Descriptor& type = *field.message_type();
  for (const Node::Entry& entry : node.entries) {
    const FieldPath value_path = path.Key(entry.key);
    Message* pair = message.GetReflection()->AddMessage(&message, &field);
    ReadMapKey(entry, *type.map_key(), *pair, value_path);
    ReadValue(*entry.value, *type.map_value(), *pair, value_path);
  }
}

void MessageReader::ReadMapKey(const Node::Entry& entry, const FieldDescriptor& key_field,
                               Message& pair, const FieldPath& path) {
  if (key_field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return pair.GetReflection()->SetString(&pair, &key_field, entry.key);
  }
  Node key;
  key.kind = NodeKind::kString;
  key.mark = entry.mark;
  key.text = entry.key;
  ReadValue(key, key_field, pair, path);
}

void MessageReader::ReadValue(const Node& node, const FieldDescriptor& field, Message& message,
                              const FieldPath& path) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      Message* value = field.is_repeated() ? reflection.AddMessage(&message, &field)
                                           : reflection.MutableMessage(&message, &field);
      // A null in a list or a map is an item with nothing set (elsewhere it does not come here).
      const bool item = field.is_repeated() || field.containing_type()->map_key() != nullptr;
      const bool empty = item && node.kind == NodeKind::kNull &&
                         field.message_type()->full_name() != "google.protobuf.Value";
      if (!empty) Read(node, *value, path);
      return;
    }
    case FieldDescriptor::CPPTYPE_ENUM:
      return ReadEnum(node, field, message, path);
    case FieldDescriptor::CPPTYPE_STRING:
      return ReadText(node, field, message, path);
    default:
      return ReadNumber(node, field, message, path);
  }
}

void MessageReader::ReadNumber(const Node& node, const FieldDescriptor& field, Message& message,
                               const FieldPath& path) {
  const Reflection& reflection = *message.GetReflection();
  const bool null = node.kind == NodeKind::kNull;  // An item of a list: the default value.
  // Sets or adds `value` (an optional) as T, or says what was expected.
  const auto store = [&](auto value, auto set, auto add, std::string_view expected) {
    if (!value.has_value() && !null) {
      return Error(node.mark, path, Concat(expected, Describe(node)));
    }
    if (field.is_repeated()) {
      (reflection.*add)(&message, &field, value.value_or(0));
    } else {
      (reflection.*set)(&message, &field, value.value_or(0));
    }
  };
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return store(ReadBool(node), &Reflection::SetBool, &Reflection::AddBool,
                   "expected true or false");
    case FieldDescriptor::CPPTYPE_INT32:
      return store(ReadSigned(node, INT32_MIN, INT32_MAX), &Reflection::SetInt32,
                   &Reflection::AddInt32, Range<int32_t>());
    case FieldDescriptor::CPPTYPE_INT64:
      return store(ReadSigned(node, INT64_MIN, INT64_MAX), &Reflection::SetInt64,
                   &Reflection::AddInt64, Range<int64_t>());
    case FieldDescriptor::CPPTYPE_UINT32:
      return store(ReadUnsigned(node, UINT32_MAX), &Reflection::SetUInt32, &Reflection::AddUInt32,
                   Range<uint32_t>());
    case FieldDescriptor::CPPTYPE_UINT64:
      return store(ReadUnsigned(node, UINT64_MAX), &Reflection::SetUInt64, &Reflection::AddUInt64,
                   Range<uint64_t>());
    case FieldDescriptor::CPPTYPE_FLOAT:
      return store(ReadDouble(node), &Reflection::SetFloat, &Reflection::AddFloat,
                   "expected a number");
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return store(ReadDouble(node), &Reflection::SetDouble, &Reflection::AddDouble,
                   "expected a number");
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_STRING:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return;  // ReadValue has taken these elsewhere.
  }
}

void MessageReader::ReadText(const Node& node, const FieldDescriptor& field, Message& message,
                             const FieldPath& path) {
  std::string text = node.kind == NodeKind::kNull ? "" : node.text;
  if (node.kind == NodeKind::kBool || node.kind == NodeKind::kNumber) {
    return Error(
        node.mark, path,
        Concat("expected a string, found a ", node.kind == NodeKind::kBool ? "boolean" : "number",
               "; put it in quotes if it is meant as text", Describe(node)));
  }
  if (node.kind == NodeKind::kSequence || node.kind == NodeKind::kMap) {
    return Error(node.mark, path, Concat("expected a string", Describe(node)));
  }
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    std::optional<std::string> bytes = ReadBase64(text);
    if (!bytes.has_value()) {
      return Error(node.mark, path, Concat("expected bytes in base64", Describe(node)));
    }
    text = *std::move(bytes);
  }
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddString(&message, &field, std::move(text));
  } else {
    reflection.SetString(&message, &field, std::move(text));
  }
}

void MessageReader::ReadEnum(const Node& node, const FieldDescriptor& field, Message& message,
                             const FieldPath& path) {
  const EnumDescriptor& type = *field.enum_type();
  const bool null = node.kind == NodeKind::kNull;
  std::optional<int64_t> number = null ? 0 : ReadSigned(node, INT32_MIN, INT32_MAX);
  if (!number.has_value() && node.kind == NodeKind::kString) {
    const EnumValueDescriptor* value = FindEnumValue(type, node.text);
    if (value == nullptr) {
      std::vector<std::string_view> names;
      for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
      return Unknown(
          node.mark, path,
          Concat("unknown value", Describe(node), DidYouMean(NearestWord(node.text, names))));
    }
    number = value->number();
  }
  if (!number.has_value()) {
    const std::string_view quotes =
        node.kind == NodeKind::kBool ? "; yes, no, on and off have to be quoted" : "";
    return Error(node.mark, path,
                 Concat("expected the name or the number of a value", quotes, Describe(node)));
  }
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    reflection.AddEnumValue(&message, &field, static_cast<int>(*number));
  } else {
    reflection.SetEnumValue(&message, &field, static_cast<int>(*number));
  }
}

void MessageReader::UnknownField(const Node::Entry& entry, const Message& message,
                                 const FieldPath& path) {
  const Descriptor& type = *message.GetDescriptor();
  const FieldPath field_path = path.Field(entry.key);
  const bool reserved = IsReserved(type, entry.key);
  if (reserved && IsUnsupportedMap(entry.key) && IsDefaultValue(*entry.value)) return;
  const bool switches_on =
      reserved && entry.value->kind == NodeKind::kMap && !MeansNothingWhenEmpty(entry.key);
  if (IsDefaultValue(*entry.value) && !switches_on) {
    if (reserved && entry.value->kind == NodeKind::kMap) {
      report_.passed_over[path.ToString()].push_back(
          ConfigError{document_.file(), entry.mark.line, entry.mark.column, field_path.ToString(),
                      std::string(kNotSupported)});
      report_.warnings.Add(
          ConfigError{document_.file(), entry.mark.line, entry.mark.column, field_path.ToString(),
                      Concat(kNotSupported, "; taken for not set because it is empty")});
    }
    return;
  }
  if (switches_on) {
    // It may be the member of a required oneof: nothing more is to be said about that.
    report_.passed_over[path.ToString()];
  }
  if (reserved) return Unknown(entry.mark, field_path, std::string(kNotSupported));
  std::vector<std::string_view> names;
  const bool camel_case = std::any_of(entry.key.begin(), entry.key.end(), [](char c) {
    return absl::ascii_isupper(static_cast<unsigned char>(c));
  });
  for (int i = 0; i < type.field_count(); ++i) {
    names.push_back(camel_case ? type.field(i)->json_name() : type.field(i)->name());
  }
  const std::string_view nearest = NearestWord(entry.key, names);
  Unknown(entry.mark, field_path, Concat("unknown field", DidYouMean(nearest)));
  if (nearest.empty()) return;
  // What was meant to be set must not be reported as missing on top of that.
  const FieldDescriptor* meant = FindField(type, std::string(nearest));
  if (meant != nullptr) report_.reported.Add(path.Field(meant->name()).ToString());
}

void MessageReader::Error(Mark mark, const FieldPath& path, std::string_view message) {
  std::string text = path.ToString();
  report_.reported.Add(text);
  report_.errors.Add(
      ConfigError{document_.file(), mark.line, mark.column, std::move(text), std::string(message)});
}

void MessageReader::Unknown(Mark mark, const FieldPath& path, const std::string& message) {
  ++report_.unknown_fields;
  switch (options_.unknown_fields) {
    case UnknownFieldPolicy::kReject:
      return Error(mark, path, message);
    case UnknownFieldPolicy::kWarn:
      return report_.warnings.Add(ConfigError{document_.file(), mark.line, mark.column,
                                              path.ToString(), Concat("ignored: ", message)});
    case UnknownFieldPolicy::kIgnore:
      return;
  }
}

}  // namespace remora::config
