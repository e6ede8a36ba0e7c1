#include "source/http/route/conditions.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "source/http/grpc_status.h"
#include "source/http/route/hash_policy.h"
#include "source/http/route/metadata_matcher.h"

namespace remora::route {
namespace {

// `text` is lower-case.
bool EqualsLowerCase(std::string_view value, std::string_view text) {
  return value.size() == text.size() &&
         std::equal(value.begin(), value.end(), text.begin(),
                    [](char v, char t) { return absl::ascii_tolower(v) == t; });
}

bool ContainsLowerCase(std::string_view value, std::string_view text) {
  return std::search(value.begin(), value.end(), text.begin(), text.end(),
                     [](char v, char t) { return absl::ascii_tolower(v) == t; }) != value.end() ||
         text.empty();
}

}  // namespace

std::optional<std::string_view> FindQueryParameter(std::string_view path, std::string_view name) {
  const size_t question_mark = path.find('?');
  if (question_mark == std::string_view::npos) return std::nullopt;
  std::string_view rest = path.substr(question_mark + 1);
  while (!rest.empty()) {
    const std::string_view parameter = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), parameter.size() + 1));
    if (!parameter.starts_with(name)) continue;
    if (parameter.size() == name.size()) return parameter.substr(name.size());
    if (parameter[name.size()] == '=') return parameter.substr(name.size() + 1);
  }
  return std::nullopt;
}

RequestField::RequestField(std::string name) : name_(std::move(name)) {
  absl::AsciiStrToLower(&name_);
  if (name_ == "host") name_ = ":authority";
  id_ = http::LookUpHeaderId(name_);
}

std::string_view RequestField::First(const http::RequestHead& head) const {
  if (name_.starts_with(':')) [[unlikely]] {
    if (name_ == ":authority") return head.authority;
    if (name_ == ":path") return head.path;
    if (name_ == ":method") return head.method;
    return name_ == ":scheme" ? head.scheme : std::string_view();
  }
  const http::HeaderEntry* entry = head.headers.Find(name_, id_);
  return entry == nullptr ? std::string_view() : entry->value();
}

absl::StatusOr<StringMatcher> StringMatcher::Compile(StringMatch config,
                                                     uint32_t max_program_size) {
  StringMatcher matcher;
  matcher.kind_ = config.kind;
  matcher.ignore_case_ = config.ignore_case;
  if (config.kind == StringMatch::Kind::kSafeRegex) {
    if (config.ignore_case) {
      return absl::InvalidArgumentError("ignore_case has no effect for safe_regex.");
    }
    auto regex = Regex::Compile(config.text, max_program_size);
    if (!regex.ok()) return regex.status();
    matcher.regex_ = *std::move(regex);
    return matcher;
  }
  matcher.text_ = std::move(config.text);
  if (config.ignore_case) absl::AsciiStrToLower(&matcher.text_);
  return matcher;
}

bool StringMatcher::Matches(std::string_view value) const {
  const std::string_view text = text_;
  switch (kind_) {
    case StringMatch::Kind::kSafeRegex:
      return regex_->FullMatch(value);
    case StringMatch::Kind::kContains:
      return ignore_case_ ? ContainsLowerCase(value, text)
                          : value.find(text) != std::string_view::npos;
    case StringMatch::Kind::kExact:
      break;
    case StringMatch::Kind::kPrefix:
      value = value.substr(0, text.size());
      break;
    case StringMatch::Kind::kSuffix:
      if (value.size() > text.size()) value.remove_prefix(value.size() - text.size());
      break;
  }
  return ignore_case_ ? EqualsLowerCase(value, text) : value == text;
}

HeaderMatcher::Source HeaderMatcher::SourceOf(std::string_view name) {
  if (name == ":method") return Source::kMethod;
  if (name == ":path") return Source::kPath;
  if (name == ":authority" || name == "host") return Source::kAuthority;
  if (name == ":scheme") return Source::kScheme;
  if (name == ":status") return Source::kStatus;
  return name.starts_with(':') ? Source::kNowhere : Source::kField;
}

