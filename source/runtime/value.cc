#include "source/runtime/value.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace remora::runtime {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

std::optional<double> ReadNumber(std::string_view text) {
  double number = 0;
  if (!absl::SimpleAtod(ToAbsl(text), &number) || !std::isfinite(number)) return std::nullopt;
  return number;
}

// The words of YAML 1.1.
std::optional<bool> ReadBoolean(std::string_view text) {
  const std::string word = absl::AsciiStrToLower(ToAbsl(text));
  for (const char* yes : {"true", "yes", "on", "y"}) {
    if (word == yes) return true;
  }
  for (const char* no : {"false", "no", "off", "n"}) {
    if (word == no) return false;
  }
  return std::nullopt;
}

absl::string_view Unquoted(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
      text.back() == text.front()) {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

// A map of the two names in YAML's flow style, which JSON is part of.
std::optional<Fraction> ReadFraction(std::string_view text) {
  absl::string_view rest = ToAbsl(text);
  if (!absl::ConsumePrefix(&rest, "{") || !absl::ConsumeSuffix(&rest, "}")) return std::nullopt;
  Fraction fraction;
  for (const absl::string_view item : absl::StrSplit(rest, ',')) {
    const std::pair<absl::string_view, absl::string_view> entry =
        absl::StrSplit(item, absl::MaxSplits(':', 1));
    const absl::string_view key = Unquoted(entry.first);
    const absl::string_view value = Unquoted(entry.second);
    if (key == "numerator") {
      if (!absl::SimpleAtoi(value, &fraction.numerator)) return std::nullopt;
    } else if (key == "denominator") {
      const auto denominator = ReadDenominator({value.data(), value.size()});
      if (!denominator.has_value()) return std::nullopt;
      fraction.denominator = *denominator;
    } else {
      return std::nullopt;
    }
  }
  return fraction;
}

}  // namespace

std::optional<uint32_t> ReadDenominator(std::string_view name) {
  if (name == "HUNDRED") return 100;
  if (name == "TEN_THOUSAND") return 10'000;
  if (name == "MILLION") return 1'000'000;
  return std::nullopt;
}

Value ReadValue(std::string_view text) {
  Value value;
  value.text = std::string(text);
  value.number = ReadNumber(text);
  if (!value.number.has_value()) value.boolean = ReadBoolean(text);
  if (!value.number.has_value() && !value.boolean.has_value()) value.fraction = ReadFraction(text);
  return value;
}

}  // namespace remora::runtime
