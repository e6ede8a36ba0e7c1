#include "source/config/matcher_config.h"

#include <re2/re2.h>

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using envoy::type::matcher::v3::StringMatcher;
using Kind = route::StringMatch::Kind;

bool Holds(Kind kind, std::string_view value, std::string_view text) {
  switch (kind) {
    case Kind::kExact:
      return value == text;
    case Kind::kPrefix:
      return value.starts_with(text);
    case Kind::kSuffix:
      return value.ends_with(text);
    case Kind::kContains:
      return value.find(text) != std::string_view::npos;
    case Kind::kSafeRegex:
      break;
  }
  return false;
}

std::function<bool(std::string_view)> RegexPredicate(const std::string& regex,
                                                     const FieldPath& path,
                                                     Translation& translation) {
  auto compiled = std::make_shared<const re2::RE2>(regex, re2::RE2::Quiet);
  if (!compiled->ok()) {
    const FieldPath matcher = path.Field("safe_regex");
    translation.errors.Add(matcher.Field("regex"), compiled->error());
    return nullptr;
  }
  return [compiled = std::move(compiled)](std::string_view name) {
    return re2::RE2::FullMatch(re2::StringPiece(name.data(), name.size()), *compiled);
  };
}

}  // namespace

route::StringMatch ParseStringMatch(const StringMatcher& proto, const FieldPath& path,
                                    Translation& translation) {
  route::StringMatch match;
  match.ignore_case = proto.ignore_case();
  switch (proto.match_pattern_case()) {
    case StringMatcher::kExact:
      match.text = proto.exact();
      break;
    case StringMatcher::kPrefix:
      match.kind = Kind::kPrefix;
      match.text = proto.prefix();
      break;
    case StringMatcher::kSuffix:
      match.kind = Kind::kSuffix;
      match.text = proto.suffix();
      break;
    case StringMatcher::kContains:
      match.kind = Kind::kContains;
      match.text = proto.contains();
      break;
    case StringMatcher::kSafeRegex:
      match.kind = Kind::kSafeRegex;
      match.text = proto.safe_regex().regex();
      if (match.ignore_case) {
        translation.errors.Add(path.Field("ignore_case"),
                               "ignore_case has no effect for safe_regex.");
      }
      break;
    case StringMatcher::MATCH_PATTERN_NOT_SET:
      translation.errors.Add(path, "exactly one condition is required");
  }
  return match;
}

std::function<bool(std::string_view)> ParseStatPredicate(const StringMatcher& proto,
                                                         const FieldPath& path,
                                                         Translation& translation) {
  route::StringMatch match = ParseStringMatch(proto, path, translation);
  if (match.kind == Kind::kSafeRegex) return RegexPredicate(match.text, path, translation);
  if (!match.ignore_case) {
    return [match = std::move(match)](std::string_view name) {
      return Holds(match.kind, name, match.text);
    };
  }
  absl::AsciiStrToLower(&match.text);
  return [match = std::move(match)](std::string_view name) {
    return Holds(match.kind, absl::AsciiStrToLower(ToAbsl(name)), match.text);
  };
}

}  // namespace remora::config
