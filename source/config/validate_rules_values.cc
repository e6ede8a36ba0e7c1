#include "source/config/validate_rules_values.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <type_traits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "source/config/config_error.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using google::protobuf::Duration;

std::string ToText(const Duration& value) {
  return google::protobuf::util::TimeUtil::ToString(value);
}
std::string ToText(bool value) { return value ? "true" : "false"; }
template <typename T>
  requires std::is_arithmetic_v<T>
std::string ToText(T value) {
  return absl::StrCat(value);
}

bool Less(const Duration& a, const Duration& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}
template <typename T>
  requires std::is_arithmetic_v<T>
bool Less(T a, T b) {
  return a < b;
}

bool IsNan(const Duration&) { return false; }
template <typename T>
  requires std::is_arithmetic_v<T>
bool IsNan(T value) {
  return std::isnan(static_cast<double>(value));
}

template <typename T>
bool Equal(const T& a, const T& b) {
  return !Less(a, b) && !Less(b, a) && !IsNan(a) && !IsNan(b);
}

template <typename List>
std::string JoinValues(const List& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(ToText(value));
  return absl::StrJoin(texts, ", ");
}

std::string Complain(std::string_view requirement, std::string_view value) {
  return Concat("must be ", requirement, QuoteValue(value));
}

// The rules that numbers and durations share. A NaN breaks every bound.
template <typename Rules, typename T>
std::string CheckOrdered(const Rules& rules, const T& value) {
  if (rules.has_const_() && !Equal(value, T(rules.const_()))) {
    return Complain(ToText(rules.const_()), ToText(value));
  }
  std::vector<std::string> bounds;
  bool kept = true;
  const auto bound = [&](bool stated, bool holds, std::string_view words, const T& limit) {
    if (!stated) return;
    bounds.push_back(Concat(words, ToText(limit)));
    kept = kept && holds && !IsNan(value);
  };
  bound(rules.has_gt(), Less(T(rules.gt()), value), "greater than ", rules.gt());
  bound(rules.has_gte(), !Less(value, T(rules.gte())), "at least ", rules.gte());
  bound(rules.has_lt(), Less(value, T(rules.lt())), "less than ", rules.lt());
  bound(rules.has_lte(), !Less(T(rules.lte()), value), "at most ", rules.lte());
  if (!kept) return Complain(absl::StrJoin(bounds, " and "), ToText(value));
  const auto is_value = [&](const auto& other) { return Equal(value, T(other)); };
  if (!rules.in().empty() && std::none_of(rules.in().begin(), rules.in().end(), is_value)) {
    return Complain(Concat("one of ", JoinValues(rules.in())), ToText(value));
  }
  if (std::any_of(rules.not_in().begin(), rules.not_in().end(), is_value)) {
    return Concat("must not be ", ToText(value));
  }
  return "";
}

template <typename Rules, typename T>
std::string CheckNumber(const Rules& rules, T value) {
  if (rules.ignore_empty() && value == 0) return "";
  return CheckOrdered(rules, value);
}

size_t CodePoints(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

struct Lengths {
  bool has_exact, has_min, has_max;
  uint64_t exact, min, max;
};

std::string CheckLength(const Lengths& rules, size_t length, std::string_view unit) {
  if (rules.has_exact && length != rules.exact) {
    return Concat("must have ", rules.exact, " ", unit, " (it has ", length, ")");
  }
  if (rules.has_min && length < rules.min) {
    if (length == 0) return "a value is required";
    return Concat("must have at least ", rules.min, " ", unit, " (it has ", length, ")");
  }
  if (rules.has_max && length > rules.max) {
    return Concat("must have at most ", rules.max, " ", unit, " (it has ", length, ")");
  }
  return "";
}

// RFC 9110 section 5.6.2; a leading colon for the pseudo-fields of HTTP/2.
bool IsHeaderName(std::string_view name) {
  if (!name.empty() && name.front() == ':') name.remove_prefix(1);
  const auto is_token = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("!#$%&'*+-.^_|~`").find(c) != std::string_view::npos;
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), is_token);
}

