#include "source/http/formatter/time_format.h"

#include <utility>

#include "absl/strings/ascii.h"

namespace remora::formatter {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kSecondsADay = 86'400;

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

void AppendDigits(int64_t number, int width, std::string& out) {
  char text[20];
  for (int i = width; i-- > 0; number /= 10) text[i] = static_cast<char>('0' + number % 10);
  out.append(text, static_cast<size_t>(width));
}

// The first `digits` of nine.
void AppendFraction(int64_t wall, int digits, std::string& out) {
  int64_t fraction = wall % kSecond;
  for (int i = digits; i < 9; ++i) fraction /= 10;
  AppendDigits(fraction, digits, out);
}

struct Date {
  int64_t year;
  int month;
  int day;
};

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
Date DateOfDay(int64_t days) {
  days += 719'468;
  const int64_t era = days / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_index = (5 * day_of_year + 2) / 153;
  const int month = static_cast<int>(month_index < 10 ? month_index + 3 : month_index - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month,
          static_cast<int>(day_of_year - (153 * month_index + 2) / 5 + 1)};
}

// "2026-11-21T13:59:30.955Z"
void AppendDefault(int64_t wall, std::string& out) {
  const int64_t seconds = wall / kSecond;
  const Date date = DateOfDay(seconds / kSecondsADay);
  const int64_t second_of_day = seconds % kSecondsADay;
  char text[24];
  const auto put = [&text](int at, int64_t number, int width) {
    for (int i = at + width; i-- > at; number /= 10) {
      text[i] = static_cast<char>('0' + number % 10);
    }
  };
  put(0, date.year, 4);
  text[4] = '-';
  put(5, date.month, 2);
  text[7] = '-';
  put(8, date.day, 2);
  text[10] = 'T';
  put(11, second_of_day / 3600, 2);
  text[13] = ':';
  put(14, second_of_day / 60 % 60, 2);
  text[16] = ':';
  put(17, second_of_day % 60, 2);
  text[19] = '.';
  put(20, wall % kSecond / 1'000'000, 3);
  text[23] = 'Z';
  out.append(text, sizeof(text));
}

// Conversions of one letter that AppendPiece writes itself.
bool IsOwnConversion(char c) {
  return std::string_view("YmdHMSs").find(c) != std::string_view::npos;
}

}  // namespace

TimeFormat::TimeFormat(std::string_view text, bool local) : is_default_(text.empty() && !local) {
  if (local) zone_ = absl::LocalTimeZone();
  if (text.empty()) text = "%Y-%m-%dT%H:%M:%E3S%z";
  std::string other;  // literals, and conversions that are absl's
  bool has_conversion = false;
  const auto finish_other = [&] {
    if (other.empty()) return;
    pieces_.push_back({has_conversion ? '?' : '\0', 0, std::exchange(other, {})});
    has_conversion = false;
  };
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '%' || at + 1 >= text.size()) {
      other += text[at++];
      continue;
    }
    const char next = text[at + 1];
    if (next == '%') {
      // A literal piece is taken as it is, the others go through absl.
      finish_other();
      pieces_.push_back({'\0', 0, "%"});
      at += 2;
    } else if (next == 'f' ||
               (next >= '1' && next <= '9' && at + 2 < text.size() && text[at + 2] == 'f')) {
      finish_other();
      pieces_.push_back({'f', static_cast<uint8_t>(next == 'f' ? 9 : next - '0'), {}});
      at += next == 'f' ? 2 : 3;
    } else if (IsOwnConversion(next)) {
      finish_other();
      pieces_.push_back({next, 0, {}});
      at += 2;
    } else if (next == 'E' && at + 3 < text.size() && text[at + 3] == 'S' && text[at + 2] >= '1' &&
               text[at + 2] <= '9') {
      finish_other();
      pieces_.push_back({'E', static_cast<uint8_t>(text[at + 2] - '0'), {}});
      at += 4;
    } else {
      if (!has_conversion) finish_other();
      has_conversion = true;
      // Up to the letter that ends it, so that "%E*S" stays in one piece.
      other += text[at++];
      while (at < text.size() && !absl::ascii_isalpha(static_cast<unsigned char>(text[at]))) {
        other += text[at++];
      }
      if (at < text.size() && (text[at] == 'E' || text[at] == 'O')) other += text[at++];
      while (at < text.size() && !absl::ascii_isalpha(static_cast<unsigned char>(text[at]))) {
        other += text[at++];
      }
      if (at < text.size()) other += text[at++];
      finish_other();
    }
  }
  finish_other();
}

void TimeFormat::AppendPiece(const Piece& piece, int64_t wall,
                             const absl::TimeZone::CivilInfo& civil, std::string& out) const {
  const absl::CivilSecond& time = civil.cs;
  switch (piece.conversion) {
    case '\0':
      out += piece.text;
      return;
    case 'Y':
      AppendDigits(time.year(), 4, out);
      return;
    case 'm':
      AppendDigits(time.month(), 2, out);
      return;
    case 'd':
      AppendDigits(time.day(), 2, out);
      return;
    case 'H':
      AppendDigits(time.hour(), 2, out);
      return;
    case 'M':
      AppendDigits(time.minute(), 2, out);
      return;
    case 'S':
      AppendDigits(time.second(), 2, out);
      return;
    case 'E':
      AppendDigits(time.second(), 2, out);
      out += '.';
      AppendFraction(wall, piece.digits, out);
      return;
    case 's':
      out += std::to_string(wall / kSecond);  // short enough to need no allocation
      return;
    case 'f':
      AppendFraction(wall, piece.digits, out);
      return;
    default: {
      const std::string text =
          absl::FormatTime(ToAbsl(piece.text), absl::FromUnixNanos(wall), zone_);
      out += text;
      return;
    }
  }
}

void TimeFormat::Append(int64_t wall, std::string& out) const {
  if (is_default_) {
    AppendDefault(wall, out);
    return;
  }
  const absl::TimeZone::CivilInfo civil = zone_.At(absl::FromUnixNanos(wall));
  for (const Piece& piece : pieces_) AppendPiece(piece, wall, civil, out);
}

}  // namespace remora::formatter
