#pragma once

// BackOff: how long to wait before the next try: twice as long each time, and somewhere between
// half of that and all of it, so that those who lost the same peer come back one by one.
//
// A value; any thread, no owner. Nothing fails.
// Source: Envoy source/common/common/backoff_strategy.h.

#include <algorithm>

#include "source/base/random.h"
#include "source/event/clock.h"

namespace remora::event {

class BackOff {
 public:
  BackOff(Duration first, Duration last) : first_(first), last_(last), next_(first) {}

  Duration Next(base::Random& random) {
    const auto half = static_cast<uint64_t>(next_ / 2);
    next_ = std::min(2 * next_, last_);
    return static_cast<Duration>(half + random.Below(half + 1));
  }
  void Reset() { next_ = first_; }

 private:
  Duration first_;
  Duration last_;
  Duration next_;
};

}  // namespace remora::event