bool IsHeaderValue(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

// The well_known_regex rules in their loose form: nothing that could end a line. Empty passes, as
// in Envoy: min_len is a rule of its own.
bool HasNoLineEnd(std::string_view text) {
  return text.find_first_of(std::string_view("\0\r\n", 3)) == std::string_view::npos;
}

std::string CheckWellKnown(const validate::StringRules& rules, std::string_view value) {
  if (rules.well_known_regex() == validate::HTTP_HEADER_NAME) {
    const bool good = rules.strict() ? IsHeaderName(value) : HasNoLineEnd(value);
    if (!good) return Complain("the name of an HTTP header", value);
  }
  if (rules.well_known_regex() == validate::HTTP_HEADER_VALUE) {
    const bool good = rules.strict() ? IsHeaderValue(value) : HasNoLineEnd(value);
    if (!good) return Complain("the value of an HTTP header", value);
  }
  return "";
}

std::string CheckParts(const validate::StringRules& rules, std::string_view value) {
  if (rules.has_prefix() && !value.starts_with(rules.prefix())) {
    return Concat("must start with \"", rules.prefix(), "\"", QuoteValue(value));
  }
  if (rules.has_suffix() && !value.ends_with(rules.suffix())) {
    return Concat("must end with \"", rules.suffix(), "\"", QuoteValue(value));
  }
  if (rules.has_contains() && value.find(rules.contains()) == std::string_view::npos) {
    return Concat("must contain \"", rules.contains(), "\"", QuoteValue(value));
  }
  if (rules.has_not_contains() && value.find(rules.not_contains()) != std::string_view::npos) {
    return Concat("must not contain \"", rules.not_contains(), "\"", QuoteValue(value));
  }
  return "";
}

std::string CheckChoice(const validate::StringRules& rules, std::string_view value) {
  if (rules.has_const_() && value != rules.const_()) {
    return Complain(Concat("\"", rules.const_(), "\""), value);
  }
  const auto is_value = [&](const std::string& other) { return value == other; };
  if (!rules.in().empty() && std::none_of(rules.in().begin(), rules.in().end(), is_value)) {
    return Complain(Concat("one of \"", absl::StrJoin(rules.in(), "\", \""), "\""), value);
  }
  if (std::any_of(rules.not_in().begin(), rules.not_in().end(), is_value)) {
    return Concat("must be something else", QuoteValue(value));
  }
  return "";
}

}  // namespace

const re2::RE2& RuleChecks::Regex(const std::string& pattern) {
  std::unique_ptr<re2::RE2>& regex = regexes_[pattern];
  if (regex == nullptr) regex = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
  return *regex;
}

std::string RuleChecks::Check(const validate::StringRules& rules, std::string_view value) {
  if (rules.ignore_empty() && value.empty()) return "";
  std::string wrong = CheckLength(Lengths{rules.has_len(), rules.has_min_len(), rules.has_max_len(),
                                          rules.len(), rules.min_len(), rules.max_len()},
                                  CodePoints(value), "characters");
  if (wrong.empty()) {
    wrong = CheckLength(Lengths{rules.has_len_bytes(), rules.has_min_bytes(), rules.has_max_bytes(),
                                rules.len_bytes(), rules.min_bytes(), rules.max_bytes()},
                        value.size(), "bytes");
  }
  if (wrong.empty()) wrong = CheckChoice(rules, value);
  if (wrong.empty()) wrong = CheckParts(rules, value);
  if (wrong.empty()) wrong = CheckWellKnown(rules, value);
  if (wrong.empty() && rules.has_pattern() &&
      !re2::RE2::PartialMatch(re2::StringPiece(value.data(), value.size()),
                              Regex(rules.pattern()))) {
    wrong = Concat("must match the regular expression ", rules.pattern(), QuoteValue(value));
  }
  return wrong;
}

std::string Check(const validate::FloatRules& rules, float value) {
  return CheckNumber(rules, value);
}
std::string Check(const validate::DoubleRules& rules, double value) {
  return CheckNumber(rules, value);
}
std::string Check(const validate::Int32Rules& rules, int32_t value) {
  return CheckNumber(rules, value);
}
std::string Check(const validate::Int64Rules& rules, int64_t value) {
  return CheckNumber(rules, value);
}
std::string Check(const validate::UInt32Rules& rules, uint32_t value) {
  return CheckNumber(rules, value);
}
std::string Check(const validate::UInt64Rules& rules, uint64_t value) {
  return CheckNumber(rules, value);
}
std::string Check(const validate::DurationRules& rules, const Duration& value) {
  return CheckOrdered(rules, value);
}

std::string Check(const validate::BoolRules& rules, bool value) {
  if (!rules.has_const_() || rules.const_() == value) return "";
  return Complain(ToText(rules.const_()), ToText(value));
}

std::string Check(const validate::BytesRules& rules, std::string_view value) {
  if (rules.ignore_empty() && value.empty()) return "";
  if (rules.has_const_() && value != rules.const_()) return "must be the one allowed value";
  return CheckLength(Lengths{rules.has_len(), rules.has_min_len(), rules.has_max_len(), rules.len(),
                             rules.min_len(), rules.max_len()},
                     value.size(), "bytes");
}

std::string CheckCount(size_t count, uint64_t min, uint64_t max, std::string_view one,
                       std::string_view many) {
  if (count < min) {
    if (count == 0 && min == 1) return Concat("at least one ", one, " is required");
    return Concat("must have at least ", min, " ", many, " (it has ", count, ")");
  }
  if (max != 0 && count > max) {
    return Concat("must have at most ", max, " ", many, " (it has ", count, ")");
  }
  return "";
}

}  // namespace remora::config
