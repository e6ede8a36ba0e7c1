#include "source/event/timer.h"

#include <algorithm>

namespace remora::event {
namespace {

// Distance from bit `from` (exclusive) to the next set bit, going round; -1 when none is set.
template <int kBits>
int NextSet(const uint64_t (&bits)[kBits / 64], int from) {
  for (int step = 1; step <= kBits;) {
    const int at = (from + step) & (kBits - 1);
    const uint64_t word = bits[at / 64] >> (at % 64);
    if (word != 0) {
      const int distance = step + __builtin_ctzll(word);
      return distance <= kBits ? distance : -1;
    }
    step += 64 - at % 64;
  }
  return -1;
}

}  // namespace

Timer::~Timer() = default;

void Timer::Arm(TimePoint deadline) {
  deadline_ = deadline;
  if (linked()) {
    // Already due to be looked at before the new deadline: leave it there.
    if ((tick_ - 1) * TimerWheel::kTick <= deadline) return;
    Unlink();
  }
  if (deadline != kNever) wheel_.Link(*this);
}

void TimerWheel::Link(Timer& timer) {
  // One tick later than the deadline's own, so that a timer never fires early.
  int64_t tick = std::max(timer.deadline_ / kTick + 1, tick_ + 1);
  if (tick - tick_ < kSlots) {
    timer.tick_ = tick;
    fine_[tick % kSlots].PushBack(timer);
    fine_bits_[(tick % kSlots) / 64] |= 1ull << (tick % 64);
  } else {
    // Rounded down to a coarse boundary: looked at early and put into the fine wheel then.
    int64_t coarse = std::min(tick / kCoarseTicks, tick_ / kCoarseTicks + kCoarseSlots - 1);
    timer.tick_ = coarse * kCoarseTicks;
    const int slot = static_cast<int>(coarse % kCoarseSlots);
    coarse_[slot].PushBack(timer);
    coarse_bits_[slot / 64] |= 1ull << (slot % 64);
  }
  earliest_linked_ = std::min(earliest_linked_, timer.tick_);
}

void TimerWheel::RunList(List& list, TimePoint now) {
  List due;
  due.Splice(list);
  while (!due.empty()) {
    Timer& timer = due.PopFront();
    if (timer.deadline_ == Timer::kNever) continue;  // disarmed: leave the wheel
    if (timer.deadline_ > now) {
      Link(timer);
      continue;
    }
    timer.deadline_ = Timer::kNever;
    timer.callback_(timer.argument_);  // may destroy the timer
  }
}

void TimerWheel::Advance(TimePoint now) {
  const int64_t target = now / kTick;
  if (target < planned_ && target < earliest_linked_) {
    tick_ = std::max(tick_, target);  // nothing is linked on the way
    return;
  }
  while (tick_ < target) {
    // Straight to the next tick with something in it.
    const int fine = NextSet<kSlots>(fine_bits_, static_cast<int>(tick_ % kSlots));
    int64_t next = fine < 0 ? target : std::min(target, tick_ + fine);
    const int64_t boundary = (tick_ / kCoarseTicks + 1) * kCoarseTicks;
    next = std::min(next, std::max(boundary, tick_ + 1));
    tick_ = next;
    if (tick_ % kCoarseTicks == 0) {
      const int slot = static_cast<int>((tick_ / kCoarseTicks) % kCoarseSlots);
      coarse_bits_[slot / 64] &= ~(1ull << (slot % 64));
      RunList(coarse_[slot], now);
    }
    const int slot = static_cast<int>(tick_ % kSlots);
    fine_bits_[slot / 64] &= ~(1ull << (slot % 64));
    RunList(fine_[slot], now);
  }
}

TimePoint TimerWheel::NextWake() const {
  int64_t tick = -1;
  const int fine = NextSet<kSlots>(fine_bits_, static_cast<int>(tick_ % kSlots));
  if (fine > 0) tick = tick_ + fine;
  const int64_t coarse_now = tick_ / kCoarseTicks;
  const int coarse =
      NextSet<kCoarseSlots>(coarse_bits_, static_cast<int>(coarse_now % kCoarseSlots));
  if (coarse > 0) {
    const int64_t at = (coarse_now + coarse) * kCoarseTicks;
    if (tick < 0 || at < tick) tick = at;
  }
  return tick < 0 ? Timer::kNever : tick * kTick;
}

TimePoint TimerWheel::PlanWake() {
  const TimePoint wake = NextWake();
  planned_ = wake == Timer::kNever ? Timer::kNever : wake / kTick;
  earliest_linked_ = Timer::kNever;
  return wake;
}

}  // namespace remora::event
