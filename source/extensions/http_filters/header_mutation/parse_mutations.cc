#include "source/extensions/http_filters/header_mutation/parse_mutations.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "google/protobuf/struct.pb.h"
#include "source/config/matcher_config.h"

namespace remora::extensions {
namespace {

using config::ConfigContext;
using FieldProto = envoy::config::common::mutation_rules::v3::HeaderMutation;
using FieldProtos = google::protobuf::RepeatedPtrField<FieldProto>;
using OptionProto = envoy::config::core::v3::HeaderValueOption;
using ParameterProto = envoy::config::core::v3::KeyValueMutation;
using AppendProto = envoy::config::core::v3::KeyValueAppend;

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The enums of header fields and of parameters have the same values.
AppendAction ActionOf(int value) {
  switch (value) {
    case OptionProto::ADD_IF_ABSENT:
      return AppendAction::kAddIfAbsent;
    case OptionProto::OVERWRITE_IF_EXISTS_OR_ADD:
      return AppendAction::kOverwriteIfExistsOrAdd;
    case OptionProto::OVERWRITE_IF_EXISTS:
      return AppendAction::kOverwriteIfExists;
    default:
      return AppendAction::kAppendIfExistsOrAdd;
  }
}
static_assert(static_cast<int>(OptionProto::OVERWRITE_IF_EXISTS) ==
              static_cast<int>(AppendProto::OVERWRITE_IF_EXISTS));

std::optional<ValueFormat> ParseValue(const std::string& text, const std::string& path,
                                      ConfigContext& context) {
  absl::StatusOr<ValueFormat> format = ValueFormat::Parse(text);
  if (format.ok()) return *std::move(format);
  context.AddError(path, MessageOf(format.status()));
  return std::nullopt;
}

void ParseAdd(const OptionProto& proto, const std::string& path, ConfigContext& context,
              std::vector<FieldMutation>& out) {
  const auto& header = proto.header();
  const std::string name = absl::AsciiStrToLower(header.key());
  if (name[0] == ':' || name == "host") {
    context.AddError(absl::StrCat(path, ".header.key"),
                     ":-prefixed or host headers may not be modified");
    return;
  }
  if (!http::IsValidHeaderName(name)) {
    context.AddError(absl::StrCat(path, ".header.key"), "this is no name of a header field");
    return;
  }
  AddField mutation;
  mutation.name = name;
  mutation.keep_empty = proto.keep_empty_value();
  mutation.action = ActionOf(proto.append_action());
  if (proto.has_append()) {
    if (proto.append_action() != OptionProto::APPEND_IF_EXISTS_OR_ADD) {
      context.AddError(absl::StrCat(path, ".append"),
                       "Both append and append_action are set and it's not allowed");
      return;
    }
    if (!proto.append().value()) mutation.action = AppendAction::kOverwriteIfExistsOrAdd;
  }
  const bool raw = header.value().empty() && !header.raw_value().empty();
  const std::string& value = raw ? header.raw_value() : header.value();
  const std::string value_path = absl::StrCat(path, raw ? ".header.raw_value" : ".header.value");
  if (!http::IsValidHeaderValue(value)) {
    context.AddError(value_path, "a header field cannot hold control characters");
    return;
  }
  std::optional<ValueFormat> format =
      raw ? ValueFormat::Literal(value) : ParseValue(value, value_path, context);
  if (!format.has_value()) return;
  mutation.value = *std::move(format);
  out.push_back(std::move(mutation));
}

void ParseRemove(const std::string& proto, const std::string& path, bool request,
                 ConfigContext& context, std::vector<FieldMutation>& out) {
  const std::string name = absl::AsciiStrToLower(proto);
  if (name[0] == ':' || (request && name == "host")) {
    context.AddError(absl::StrCat(path, ".remove"),
                     absl::StrCat("\"", proto, "\" cannot be removed: no message is without it"));
    return;
  }
  out.push_back(RemoveField{name});
}

std::vector<FieldMutation> ParseFields(const FieldProtos& protos, const std::string& path,
                                       bool request, ConfigContext& context) {
  std::vector<FieldMutation> out;
  for (int i = 0; i < protos.size(); ++i) {
    const FieldProto& proto = protos[i];
    const std::string here = absl::StrCat(path, "[", i, "]");
    switch (proto.action_case()) {
      case FieldProto::kRemove:
        // Envoy takes an empty name too, and removes nothing.
        if (!proto.remove().empty()) ParseRemove(proto.remove(), here, request, context, out);
        break;
      case FieldProto::kAppend:
        ParseAdd(proto.append(), here + ".append", context, out);
        break;
      case FieldProto::kRemoveOnMatch: {
        const config::Registry registry;
        config::ErrorList warnings;
        config::Translation translation{registry, context.errors(), warnings};
        const std::string matcher_path =
            absl::StrCat(context.path(), ".", here, ".remove_on_match.key_matcher");
        const config::FieldPath root;
        auto predicate = config::ParseStatPredicate(proto.remove_on_match().key_matcher(),
                                                    root.Field(matcher_path), translation);
        if (predicate != nullptr) out.push_back(RemoveMatchingFields{std::move(predicate)});
        break;
      }
      case FieldProto::ACTION_NOT_SET:
        break;  // a rule of the proto, checked by the loader
    }
  }
  return out;
}

void ParseParameter(const ParameterProto& proto, const std::string& path, ConfigContext& context,
                    std::vector<ParameterMutation>& out) {
  const bool removes = !proto.remove().empty();
  if (removes && proto.has_append()) {
    return context.AddError(path, "Only one of 'append'/'remove can be specified.");
  }
  if (removes) {
    out.push_back(RemoveParameter{proto.remove()});
    return;
  }
  if (!proto.has_append()) {
    return context.AddError(path, "One of 'append'/'remove' must be specified.");
  }
  if (!proto.append().has_record()) {
    return context.AddError(path + ".append", "No record specified for append mutation.");
  }
  const auto& record = proto.append().record();
  if (record.value().kind_case() != google::protobuf::Value::kStringValue) {
    return context.AddError(path + ".append.record.value",
                            "Only string value is allowed for record value.");
  }
  std::optional<ValueFormat> format =
      ParseValue(record.value().string_value(), path + ".append.record.value", context);
  if (!format.has_value()) return;
  out.push_back(AddParameter{record.key(), *std::move(format), ActionOf(proto.append().action())});
}

}  // namespace

Mutations ParseMutations(
    const envoy::extensions::filters::http::header_mutation::v3::Mutations& proto,
    std::string_view path, ConfigContext& context) {
  const std::string prefix = std::string(path) + ".";
  Mutations out;
  out.request = ParseFields(proto.request_mutations(), prefix + "request_mutations", true, context);
  out.request_trailers = ParseFields(proto.request_trailers_mutations(),
                                     prefix + "request_trailers_mutations", false, context);
  out.response =
      ParseFields(proto.response_mutations(), prefix + "response_mutations", false, context);
  out.response_trailers = ParseFields(proto.response_trailers_mutations(),
                                      prefix + "response_trailers_mutations", false, context);
  for (int i = 0; i < proto.query_parameter_mutations_size(); ++i) {
    ParseParameter(proto.query_parameter_mutations(i),
                   absl::StrCat(prefix, "query_parameter_mutations[", i, "]"), context,
                   out.parameters);
  }
  return out;
}

}  // namespace remora::extensions
