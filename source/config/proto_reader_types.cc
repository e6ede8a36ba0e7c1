// The messages that the protobuf JSON mapping writes in a way of their own.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/time_util.h"
#include "source/config/proto_reader_message.h"
#include "source/config/proto_reader_scalars.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DynamicCastToGenerated;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kTypePrefix = "type.googleapis.com/";

bool IsWrapper(const Descriptor& type) {
  return type.file()->name() == "google/protobuf/wrappers.proto";
}

// Those whose JSON form is one text.
bool IsTextual(const Descriptor& type) {
  return type.full_name() == "google.protobuf.Duration" ||
         type.full_name() == "google.protobuf.Timestamp" ||
         type.full_name() == "google.protobuf.FieldMask";
}

bool HasOwnForm(const Descriptor& type) {
  return IsWrapper(type) || IsTextual(type) ||
         type.file()->name() == "google/protobuf/struct.proto" ||
         type.full_name() == "google.protobuf.Any";
}

std::string_view AfterLast(std::string_view text, char separator) {
  const size_t at = text.rfind(separator);
  return at == std::string_view::npos ? text : text.substr(at + 1);
}

bool IsTypedStruct(std::string_view name) {
  return name == "xds.type.v3.TypedStruct" || name == "udpa.type.v1.TypedStruct";
}

bool SetTimestamp(const std::string& text, google::protobuf::Timestamp& out) {
  return google::protobuf::util::TimeUtil::FromString(text, &out);
}

bool SetFieldMask(std::string_view text, google::protobuf::FieldMask& out) {
  for (const absl::string_view path : absl::StrSplit(ToAbsl(text), ',', absl::SkipEmpty())) {
    std::optional<std::string> snake = SnakeCase(std::string_view(path.data(), path.size()));
    if (!snake.has_value()) return false;
    out.add_paths(*std::move(snake));
  }
  return true;
}

}  // namespace

bool MessageReader::ReadSpecial(const Node& node, Message& message, const FieldPath& path) {
  const Descriptor& type = *message.GetDescriptor();
  if (!HasOwnForm(type)) return false;
  if (auto* any = DynamicCastToGenerated<google::protobuf::Any>(&message)) {
    ReadAny(node, *any, path);
  } else if (auto* fields = DynamicCastToGenerated<google::protobuf::Struct>(&message)) {
    ReadStruct(node, *fields, path);
  } else if (auto* list = DynamicCastToGenerated<google::protobuf::ListValue>(&message)) {
    ReadList(node, *list, path);
  } else if (auto* value = DynamicCastToGenerated<google::protobuf::Value>(&message)) {
    ReadDynamic(node, *value, path);
  } else if (node.kind == NodeKind::kMap) {
    return false;  // As Envoy: {seconds: 5} for a Duration, {value: true} for a BoolValue.
  } else if (IsWrapper(type)) {
    ReadValue(node, *type.field(0), message, path);
  } else {
    ReadTextual(node, message, path);
  }
  return true;
}

void MessageReader::ReadTextual(const Node& node, Message& message, const FieldPath& path) {
  const bool text = node.kind == NodeKind::kString;
  if (auto* duration = DynamicCastToGenerated<google::protobuf::Duration>(&message)) {
    const std::optional<SecondsAndNanos> parsed =
        text ? ReadDuration(node.text) : std::optional<SecondsAndNanos>();
    if (!parsed.has_value()) {
      return Error(node.mark, path,
                   Concat("expected a duration in seconds, such as 5s or 0.25s", Describe(node)));
    }
    duration->set_seconds(parsed->seconds);
    duration->set_nanos(parsed->nanos);
  } else if (auto* timestamp = DynamicCastToGenerated<google::protobuf::Timestamp>(&message)) {
    if (!text || !SetTimestamp(node.text, *timestamp)) {
      Error(node.mark, path,
            Concat("expected a time such as 2024-05-01T10:00:00Z", Describe(node)));
    }
  } else if (auto* mask = DynamicCastToGenerated<google::protobuf::FieldMask>(&message)) {
    if (!text || !SetFieldMask(node.text, *mask)) {
      Error(node.mark, path,
            Concat("expected camelCase field names with commas between", Describe(node)));
    }
  }
}

void MessageReader::ReadStruct(const Node& node, google::protobuf::Struct& out,
                               const FieldPath& path) {
  if (node.kind != NodeKind::kMap) {
    return Error(node.mark, path, Concat("expected a map", Describe(node)));
  }
  for (const Node::Entry& entry : node.entries) {
    ReadDynamic(*entry.value, (*out.mutable_fields())[entry.key], path.Key(entry.key));
  }
}

void MessageReader::ReadList(const Node& node, google::protobuf::ListValue& out,
                             const FieldPath& path) {
  if (node.kind != NodeKind::kSequence) {
    return Error(node.mark, path, Concat("expected a list", Describe(node)));
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    ReadDynamic(*node.items[i], *out.add_values(), path.Index(i));
  }
}

