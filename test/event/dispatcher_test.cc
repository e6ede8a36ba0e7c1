#include "source/event/dispatcher.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>

#include "test/fakes/simulated_clock.h"

namespace remora::event {
namespace {

using fakes::SimulatedClock;

// An eventfd that is readable, and everything else that a turn runs, writing into one text.
struct World {
  World() : fd(eventfd(1, EFD_NONBLOCK)) {}
  ~World() {
    file.Unregister();
    close(fd);
  }
  void Watch(FileEvent::Trigger trigger) {
    file.Register(
        dispatcher, fd, trigger,
        [](void* self, uint32_t ready) {
          static_cast<World*>(self)->text += (ready & kReadable) ? "readable " : "other ";
        },
        this);
  }

  SimulatedClock clock;
  Dispatcher dispatcher{clock};
  std::string text;
  int fd;
  FileEvent file;
};

struct Flusher final : Flushable {
  explicit Flusher(std::string& text, std::string name = "flush ") : text(text), name(name) {}
  void Flush() override { text += name; }
  std::string& text;
  std::string name;
};

struct Doomed final : Deferred {
  Doomed(std::string& text, std::string name) : text(text), name(std::move(name)) {}
  ~Doomed() override {
    text += name;
    if (then != nullptr) dispatcher->DeferDelete(std::move(then));
  }
  std::string& text;
  std::string name;
  Dispatcher* dispatcher = nullptr;
  std::unique_ptr<Doomed> then;
};

TEST_CASE("dispatcher: the order of a turn") {
  World world;
  world.Watch(FileEvent::Trigger::kLevel);
  Flusher flusher(world.text);
  TurnTask task([](void* self) { static_cast<World*>(self)->text += "task "; }, &world);
  Timer timer(
      world.dispatcher.timers(), [](void* self) { static_cast<World*>(self)->text += "timer "; },
      &world);
  timer.Arm(world.clock.Now());
  world.clock.Advance(10 * kMillisecond);
  world.dispatcher.DeferDelete(std::make_unique<Doomed>(world.text, "delete "));
  world.dispatcher.FlushAtTurnEnd(flusher);
  world.dispatcher.AtTurnEnd(task);
  world.dispatcher.RunOnce(false);
  CHECK(world.text == "readable task timer flush delete ");
}

TEST_CASE("dispatcher: tasks of a sweep run together, once, and no earlier") {
  World world;
  const auto say = [](void* self) { static_cast<World*>(self)->text += "task "; };
  TurnTask first(say, &world);
  TurnTask second(say, &world);
  auto cancelled = std::make_unique<TurnTask>([](void*) { FAIL("ran"); }, nullptr);
  world.dispatcher.AtSweep(first);
  world.clock.Advance(Dispatcher::kSweepPeriod / 2);
  world.dispatcher.RunOnce(false);
  world.dispatcher.AtSweep(second);
  world.dispatcher.AtSweep(*cancelled);
  cancelled.reset();
  world.dispatcher.RunOnce(false);
  CHECK(world.text.empty());
  world.clock.Advance(Dispatcher::kSweepPeriod / 2 + 2 * TimerWheel::kTick);
  world.dispatcher.RunOnce(false);
  CHECK(world.text == "task task ");
  world.clock.Advance(10 * Dispatcher::kSweepPeriod);
  world.dispatcher.RunOnce(false);
  CHECK(world.text == "task task ");
  world.dispatcher.AtSweep(first);
  world.clock.Advance(Dispatcher::kSweepPeriod + 2 * TimerWheel::kTick);
  world.dispatcher.RunOnce(false);
  CHECK(world.text == "task task task ");
}

TEST_CASE("dispatcher: level triggers again, edge does not") {
  for (const auto trigger : {FileEvent::Trigger::kLevel, FileEvent::Trigger::kEdge}) {
    World world;
    world.Watch(trigger);
    world.dispatcher.RunOnce(false);
    CHECK(world.text.find("readable") != std::string::npos);
    world.text.clear();
    world.dispatcher.RunOnce(false);
    CHECK((world.text == "readable ") == (trigger == FileEvent::Trigger::kLevel));
    world.file.Unregister();
    world.text.clear();
    world.dispatcher.RunOnce(false);
    CHECK(world.text.empty());
  }
}

TEST_CASE(
    "dispatcher: a task left by a task waits for the next turn, a write left by one does not") {
  World world;
  struct Chain {
    explicit Chain(World& world)
        : world(world),
          flusher(world.text),
          task(
              [](void* self) {
                auto& chain = *static_cast<Chain*>(self);
                chain.world.text += "task ";
                chain.world.dispatcher.FlushAtTurnEnd(chain.flusher);
                if (++chain.count < 3) chain.world.dispatcher.AtTurnEnd(chain.task);
              },
              this) {}
    World& world;
    Flusher flusher;
    int count = 0;
    TurnTask task;
  } chain(world);
  world.dispatcher.AtTurnEnd(chain.task);
  world.dispatcher.AtTurnEnd(chain.task);  // once is enough
  world.dispatcher.RunOnce(false);
  CHECK(world.text == "task flush ");
  // With work left a turn does not sleep, even when it may.
  world.dispatcher.RunOnce(true);
  world.dispatcher.RunOnce(true);
  CHECK(world.text == "task flush task flush task flush ");
  CHECK_FALSE(chain.task.scheduled());
}

TEST_CASE("dispatcher: destroying a handle cancels it") {
  World world;
  {
    TurnTask task([](void*) { FAIL("ran"); }, nullptr);
    Flusher flusher(world.text);
    world.dispatcher.AtTurnEnd(task);
    world.dispatcher.FlushAtTurnEnd(flusher);
    CHECK(task.scheduled());
  }
  world.dispatcher.RunOnce(false);
  CHECK(world.text.empty());
}

TEST_CASE("dispatcher: a task may destroy another of the same turn") {
  World world;
  struct Pair {
    Pair() : first([](void* self) { static_cast<Pair*>(self)->second.reset(); }, this) {
      second = std::make_unique<TurnTask>([](void*) { FAIL("ran"); }, nullptr);
    }
    TurnTask first;
    std::unique_ptr<TurnTask> second;
  } pair;
  world.dispatcher.AtTurnEnd(pair.first);
  world.dispatcher.AtTurnEnd(*pair.second);
  world.dispatcher.RunOnce(false);
  CHECK(pair.second == nullptr);
}

TEST_CASE("dispatcher: deferred objects go first in first out, and may defer more") {
  World world;
  auto first = std::make_unique<Doomed>(world.text, "1 ");
  first->dispatcher = &world.dispatcher;
  first->then = std::make_unique<Doomed>(world.text, "3 ");
  world.dispatcher.DeferDelete(std::move(first));
  world.dispatcher.DeferDelete(std::make_unique<Doomed>(world.text, "2 "));
  CHECK(world.text.empty());
  world.dispatcher.RunOnce(false);
  CHECK(world.text == "1 2 3 ");
}

TEST_CASE("dispatcher: what is deferred when it goes is destroyed with it") {
  std::string text;
  SimulatedClock clock;
  {
    Dispatcher dispatcher(clock);
    dispatcher.DeferDelete(std::make_unique<Doomed>(text, "1 "));
    dispatcher.DeferDelete(std::make_unique<Doomed>(text, "2 "));
  }
  CHECK(text == "1 2 ");
}

TEST_CASE("dispatcher: time stands still within a turn") {
  World world;
  TimePoint seen[2] = {};
  struct Reader {
    World* world;
    TimePoint* seen;
  } reader{&world, seen};
  TurnTask task(
      [](void* self) {
        auto& r = *static_cast<Reader*>(self);
        r.seen[0] = r.world->dispatcher.now();
        r.world->clock.Advance(kSecond);
        r.seen[1] = r.world->dispatcher.now();
      },
      &reader);
  world.dispatcher.AtTurnEnd(task);
  world.dispatcher.RunOnce(false);
  CHECK(seen[0] == seen[1]);
  world.dispatcher.RunOnce(false);
  CHECK(world.dispatcher.now() == seen[0] + kSecond);
  CHECK(world.dispatcher.wall_now() == world.clock.WallNow());
}

TEST_CASE("dispatcher: posted work runs in order, work that it posts too") {
  World world;
  world.dispatcher.Post([&] {
    world.text += "1 ";
    world.dispatcher.Post([&] { world.text += "3 "; });
  });
  world.dispatcher.Post([&] { world.text += "2 "; });
  CHECK(world.text.empty());
  world.dispatcher.RunOnce(false);
  world.dispatcher.RunOnce(false);
  CHECK(world.text == "1 2 3 ");
}

TEST_CASE("dispatcher: posts from other threads wake it, none is lost, each thread's in order") {
  RealClock clock;
  Dispatcher dispatcher(clock);
  constexpr int kThreads = 4;
  constexpr int kPosts = 500;
  int next[kThreads] = {};
  int total = 0;
  bool in_order = true;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        dispatcher.Post([&, t, i] {
          in_order &= next[t]++ == i;
          if (++total == kThreads * kPosts) dispatcher.Stop();
        });
      }
    });
  }
  dispatcher.Run();
  for (std::thread& thread : threads) thread.join();
  CHECK(total == kThreads * kPosts);
  CHECK(in_order);
}

TEST_CASE("dispatcher: wakes for a timer by itself") {
  RealClock clock;
  Dispatcher dispatcher(clock);
  Timer timer(
      dispatcher.timers(), [](void* self) { static_cast<Dispatcher*>(self)->Stop(); }, &dispatcher);
  const TimePoint deadline = clock.Now() + 5 * kMillisecond;
  timer.Arm(deadline);
  dispatcher.Run();
  CHECK(clock.Now() >= deadline);
}

}  // namespace
}  // namespace remora::event
