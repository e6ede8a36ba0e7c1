#include "source/extensions/http_filters/header_to_metadata/header_to_metadata.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.pb.h"
#include "google/protobuf/struct.pb.h"
#include "source/config/extension_values.h"
#include "source/config/format_config.h"
#include "source/http/route/hash_policy.h"

namespace remora::extensions {
namespace {

using http::MetadataValue;
using Proto = HeaderToMetadata::Proto;
using Rule = HeaderToMetadata::Rule;
using Target = HeaderToMetadata::Target;
using Type = HeaderToMetadata::Type;

constexpr const char* kDefaultName = "envoy.filters.http.header_to_metadata";

Type ParseType(Proto::ValueType type) {
  switch (type) {
    case Proto::NUMBER:
      return Type::kNumber;
    case Proto::PROTOBUF_VALUE:
      return Type::kValue;
    default:
      return Type::kString;
  }
}

Target ParseTarget(const Proto::KeyValuePair& proto, const std::string& field,
                   config::ConfigContext& context) {
  Target target;
  target.name_space =
      proto.metadata_namespace().empty() ? kDefaultName : proto.metadata_namespace();
  target.key = proto.key();
  target.value = proto.value();
  target.type = ParseType(proto.type());
  target.base64 = proto.encode() == Proto::BASE64;
  if (!proto.has_regex_value_rewrite()) return target;
  if (!proto.value().empty()) {
    context.AddError(field, "Cannot specify both value and regex_value_rewrite");
  }
  target.rewrite = config::ParseRegexSubstitution(proto.regex_value_rewrite(),
                                                  field + ".regex_value_rewrite", context);
  return target;
}

Rule ParseRule(const Proto::Rule& proto, const std::string& field, config::ConfigContext& context) {
  Rule rule;
  rule.header = absl::AsciiStrToLower(proto.header());
  rule.cookie = proto.cookie();
  rule.removes = proto.remove();
  if (rule.header.empty() && rule.cookie.empty()) {
    context.AddError(field, "One of Cookie or Header option needs to be specified");
  }
  if (!rule.header.empty() && !rule.cookie.empty()) {
    context.AddError(field, "Cannot specify both header and cookie in the same rule");
  }
  if (!rule.cookie.empty() && rule.removes) {
    context.AddError(field + ".remove", "Cannot specify remove for cookie");
  }
  if (proto.has_on_header_present()) {
    rule.present = ParseTarget(proto.on_header_present(), field + ".on_header_present", context);
  }
  if (proto.has_on_header_missing()) {
    rule.missing = ParseTarget(proto.on_header_missing(), field + ".on_header_missing", context);
    if (rule.missing->value.empty()) {
      context.AddError(field + ".on_header_missing.value",
                       "Cannot specify on_header_missing rule with an empty value");
    }
  }
  if (!rule.present.has_value() && !rule.missing.has_value()) {
    context.AddError(field, "has neither `on_header_present` nor `on_header_missing` set");
  }
  return rule;
}

std::vector<Rule> ParseRules(const google::protobuf::RepeatedPtrField<Proto::Rule>& protos,
                             const std::string& field, config::ConfigContext& context) {
  std::vector<Rule> rules;
  for (int i = 0; i < protos.size(); ++i) {
    rules.push_back(ParseRule(protos[i], absl::StrCat(field, "[", i, "]"), context));
  }
  return rules;
}

// All values of a field, joined.
std::optional<std::string> FindField(const http::HeaderMap& headers, std::string_view name) {
  std::optional<std::string> found;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.name() != name) return;
    if (!found.has_value()) {
      found = entry.value();
    } else {
      absl::StrAppend(&*found, ",", std::string(entry.value()));
    }
  });
  return found;
}

