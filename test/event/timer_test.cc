#include "source/event/timer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "source/base/random.h"

namespace remora::event {
namespace {

constexpr TimePoint kStart = 777 * kSecond + 123;

struct Probe {
  explicit Probe(TimerWheel& wheel)
      : timer(wheel, [](void* self) { ++static_cast<Probe*>(self)->fired; }, this) {}
  int fired = 0;
  Timer timer;
};

// The latest moment at which a timer fires when the wheel is advanced tick by tick.
TimePoint Latest(TimePoint deadline) {
  return (deadline / TimerWheel::kTick + 1) * TimerWheel::kTick;
}

TEST_CASE("timer: fires once, not before its deadline and within a tick after it") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  const TimePoint deadline = kStart + 10 * kMillisecond;
  probe.timer.Arm(deadline);
  CHECK(probe.timer.armed());
  wheel.Advance(deadline - 1);
  CHECK(probe.fired == 0);
  wheel.Advance(Latest(deadline));
  CHECK(probe.fired == 1);
  CHECK_FALSE(probe.timer.armed());
  wheel.Advance(deadline + 100 * kSecond);
  CHECK(probe.fired == 1);
}

TEST_CASE("timer: a deadline in the past fires at the next tick, never inside Arm") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  probe.timer.Arm(kStart - kSecond);
  CHECK(probe.fired == 0);
  wheel.Advance(kStart + TimerWheel::kTick);
  CHECK(probe.fired == 1);
}

TEST_CASE("timer: moving a deadline later costs no move, and the later one counts") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  probe.timer.Arm(kStart + kSecond);
  const TimePoint wake = wheel.NextWake();
  for (int i = 2; i < 100; ++i) probe.timer.Arm(kStart + i * kSecond);
  CHECK(wheel.NextWake() == wake);  // the node stayed where it was
  wheel.Advance(kStart + 98 * kSecond);
  CHECK(probe.fired == 0);
  wheel.Advance(Latest(kStart + 99 * kSecond));
  CHECK(probe.fired == 1);
}

TEST_CASE("timer: moving a deadline earlier counts at once") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  probe.timer.Arm(kStart + 3600 * kSecond);
  probe.timer.Arm(kStart + 20 * kMillisecond);
  wheel.Advance(Latest(kStart + 20 * kMillisecond));
  CHECK(probe.fired == 1);
}

TEST_CASE("timer: disarm and destruction cancel") {
  TimerWheel wheel(kStart);
  Probe probe(wheel);
  auto gone = std::make_unique<Probe>(wheel);
  probe.timer.Arm(kStart + kSecond);
  gone->timer.Arm(kStart + kSecond);
  probe.timer.Disarm();
  gone.reset();
  wheel.Advance(kStart + 10 * kSecond);
  CHECK(probe.fired == 0);
  CHECK(wheel.NextWake() == Timer::kNever);
}

TEST_CASE("timer: the callback may arm, disarm and destroy, itself and others") {
  TimerWheel wheel(kStart);
  struct State {
    explicit State(TimerWheel& wheel)
        : again(
              wheel, [](void* self) { static_cast<State*>(self)->Again(); }, this),
          killer(
              wheel, [](void* self) { static_cast<State*>(self)->victim.reset(); }, this),
          victim(std::make_unique<Probe>(wheel)) {}
    void Again() {
      if (++count < 5) again.Arm(next += 8 * kMillisecond);
    }
    TimePoint next = kStart + 8 * kMillisecond;
    int count = 0;
    Timer again;
    Timer killer;
    std::unique_ptr<Probe> victim;
  };
  State state(wheel);
  state.again.Arm(state.next);
  state.killer.Arm(kStart + 8 * kMillisecond);
  state.victim->timer.Arm(kStart + 8 * kMillisecond);
  wheel.Advance(kStart + 9 * kSecond);
  CHECK(state.count == 5);
  CHECK(state.victim == nullptr);
}

TEST_CASE("timer: deadlines across the fine wheel, the coarse wheel and beyond") {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Probe>> probes;
  std::vector<TimePoint> deadlines;
  for (TimePoint distance = 20 * kMillisecond; distance < 20'000 * kSecond;
       distance = distance * 3 / 2) {
    deadlines.push_back(kStart + distance);
    probes.push_back(std::make_unique<Probe>(wheel));
    probes.back()->timer.Arm(deadlines.back());
  }
  for (size_t i = 0; i < probes.size(); ++i) {
    wheel.Advance(std::max(kStart, deadlines[i] - 1));
    CHECK(probes[i]->fired == 0);
    wheel.Advance(Latest(deadlines[i]));
    CHECK(probes[i]->fired == 1);
  }
}

TEST_CASE("timer: planning a wake-up") {
  TimerWheel wheel(kStart);
  Probe far(wheel), near(wheel);
  CHECK(wheel.PlanWake() == Timer::kNever);
  far.timer.Arm(kStart + kSecond);
  CHECK(wheel.NeedsEarlierWake());
  CHECK(wheel.PlanWake() == Latest(kStart + kSecond));
  CHECK_FALSE(wheel.NeedsEarlierWake());
  near.timer.Arm(kStart + 100 * kMillisecond);
  CHECK(wheel.NeedsEarlierWake());
  CHECK(wheel.PlanWake() == Latest(kStart + 100 * kMillisecond));
}

// A worker that sleeps until the planned wake-up, against a list of deadlines.
TEST_CASE("timer property: any timers, any moves of time") {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    base::Random random(seed);
    TimePoint now = kStart + static_cast<TimePoint>(random.Below(10 * kSecond));
    TimerWheel wheel(now);
    std::vector<std::unique_ptr<Probe>> probes(20);
    std::vector<TimePoint> deadlines(20, Timer::kNever);
    for (auto& probe : probes) probe = std::make_unique<Probe>(wheel);
    const Duration scales[] = {10 * kMillisecond, kSecond, 30 * kSecond, 600 * kSecond,
                               4000 * kSecond};
    for (int step = 0; step < 300; ++step) {
      const size_t i = random.Below(probes.size());
      const auto scale = static_cast<uint64_t>(scales[random.Below(5)]);
      if (random.Below(8) == 0) {
        probes[i]->timer.Disarm();
        deadlines[i] = Timer::kNever;
      } else if (random.Below(3) != 0) {
        deadlines[i] = now + static_cast<TimePoint>(random.Below(scale));
        probes[i]->timer.Arm(deadlines[i]);
      } else {
        const TimePoint first = *std::min_element(deadlines.begin(), deadlines.end());
        const TimePoint wake = wheel.PlanWake();
        // Never sleeps over a deadline.
        if (first != Timer::kNever) CHECK(wake <= std::max(Latest(first), now + TimerWheel::kTick));
        now += static_cast<TimePoint>(random.Below(scale));
        wheel.Advance(now);
        for (size_t k = 0; k < probes.size(); ++k) {
          const bool early = probes[k]->fired > 0 && deadlines[k] > now;
          const bool late = probes[k]->fired == 0 && deadlines[k] != Timer::kNever &&
                            Latest(deadlines[k]) + TimerWheel::kTick <= now;
          CHECK_FALSE(early);
          CHECK_FALSE(late);
          CHECK(probes[k]->fired <= 1);
          CHECK(probes[k]->timer.armed() ==
                (probes[k]->fired == 0 && deadlines[k] != Timer::kNever));
          if (probes[k]->fired > 0) deadlines[k] = Timer::kNever;
          probes[k]->fired = 0;
        }
      }
    }
  }
}

}  // namespace
}  // namespace remora::event
