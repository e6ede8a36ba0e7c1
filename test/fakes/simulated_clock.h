#pragma once

// SimulatedClock: the event::Clock of tests, moved by hand. Monotonic and wall time go together.

#include "source/event/clock.h"

namespace remora::fakes {

class SimulatedClock final : public event::Clock {
 public:
  // 2026-01-01T00:00:00Z and an odd monotonic start, so that nobody mistakes one for the other.
  static constexpr int64_t kWallStart = 1'767'225'600 * event::kSecond;
  static constexpr event::TimePoint kStart = 1'000 * event::kSecond + 1'234'567;

  event::TimePoint Now() override { return kStart + passed_; }
  int64_t WallNow() override { return kWallStart + passed_; }
  void Advance(event::Duration duration) { passed_ += duration; }

 private:
  event::Duration passed_ = 0;
};

}  // namespace remora::fakes