std::optional<std::string> Find(const Rule& rule, const http::RequestHead& head) {
  if (rule.header.empty()) {
    const auto cookie = route::FindCookie(head, rule.cookie);
    if (!cookie.has_value() || cookie->empty()) return std::nullopt;
    return std::string(*cookie);
  }
  if (rule.header != "host" && !rule.header.starts_with(':')) {
    return FindField(head.headers, rule.header);
  }
  const std::string_view part = route::RequestField(rule.header).First(head);
  if (part.empty()) return std::nullopt;
  return std::string(part);
}

std::optional<std::string> Find(const Rule& rule, const http::ResponseHead& head) {
  if (rule.header.empty()) return std::nullopt;
  if (rule.header == ":status") return std::to_string(head.status);
  return FindField(head.headers, rule.header);
}

}  // namespace

std::optional<MetadataValue> ToMetadata(const Target& target, std::string_view text) {
  std::string bytes(text);
  if (bytes.empty() || bytes.size() > HeaderToMetadata::kMaxValue) return std::nullopt;
  if (target.base64 && !absl::Base64Unescape(std::string(text), &bytes)) return std::nullopt;
  if (bytes.empty()) return std::nullopt;
  MetadataValue value;
  switch (target.type) {
    case Type::kString:
      value.kind = MetadataValue::Kind::kString;
      value.text = std::move(bytes);
      return value;
    case Type::kNumber:
      value.kind = MetadataValue::Kind::kNumber;
      if (!absl::SimpleAtod(bytes, &value.number)) return std::nullopt;
      return value;
    case Type::kValue: {
      google::protobuf::Struct holder;
      if (!(*holder.mutable_fields())["value"].ParseFromString(bytes)) return std::nullopt;
      return config::ToMetadataValue(holder).fields["value"];
    }
  }
  return std::nullopt;
}

std::optional<HeaderToMetadata::Config> HeaderToMetadata::Parse(const Proto& proto,
                                                                config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  config.request = ParseRules(proto.request_rules(), "request_rules", context);
  config.response = ParseRules(proto.response_rules(), "response_rules", context);
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<HeaderToMetadata::RouteConfig> HeaderToMetadata::ParseRoute(
    const RouteProto& proto, config::ConfigContext& context) {
  if (proto.request_rules().empty() && proto.response_rules().empty()) {
    context.AddError("",
                     "Per filter configs must at least specify either request or response rules");
    return std::nullopt;
  }
  return Parse(proto, context);
}

http::FilterPtr HeaderToMetadata::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<HeaderToMetadataFilter>(config, context);
}

const HeaderToMetadata::Config& HeaderToMetadataFilter::config() const {
  const auto* const route = context_.RouteConfig<HeaderToMetadata::RouteConfig>();
  return route != nullptr ? *route : config_;
}

void HeaderToMetadataFilter::Apply(const Rule& rule, const std::optional<std::string>& found) {
  const std::optional<Target>& target = found.has_value() ? rule.present : rule.missing;
  if (!target.has_value()) return;
  std::string text = target->value;
  if (text.empty() && found.has_value()) text = *found;
  if (target->rewrite != nullptr) text = target->rewrite->Apply(text).value_or(text);
  std::optional<MetadataValue> value = ToMetadata(*target, text);
  if (!value.has_value()) return;
  metadata_.Open(context_.stream_info(), target->name_space).fields[target->key] =
      *std::move(value);
}

http::Answer HeaderToMetadataFilter::OnRequestHead(http::RequestHead& head) {
  for (const Rule& rule : config().request) {
    const std::optional<std::string> found = Find(rule, head);
    Apply(rule, found);
    if (rule.removes && found.has_value()) head.headers.Remove(rule.header);
  }
  return http::Answer::kContinue;
}

http::Answer HeaderToMetadataFilter::OnResponseHead(http::ResponseHead& head) {
  for (const Rule& rule : config().response) {
    const std::optional<std::string> found = Find(rule, head);
    Apply(rule, found);
    if (rule.removes && found.has_value()) head.headers.Remove(rule.header);
  }
  return http::Answer::kContinue;
}

}  // namespace remora::extensions
