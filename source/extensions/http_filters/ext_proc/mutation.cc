#include "source/extensions/http_filters/ext_proc/mutation.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "envoy/config/common/mutation_rules/v3/header_mutation_rules.pb.h"
#include "envoy/service/ext_proc/v3/external_processor.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"
#include "source/http/codes.h"
#include "source/http/field_rules.h"
#include "source/http/request_part.h"

namespace remora::extensions {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using Rules = envoy::config::common::mutation_rules::v3::HeaderMutationRules;

// What a head may hold, Envoy's defaults; one that held more before may go on doing so.
constexpr size_t kMaxFields = 100;
constexpr size_t kMaxFieldBytes = 60 * 1024;

std::shared_ptr<const route::StringMatcher> ParseExpression(
    bool there, const envoy::type::matcher::v3::RegexMatcher& regex, const std::string& field,
    config::ConfigContext& context) {
  if (!there) return nullptr;
  envoy::type::matcher::v3::StringMatcher matcher;
  *matcher.mutable_safe_regex() = regex;
  return config::ParseStringMatcher(matcher, field, context);
}

bool IsRouting(std::string_view name) {
  return name == "host" || name == ":authority" || name == ":scheme" || name == ":method";
}

size_t BytesOf(const http::HeaderMap& fields) {
  size_t bytes = 0;
  fields.ForEach(
      [&](const http::HeaderEntry& entry) { bytes += entry.name().size() + entry.value().size(); });
  return bytes;
}

// One application of changes.
class Application {
 public:
  Application(const MutationRules& rules, const MutationTarget& target, stats::Counter rejected)
      : rules_(rules), target_(target), rejected_(rejected) {}

  absl::Status Remove(const std::string& given) const {
    const std::string name = absl::AsciiStrToLower(given);
    if (!IsName(name)) return Reject("header_mutation_remove_contains_invalid_character");
    if (rules_.Allow(ChangeKind::kRemove, name)) {
      target_.fields.Remove(name);
      return absl::OkStatus();
    }
    return NotAllowed("header_mutation_remove_headers_failed");
  }

  absl::Status Set(const HeaderValueOption& option) const {
    const std::string name = absl::AsciiStrToLower(option.header().key());
    if (target_.keep_length && name == "content-length") return absl::OkStatus();
    // As in Envoy: `value` is not read.
    const std::string& value = option.header().raw_value();
    if (!IsName(name) || !http::IsValidHeaderValue(value)) {
      return Reject("header_mutation_set_contains_invalid_character");
    }
    const bool append = option.append().value();
    const bool there = name.starts_with(':') || target_.fields.Find(name) != nullptr;
    const ChangeKind change = append && there ? ChangeKind::kAppend : ChangeKind::kSet;
    const bool method_of_new = target_.replacing && name == ":method";
    if ((rules_.Allow(change, name) || method_of_new) && Write(name, value, append)) {
      return absl::OkStatus();
    }
    return NotAllowed("header_mutation_set_headers_failed");
  }

  absl::Status CheckCount(int removed, int set) const {
    const auto limit = static_cast<int>(max_fields_);
    if (removed <= limit && set <= limit) return absl::OkStatus();
    return Reject("header_mutation_operation_count_exceeds_limit");
  }

  absl::Status CheckResult() const {
    if (target_.fields.size() <= max_fields_ && BytesOf(target_.fields) <= max_bytes_) {
      return absl::OkStatus();
    }
    return Reject("header_mutation_result_exceeds_limit");
  }

 private:
  static bool IsName(std::string_view name) {
    return http::IsValidHeaderName(name.starts_with(':') ? name.substr(1) : name);
  }

  static bool IsForTrailers(std::string_view name) {
    return http::AllowedInTrailers({name.data(), "", 0, static_cast<uint16_t>(name.size()),
                                    http::LookUpHeaderId(name), false});
  }

  // False: the value is not valid for what the name is.
  bool Write(const std::string& name, const std::string& value, bool append) const {
    const std::optional<http::RequestPart> part = http::FindRequestPart(name);
    if (target_.request != nullptr && part.has_value()) {
      return http::SetPart(*target_.request, *part, value);
    }
    if (name == ":status" && target_.status != nullptr) return SetStatus(value);
    // A part that this message does not have.
    if (name.starts_with(':') || (target_.trailers && !IsForTrailers(name))) return false;
    return append ? target_.fields.Add(name, value) : target_.fields.Set(name, value);
  }

  bool SetStatus(const std::string& value) const {
    uint32_t status = 0;
    if (!absl::SimpleAtoi(value, &status) || status < 200 || status > 599) return false;
    if (target_.with_body && http::StatusForbidsBody(static_cast<uint16_t>(status))) return false;
    *target_.status = static_cast<uint16_t>(status);
    return true;
  }

  absl::Status NotAllowed(const char* error) const {
    rejected_.Inc();
    return rules_.disallow_is_error ? absl::InvalidArgumentError(error) : absl::OkStatus();
  }
  absl::Status Reject(const char* error) const {
    rejected_.Inc();
    return absl::InvalidArgumentError(error);
  }

  const MutationRules& rules_;
  const MutationTarget& target_;
  stats::Counter rejected_;
  const size_t max_fields_ = std::max(kMaxFields, target_.fields.size());
  const size_t max_bytes_ = std::max(kMaxFieldBytes, BytesOf(target_.fields));
};

}  // namespace

bool MutationRules::Allow(ChangeKind change, std::string_view name) const {
  const bool part = name.starts_with(':');
  if (change == ChangeKind::kRemove && (part || name == "host")) return false;
  if (disallow != nullptr && disallow->Matches(name)) return false;
  if (allow != nullptr && allow->Matches(name)) return true;
  if (disallow_all || (!allow_routing && IsRouting(name))) return false;
  // There is one of each part.
  if (part && (disallow_system || change == ChangeKind::kAppend)) return false;
  return allow_envoy || !name.starts_with("x-envoy-");
}

MutationRules ParseMutationRules(const Rules& proto, std::string_view field,
                                 config::ConfigContext& context) {
  MutationRules rules;
  rules.allow = ParseExpression(proto.has_allow_expression(), proto.allow_expression(),
                                config::Concat(field, ".allow_expression"), context);
  rules.disallow = ParseExpression(proto.has_disallow_expression(), proto.disallow_expression(),
                                   config::Concat(field, ".disallow_expression"), context);
  rules.allow_routing = proto.allow_all_routing().value();
  rules.allow_envoy = proto.allow_envoy().value();
  rules.disallow_system = proto.disallow_system().value();
  rules.disallow_all = proto.disallow_all().value();
  rules.disallow_is_error = proto.disallow_is_error().value();
  return rules;
}

absl::Status ApplyMutation(const envoy::service::ext_proc::v3::HeaderMutation& mutation,
                           const MutationRules& rules, const MutationTarget& target,
                           stats::Counter rejected) {
  const Application application(rules, target, rejected);
  absl::Status status =
      application.CheckCount(mutation.remove_headers_size(), mutation.set_headers_size());
  for (int i = 0; status.ok() && i < mutation.remove_headers_size(); ++i) {
    status = application.Remove(mutation.remove_headers(i));
  }
  for (int i = 0; status.ok() && i < mutation.set_headers_size(); ++i) {
    if (mutation.set_headers(i).has_header()) status = application.Set(mutation.set_headers(i));
  }
  return status.ok() ? application.CheckResult() : status;
}

}  // namespace remora::extensions
