#pragma once

// Drain: whether a listener's connections are to end, each with its next response, or bytes.
//
//   kOff ----> kGradual   a response closes with probability elapsed / time; 1 when it is over
//     \------> kAlways    every response closes
//
// Owner: Server, one for each listener; it outlives the workers. Main decides (Set*), workers ask
// for each response: one relaxed load while nothing is drained. Nothing fails.
// Source: Envoy source/server/drain_manager_impl.cc.

#include <atomic>

#include "source/base/random.h"
#include "source/event/clock.h"

namespace remora::net {

class Drain {
 public:
  // Main thread.
  void SetOff() { mode_.store(Mode::kOff, std::memory_order_relaxed); }
  void SetAlways() { mode_.store(Mode::kAlways, std::memory_order_relaxed); }
  // From `start` on, over `time` (more than 0).
  void SetGradual(event::TimePoint start, event::Duration time) {
    start_.store(start, std::memory_order_relaxed);
    time_.store(time, std::memory_order_relaxed);
    mode_.store(Mode::kGradual, std::memory_order_release);
  }

  // Any thread: whether the response that begins now is its connection's last.
  bool Closes(event::TimePoint now, base::Random& random) const {
    const Mode mode = mode_.load(std::memory_order_acquire);
    if (mode == Mode::kOff) [[likely]]
      return false;
    if (mode == Mode::kAlways) return true;
    const event::Duration elapsed = now - start_.load(std::memory_order_relaxed);
    const event::Duration time = time_.load(std::memory_order_relaxed);
    if (elapsed <= 0) return false;
    return elapsed >= time ||
           random.Below(static_cast<uint64_t>(time)) < static_cast<uint64_t>(elapsed);
  }

 private:
  enum class Mode : uint8_t { kOff, kGradual, kAlways };

  std::atomic<Mode> mode_{Mode::kOff};
  std::atomic<event::TimePoint> start_{0};
  std::atomic<event::Duration> time_{1};
};

}  // namespace remora::net
