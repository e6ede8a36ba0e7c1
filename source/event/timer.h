#pragma once

// Timer: a member handle for "call me when this deadline passes".
//
// Owner: the object it is a member of; destroying it cancels. Thread: its dispatcher's.
// Deadlines sit in a coarse wheel (kTick); a timer never fires early and at most about two ticks
// late. Moving a deadline later, or disarming, costs a store: the node stays where it is in the
// wheel and is looked at again when its slot comes up (HAProxy's lazy re-arm). So arming a timeout
// for each request is free of timer work in the steady state.
//
// The callback is a plain function with an argument, called from the dispatcher's turn, never from
// inside Arm().

#include <cstdint>
#include <limits>

#include "source/base/intrusive_list.h"
#include "source/event/clock.h"

namespace remora::event {

class TimerWheel;

class Timer : public base::ListNode<Timer> {
 public:
  using Callback = void (*)(void*);
  static constexpr TimePoint kNever = std::numeric_limits<TimePoint>::max();

  Timer(TimerWheel& wheel, Callback callback, void* argument)
      : wheel_(wheel), callback_(callback), argument_(argument) {}
  ~Timer();

  // Fires once at `deadline` or shortly after; replaces an earlier deadline.
  void Arm(TimePoint deadline);
  void Disarm() { deadline_ = kNever; }
  bool armed() const { return deadline_ != kNever; }
  TimePoint deadline() const { return deadline_; }

 private:
  friend class TimerWheel;
  TimerWheel& wheel_;
  Callback callback_;
  void* argument_;
  TimePoint deadline_ = kNever;
  int64_t tick_ = 0;  // the tick this node is linked at
};

// The wheel of one dispatcher: 512 slots of 4 ms (2 s) and, for farther deadlines, 256 slots of
// 1.024 s (4.4 minutes); what is farther still is looked at again once a coarse turn.
class TimerWheel {
 public:
  static constexpr Duration kTick = 4 * kMillisecond;
  static constexpr int kSlots = 512;
  static constexpr int kCoarseTicks = 256;
  static constexpr int kCoarseSlots = 256;

  explicit TimerWheel(TimePoint now) : tick_(now / kTick) {}

  // Fires everything due at `now`.
  void Advance(TimePoint now);
  // When Advance needs to be called next; Timer::kNever when nothing is linked.
  TimePoint NextWake() const;
  // True when something was linked before the wake-up that the caller last asked for.
  bool NeedsEarlierWake() const { return earliest_linked_ < planned_; }
  // Remembers NextWake() as planned and returns it.
  TimePoint PlanWake();

 private:
  friend class Timer;
  using List = base::IntrusiveList<Timer>;
  void Link(Timer& timer);
  void RunList(List& list, TimePoint now);

  int64_t tick_;                             // the last tick that was processed
  int64_t earliest_linked_ = Timer::kNever;  // the earliest tick linked since PlanWake
  int64_t planned_ = Timer::kNever;          // the tick the caller will wake at
  List fine_[kSlots];
  List coarse_[kCoarseSlots];
  uint64_t fine_bits_[kSlots / 64] = {};
  uint64_t coarse_bits_[kCoarseSlots / 64] = {};
};

}  // namespace remora::event