absl::StatusOr<HeaderMatcher> HeaderMatcher::Compile(HeaderMatch config,
                                                     uint32_t max_program_size) {
  HeaderMatcher matcher;
  matcher.name_ = std::move(config.name);
  absl::AsciiStrToLower(&matcher.name_);
  if (matcher.name_.empty()) return absl::InvalidArgumentError("the header has no name");
  matcher.source_ = SourceOf(matcher.name_);
  matcher.id_ = http::LookUpHeaderId(matcher.name_);
  matcher.kind_ = config.kind;
  matcher.present_ = config.present;
  matcher.invert_ = config.invert;
  matcher.treat_missing_as_empty_ = config.treat_missing_as_empty;
  matcher.range_start_ = config.range_start;
  matcher.range_end_ = config.range_end;
  if (config.kind == HeaderMatch::Kind::kString) {
    auto string = StringMatcher::Compile(std::move(config.string), max_program_size);
    if (!string.ok()) return string.status();
    matcher.string_ = *std::move(string);
  }
  return matcher;
}

bool HeaderMatcher::MatchesValue(std::string_view value) const {
  switch (kind_) {
    case HeaderMatch::Kind::kPresent:
      return true;
    case HeaderMatch::Kind::kString:
      return string_->Matches(value);
    case HeaderMatch::Kind::kRange: {
      // SimpleAtoi decides what an integer is, as in Envoy: blanks around and a sign are fine.
      int64_t number = 0;
      return absl::SimpleAtoi(absl::string_view(value.data(), value.size()), &number) &&
             number >= range_start_ && number < range_end_;
    }
  }
  return false;
}

// Whether `matches` is true of one of the values; `found`: whether there is any value.
template <class F>
bool HeaderMatcher::AnyValue(const http::RequestHead& head, F&& matches, bool& found) const {
  const auto one = [&](std::string_view part) {
    // A part of the head that is empty was not in the request.
    found = !part.empty();
    return found && matches(part);
  };
  switch (source_) {
    case Source::kMethod:
      return one(head.method);
    case Source::kPath:
      return one(head.path);
    case Source::kAuthority:
      return one(head.authority);
    case Source::kScheme:
      return one(head.scheme);
    case Source::kStatus:
    case Source::kNowhere:
      return false;
    case Source::kField:
      break;
  }
  return AnyField(head.headers, matches, found);
}

template <class F>
bool HeaderMatcher::AnyField(const http::HeaderMap& headers, F&& matches, bool& found) const {
  const bool known = id_ != http::HeaderId::kOther;
  if (known && !headers.Has(id_)) return false;
  const http::HeaderEntry* entries = headers.entries();
  for (uint32_t i = 0; i < headers.entry_count(); ++i) {
    const http::HeaderEntry& entry = entries[i];
    if (entry.id != id_ || entry.removed() || (!known && entry.name() != name_)) continue;
    found = true;
    if (matches(entry.value())) return true;
  }
  return false;
}

// As Envoy 1.40: a repeated field matches when one of its values does, and an inverted match is
// true when none does. An absent field fails both ways unless it counts as empty.
bool HeaderMatcher::Matches(const http::RequestHead& head) const {
  bool found = false;
  const bool matches =
      AnyValue(head, [this](std::string_view value) { return MatchesValue(value); }, found);
  return Decide(matches, found);
}

bool HeaderMatcher::Matches(const http::ResponseHead& head) const {
  if (source_ == Source::kStatus) return Decide(MatchesValue(std::to_string(head.status)), true);
  bool found = false;
  bool matches = false;
  if (source_ == Source::kField) {
    matches = AnyField(
        head.headers, [this](std::string_view value) { return MatchesValue(value); }, found);
  }
  return Decide(matches, found);
}

