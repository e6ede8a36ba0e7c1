#pragma once

// DateCache: the Date header's text and wall time without a clock call a request.
//
// Owner: a worker. The text (RFC 9110 section 5.6.7, IMF-fixdate) is made anew once a second; wall
// time is the monotonic time of the turn plus an offset that is measured anew at the same moments.
// Thread: that worker's. Nothing fails.

#include <cstdint>
#include <string_view>

#include "source/event/clock.h"

namespace remora::connection_manager {

class DateCache {
 public:
  explicit DateCache(event::Clock& clock) : clock_(clock) {}

  // "Sun, 06 Nov 1994 08:49:37 GMT"; valid until the next call.
  std::string_view Date(event::TimePoint now) {
    if (now >= next_) Refresh(now);
    return {text_, sizeof(text_)};
  }
  // Nanoseconds since the Unix epoch.
  int64_t Wall(event::TimePoint now) {
    if (now >= next_) Refresh(now);
    return now + offset_;
  }

 private:
  void Refresh(event::TimePoint now);

  event::Clock& clock_;
  event::TimePoint next_ = 0;
  int64_t offset_ = 0;
  char text_[29];
};

}  // namespace remora::connection_manager
