#pragma once

// ResponseLimiter: lets a response's body out at a given rate.
//
// A token is a byte. Tokens come in at the rate, up to one second's worth; the first tick's are
// there at the start. Every kTick what the tokens allow goes out. What waits is kept here; the
// caller pauses the source while it is more than its limit. Time is given, nothing is waited for.
// Owner: a filter. Thread: its worker. Source: Envoy
// source/extensions/filters/http/common/stream_rate_limiter.cc.

#include <cstdint>

#include "source/buffer/buffer.h"
#include "source/event/clock.h"

namespace remora::extensions {

class ResponseLimiter {
 public:
  static constexpr event::Duration kTick = event::kSecond / 16;

  ResponseLimiter(uint64_t kib_per_second, event::TimePoint now, buffer::BlockPool& blocks);

  // Takes all of `data` and leaves in it what may go out now.
  void Pass(buffer::Buffer& data, event::TimePoint now);
  // Moves what may go out now to the end of `out`.
  void Release(buffer::Buffer& out, event::TimePoint now);
  uint64_t waiting() const { return waiting_.length(); }
  void Clear() { waiting_.Clear(); }

 private:
  void Fill(event::TimePoint now);

  uint64_t rate_;  // bytes a second, and the most tokens
  uint64_t tokens_;
  event::TimePoint filled_;
  buffer::Buffer waiting_;
};

}  // namespace remora::extensions