void MessageReader::ReadDynamic(const Node& node, google::protobuf::Value& out,
                                const FieldPath& path) {
  switch (node.kind) {
    case NodeKind::kNull:
      return out.set_null_value(google::protobuf::NULL_VALUE);
    case NodeKind::kBool:
      return out.set_bool_value(node.bool_value);
    case NodeKind::kNumber: {
      double number = 0;
      if (!absl::SimpleAtod(node.text, &number)) {
        return Error(node.mark, path, Concat("expected a number", Describe(node)));
      }
      return out.set_number_value(number);
    }
    case NodeKind::kString:
      return out.set_string_value(node.text);
    case NodeKind::kSequence:
      return ReadList(node, *out.mutable_list_value(), path);
    case NodeKind::kMap:
      return ReadStruct(node, *out.mutable_struct_value(), path);
  }
}

void MessageReader::ReadAny(const Node& node, google::protobuf::Any& any, const FieldPath& path) {
  if (node.kind != NodeKind::kMap) {
    return Error(node.mark, path, Concat("expected a map with \"@type\"", Describe(node)));
  }
  if (node.entries.empty()) return;
  const Node::Entry* type = node.Find("@type");
  if (type == nullptr) {
    return Error(node.entries.front().mark, path, "\"@type\" is missing");
  }
  const Node& url = *type->value;
  const size_t slash = url.text.rfind('/');
  if (url.kind != NodeKind::kString || slash == std::string::npos || slash == 0) {
    return Error(
        url.mark, path,
        Concat("\"@type\" has to be a type's full name after ", kTypePrefix, Describe(url)));
  }
  if (IsTypedStruct(AfterLast(url.text, '/'))) return ReadTypedStruct(node, any, path);
  ReadPayload(node, url.text, url.mark, /*is_struct=*/false, any, path);
}

// {"@type": .../xds.type.v3.TypedStruct, type_url: T, value: {fields of T}}: what a control plane
// writes that does not have T's descriptor. Read as the T that it stands for.
void MessageReader::ReadTypedStruct(const Node& node, google::protobuf::Any& any,
                                    const FieldPath& path) {
  Node no_fields;
  no_fields.kind = NodeKind::kMap;
  const Node* url = nullptr;
  const Node* value = &no_fields;
  for (const Node::Entry& entry : node.entries) {
    if (entry.key == "type_url" || entry.key == "typeUrl") {
      url = entry.value;
    } else if (entry.key == "value") {
      if (entry.value->kind != NodeKind::kNull) value = entry.value;
    } else if (entry.key != "@type") {
      Unknown(entry.mark, path.Field(entry.key), "unknown field of a TypedStruct");
    }
  }
  if (url == nullptr || url->kind != NodeKind::kString || url->text.empty()) {
    return Error(url == nullptr ? node.mark : url->mark, path,
                 "a TypedStruct needs \"type_url\", the type that \"value\" is of");
  }
  ReadPayload(*value, url->text, url->mark, /*is_struct=*/true, any, path);
}

// `is_struct`: `fields` holds nothing but the fields of the type (there is no "@type" among them).
void MessageReader::ReadPayload(const Node& fields, std::string_view type_url, Mark type_mark,
                                bool is_struct, google::protobuf::Any& any, const FieldPath& path) {
  const std::string name(AfterLast(type_url, '/'));
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  const Message* prototype =
      type == nullptr ? nullptr
                      : google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  if (prototype == nullptr) {
    return Error(type_mark, path,
                 Concat("type \"", type_url, "\" is not supported by this build",
                        DidYouMean(SuggestType(name))));
  }
  const std::unique_ptr<Message> payload(prototype->New());
  if (is_struct) {
    Read(fields, *payload, path);
  } else if (!HasOwnForm(*type)) {
    ReadFields(fields, *payload, path, "@type");
  } else {
    for (const Node::Entry& entry : fields.entries) {
      if (entry.key == "value") {
        Read(*entry.value, *payload, path);
      } else if (entry.key != "@type") {
        Error(entry.mark, path.Field(entry.key),
              Concat("beside \"@type\" only \"value\" can stand with a ", name));
      }
    }
  }
  any.set_type_url(Concat(kTypePrefix, name));
  any.set_value(payload->SerializeAsString());
}

// The nearest extension type; else the one with the same last name, which finds v3 for v2.
std::string MessageReader::SuggestType(std::string_view name) const {
  std::vector<std::string_view> candidates;
  std::string_view same_last_name;
  for (const std::string& candidate : options_.extension_types) {
    candidates.push_back(candidate);
    if (AfterLast(candidate, '.') == AfterLast(name, '.')) same_last_name = candidate;
  }
  const std::string_view nearest = NearestWord(name, candidates);
  const std::string_view best = nearest.empty() ? same_last_name : nearest;
  return best.empty() ? "" : Concat(kTypePrefix, best);
}

}  // namespace remora::config
