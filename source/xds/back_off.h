#pragma once

// BackOff: how long to wait before the next try: twice as long each time, and somewhere between
// half of that and all of it, so that proxies come back one by one.
//
// A value; any thread. Source: Envoy source/common/common/backoff_strategy.h, with its limits for
// control planes (subscription_factory.h: 500 ms, 30 s).

#include <algorithm>

#include "source/base/random.h"
#include "source/event/clock.h"

namespace remora::xds {

class BackOff {
 public:
  static constexpr event::Duration kFirst = 500 * event::kMillisecond;
  static constexpr event::Duration kLast = 30 * event::kSecond;

  event::Duration Next(base::Random& random) {
    const auto half = static_cast<uint64_t>(next_ / 2);
    next_ = std::min(2 * next_, kLast);
    return static_cast<event::Duration>(half + random.Below(half + 1));
  }
  void Reset() { next_ = kFirst; }

 private:
  event::Duration next_ = kFirst;
};

}  // namespace remora::xds
