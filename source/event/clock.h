#pragma once

// Clock: the door to time. The dispatcher reads it once a turn; everything else asks the
// dispatcher. Tests put a clock here that they move by hand.
//
// Now() is monotonic nanoseconds since an arbitrary start (deadlines, durations); WallNow() is
// nanoseconds since the Unix epoch (Date header, logs).

#include <cstdint>

namespace remora::event {

// Nanoseconds on the monotonic clock.
using TimePoint = int64_t;
// Nanoseconds.
using Duration = int64_t;
inline constexpr Duration kMicrosecond = 1'000;
inline constexpr Duration kMillisecond = 1'000'000;
inline constexpr Duration kSecond = 1'000'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() = 0;
  virtual int64_t WallNow() = 0;
};

// CLOCK_MONOTONIC and CLOCK_REALTIME through the vDSO: no system call.
class RealClock final : public Clock {
 public:
  TimePoint Now() override;
  int64_t WallNow() override;
};

}  // namespace remora::event
