#include "source/http/grpc_timeout.h"

#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"

namespace remora::http {
namespace {

constexpr size_t kMaxDigits = 8;

// 0: no such unit.
event::Duration UnitOf(char letter) {
  switch (letter) {
    case 'H':
      return 3600 * event::kSecond;
    case 'M':
      return 60 * event::kSecond;
    case 'S':
      return event::kSecond;
    case 'm':
      return event::kMillisecond;
    case 'u':
      return 1000;
    case 'n':
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::optional<event::Duration> ParseGrpcTimeout(std::string_view value) {
  if (value.size() < 2 || value.size() > kMaxDigits + 1) return std::nullopt;
  const event::Duration unit = UnitOf(value.back());
  if (unit == 0) return std::nullopt;
  event::Duration count = 0;
  for (const char c : value.substr(0, value.size() - 1)) {
    const unsigned digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return std::nullopt;
    count = count * 10 + digit;
  }
  // Eight digits of hours are more than there is; sums with a point in time stay in range.
  constexpr event::Duration kMost = std::numeric_limits<event::Duration>::max() / 4;
  return count > kMost / unit ? kMost : count * unit;
}

std::string FormatGrpcTimeout(event::Duration timeout) {
  for (const char letter : {'m', 'S', 'M'}) {
    const event::Duration unit = UnitOf(letter);
    const std::string count = absl::StrCat((timeout + unit - 1) / unit);
    if (count.size() <= kMaxDigits) return count + letter;
  }
  return absl::StrCat(timeout / UnitOf('H'), "H");
}

}  // namespace remora::http
