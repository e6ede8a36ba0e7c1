#include "source/config/proto_reader_scalars.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

bool HoldsNumber(const Node& node) {
  if (node.kind != NodeKind::kNumber && node.kind != NodeKind::kString) return false;
  if (node.text.empty()) return false;
  const auto is_space = [](char c) { return absl::ascii_isspace(static_cast<unsigned char>(c)); };
  return !is_space(node.text.front()) && !is_space(node.text.back());
}

// A whole number that is written with a fraction or an exponent: exactly, or not at all.
std::optional<double> WholeDouble(const std::string& text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || std::trunc(value) != value) return std::nullopt;
  return value;
}

}  // namespace

std::optional<bool> ReadBool(const Node& node) {
  if (node.kind == NodeKind::kBool) return node.bool_value;
  bool value = false;
  if (node.kind == NodeKind::kString && absl::SimpleAtob(node.text, &value)) return value;
  return std::nullopt;
}

std::optional<double> ReadDouble(const Node& node) {
  double value = 0;
  if (!HoldsNumber(node) || !absl::SimpleAtod(node.text, &value)) return std::nullopt;
  return value;
}

std::optional<int64_t> ReadSigned(const Node& node, int64_t min, int64_t max) {
  if (!HoldsNumber(node)) return std::nullopt;
  int64_t value = 0;
  if (!absl::SimpleAtoi(node.text, &value)) {
    const std::optional<double> whole = WholeDouble(node.text);
    // 2^63 is the least double beyond the range.
    constexpr double kLimit = 9223372036854775808.0;
    if (!whole.has_value() || *whole < -kLimit || *whole >= kLimit) return std::nullopt;
    value = static_cast<int64_t>(*whole);
  }
  if (value < min || value > max) return std::nullopt;
  return value;
}

std::optional<uint64_t> ReadUnsigned(const Node& node, uint64_t max) {
  if (!HoldsNumber(node)) return std::nullopt;
  uint64_t value = 0;
  if (!absl::SimpleAtoi(node.text, &value)) {
    const std::optional<double> whole = WholeDouble(node.text);
    constexpr double kLimit = 18446744073709551616.0;
    if (!whole.has_value() || *whole < 0 || *whole >= kLimit) return std::nullopt;
    value = static_cast<uint64_t>(*whole);
  }
  if (value > max) return std::nullopt;
  return value;
}

std::optional<std::string> ReadBase64(std::string_view text) {
  std::string standard(text);
  for (char& c : standard) {
    // abseil skips white space, protobuf does not.
    if (absl::ascii_isspace(static_cast<unsigned char>(c))) return std::nullopt;
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  std::string bytes;
  if (!absl::Base64Unescape(standard, &bytes)) return std::nullopt;
  return bytes;
}

std::optional<SecondsAndNanos> ReadDuration(std::string_view text) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;  // google/protobuf/duration.proto
  constexpr size_t kMaxFraction = 9;
  if (text.empty() || text.back() != 's') return std::nullopt;
  text.remove_suffix(1);
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  SecondsAndNanos result;
  const auto parse = [](std::string_view digits, auto& out) {
    if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return false;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return error == std::errc();
  };
  if (!parse(whole, result.seconds) || result.seconds > kMaxSeconds) return std::nullopt;
  if (point != std::string_view::npos) {
    std::string fraction(text.substr(point + 1));
    if (fraction.empty() || fraction.size() > kMaxFraction) return std::nullopt;
    fraction.append(kMaxFraction - fraction.size(), '0');
    if (!parse(fraction, result.nanos)) return std::nullopt;
  }
  if (negative) {
    result.seconds = -result.seconds;
    result.nanos = -result.nanos;
  }
  return result;
}

std::optional<std::string> SnakeCase(std::string_view camel_case) {
  std::string snake;
  for (const char c : camel_case) {
    if (c == '_') return std::nullopt;
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) {
      snake.push_back('_');
      snake.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    } else {
      snake.push_back(c);
    }
  }
  return snake;
}

std::string Describe(const Node& node) {
  switch (node.kind) {
    case NodeKind::kSequence:
      return " (a list)";
    case NodeKind::kMap:
      return " (a map)";
    case NodeKind::kNull:
      return " (null)";
    case NodeKind::kBool:
    case NodeKind::kNumber:
    case NodeKind::kString:
      break;
  }
  return node.text.empty() ? " (empty text)" : QuoteValue(node.text);
}

}  // namespace remora::config
