#pragma once

// TimeFormat: a compiled date format: strftime's conversions, and those of Envoy: %s (seconds since
// 1970), %f and %1f to %9f (digits of the fraction).
//
// Immutable value; any thread. The default and all common conversions are written without an
// allocation; the rest goes through absl::FormatTime. Private to the folder.
// Source: Envoy docs, %START_TIME%; absl/time/time.h.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace remora::formatter {

class TimeFormat {
 public:
  TimeFormat() = default;
  // An empty text is %Y-%m-%dT%H:%M:%E3SZ (in local time with the offset in place of Z).
  TimeFormat(std::string_view text, bool local);

  // `wall`: nanoseconds since 1970, not negative.
  void Append(int64_t wall, std::string& out) const;

 private:
  struct Piece {
    char conversion = 0;  // 0: the text
    uint8_t digits = 0;   // of %f; of %E3S
    std::string text;
  };

  void AppendPiece(const Piece& piece, int64_t wall, const absl::TimeZone::CivilInfo& civil,
                   std::string& out) const;

  bool is_default_ = true;
  absl::TimeZone zone_ = absl::UTCTimeZone();
  std::vector<Piece> pieces_;
};

}  // namespace remora::formatter