bool HeaderMatcher::Decide(bool matches, bool found) const {
  if (kind_ == HeaderMatch::Kind::kPresent) {
    return ((found || treat_missing_as_empty_) == present_) != invert_;
  }
  if (!found) {
    if (!treat_missing_as_empty_) return false;
    matches = MatchesValue({});
  }
  return matches != invert_;
}

absl::StatusOr<QueryParameterMatcher> QueryParameterMatcher::Compile(QueryParameterMatch config,
                                                                     uint32_t max_program_size) {
  QueryParameterMatcher matcher;
  matcher.name_ = std::move(config.name);
  if (matcher.name_.empty()) return absl::InvalidArgumentError("the parameter has no name");
  matcher.present_ = config.present;
  if (config.string.has_value()) {
    auto string = StringMatcher::Compile(*std::move(config.string), max_program_size);
    if (!string.ok()) return string.status();
    matcher.string_ = *std::move(string);
  }
  return matcher;
}

bool QueryParameterMatcher::Matches(std::string_view path) const {
  const std::optional<std::string_view> value = FindQueryParameter(path, name_);
  if (!string_.has_value()) return value.has_value() == present_;
  return value.has_value() && string_->Matches(*value);
}

absl::StatusOr<CookieMatcher> CookieMatcher::Compile(CookieMatch config,
                                                     uint32_t max_program_size) {
  auto string = StringMatcher::Compile(std::move(config.string), max_program_size);
  if (!string.ok()) return string.status();
  return CookieMatcher(std::move(config.name), *std::move(string), config.invert);
}

bool CookieMatcher::Matches(const http::RequestHead& head) const {
  const std::optional<std::string_view> value = FindCookie(head, name_);
  return (value.has_value() && string_.Matches(*value)) != invert_;
}

RouteConditions::RouteConditions() = default;
RouteConditions::~RouteConditions() = default;

bool RouteConditions::empty() const {
  return !path_regex.has_value() && !runtime_fraction.has_value() && !grpc && !connect &&
         headers.empty() && query_parameters.empty() && cookies.empty() && dynamic_metadata.empty();
}

namespace {

// The number of the first that does not match; that of all when each does.
template <class Matchers, class Matches>
uint32_t FirstWithout(const Matchers& matchers, const Matches& matches) {
  uint32_t i = 0;
  while (i < matchers.size() && matches(matchers[i])) ++i;
  return i;
}

}  // namespace

RouteConditions::Condition RouteConditions::FirstFailing(const RequestView& request) const {
  const http::RequestHead& head = request.head;
  if (connect && head.method_id != http::Method::kConnect) return {Kind::kConnect};
  if (runtime_fraction.has_value()) {
    const runtime::Fraction fraction = request.runtime == nullptr
                                           ? runtime_fraction->fallback
                                           : runtime_fraction->In(*request.runtime);
    if (!fraction.Matches(request.random)) return {Kind::kRuntimeFraction};
  }
  if (grpc && !http::IsGrpcRequest(head)) return {Kind::kGrpc};
  uint32_t i = FirstWithout(headers, [&](const auto& matcher) { return matcher.Matches(head); });
  if (i < headers.size()) return {Kind::kHeader, i};
  i = FirstWithout(query_parameters,
                   [&](const auto& matcher) { return matcher.Matches(head.path); });
  if (i < query_parameters.size()) return {Kind::kQueryParameter, i};
  i = FirstWithout(cookies, [&](const auto& matcher) { return matcher.Matches(head); });
  if (i < cookies.size()) return {Kind::kCookie, i};
  i = FirstWithout(dynamic_metadata,
                   [&](const auto& matcher) { return matcher.Matches(request.metadata); });
  if (i < dynamic_metadata.size()) return {Kind::kDynamicMetadata, i};
  if (path_regex.has_value() && !path_regex->FullMatch(request.path)) return {Kind::kPathRegex};
  return {};
}

}  // namespace remora::route
