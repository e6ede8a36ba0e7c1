#include "source/server/draining.h"

#include <catch2/catch.hpp>

#include "source/base/log.h"
#include "source/stats/store.h"
#include "test/fakes/simulated_clock.h"

namespace remora::server {
namespace {

using config::TrafficDirection;
using event::kMillisecond;
using event::kSecond;
using net::Drain;

// Main and one worker, both turned by hand, and three listeners without sockets.
struct World {
  explicit World(const DrainOptions& options)
      : draining(process, main, workers, stats, options, [this] { ++finished; }) {
    base::SetAllLogLevels(base::LogLevel::kOff);
    workers.push_back(std::make_unique<Worker>(
        0, store.worker_shard(0), clock, "", process, logs,
        store.AddScope("filesystem").Make<access_log::FileStats>(store.worker_shard(0)),
        store.AddScope("access_logs.grpc_access_log")));
    inbound = Add(TrafficDirection::kInbound, true);
    outbound = Add(TrafficDirection::kOutbound, true);
    modify_only = Add(TrafficDirection::kUnspecified, false);
  }
  const Drain* Add(TrafficDirection direction, bool on_failed_health_check) {
    auto listener = std::make_shared<config::ListenerConfig>();
    listener->direction = direction;
    listener->drains_on_failed_health_check = on_failed_health_check;
    return draining.Add(std::move(listener));
  }
  void Advance(event::Duration time) {
    clock.Advance(time);
    Turn();
  }
  void Turn() {
    for (int i = 0; i < 3; ++i) {
      main.RunOnce(false);
      workers[0]->dispatcher().RunOnce(false);
    }
    main.RunOnce(false);
  }
  // Which of inbound, outbound, modify_only close their next response: "i-m".
  std::string Closing() {
    std::string text = "---";
    if (inbound->Closes(clock.Now(), random)) text[0] = 'i';
    if (outbound->Closes(clock.Now(), random)) text[1] = 'o';
    if (modify_only->Closes(clock.Now(), random)) text[2] = 'm';
    return text;
  }
  uint64_t Stopped() {
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == "listener_manager.listener_stopped") return metric.value;
    }
    return UINT64_MAX;
  }

  fakes::SimulatedClock clock;
  stats::Store store{1};
  runtime::ProcessState process;
  access_log::LogWriter logs{{}};
  event::Dispatcher main{clock};
  base::Random random{1};
  ListenerManagerStats stats =
      store.AddScope("listener_manager").Make<ListenerManagerStats>(store.main_shard());
  std::vector<std::unique_ptr<Worker>> workers;
  int finished = 0;
  Draining draining;
  const Drain* inbound = nullptr;
  const Drain* outbound = nullptr;
  const Drain* modify_only = nullptr;
};

DrainOptions Options(event::Duration time, bool immediate) {
  DrainOptions options;
  options.time = time;
  options.immediate = immediate;
  return options;
}

TEST_CASE("A failed health check drains listeners of type DEFAULT, until it is called off") {
  World world(Options(600 * kSecond, false));
  CHECK(world.Closing() == "---");
  world.draining.FailHealthCheck(true);
  CHECK(world.process.health_check_failed);
  CHECK(world.Closing() == "io-");
  world.draining.FailHealthCheck(false);
  CHECK_FALSE(world.process.health_check_failed);
  CHECK(world.Closing() == "---");
}

TEST_CASE("A graceful drain grows with time, then stops its listeners") {
  World world(Options(10 * kSecond, false));
  world.draining.DrainGracefully(Draining::Scope::kInbound, true);
  CHECK(world.Closing() == "---");
  world.Advance(9 * kSecond);
  CHECK(world.Stopped() == 0);
  world.Advance(kSecond + 50 * kMillisecond);
  CHECK(world.Closing() == "i--");
  CHECK(world.Stopped() == 1);
  // All, now: what is drained goes on, the rest begins.
  world.draining.DrainGracefully(Draining::Scope::kAll, true);
  CHECK(world.Closing() == "i--");
  world.Advance(10 * kSecond + 50 * kMillisecond);
  CHECK(world.Closing() == "iom");
  CHECK(world.Stopped() == 3);
}

TEST_CASE("With the immediate strategy, or without time, a drain closes at once") {
  const auto options = GENERATE_COPY(Options(10 * kSecond, true), Options(0, false));
  World world(options);
  world.draining.DrainGracefully(Draining::Scope::kAll, true);
  CHECK(world.Closing() == "iom");
}

TEST_CASE("A drain that skips the exit never stops a listener, and asking again changes nothing") {
  World world(Options(10 * kSecond, true));
  world.draining.DrainGracefully(Draining::Scope::kAll, false);
  world.Advance(20 * kSecond);
  CHECK(world.Closing() == "iom");
  world.draining.DrainGracefully(Draining::Scope::kInbound, true);
  world.draining.DrainGracefully(Draining::Scope::kAll, true);
  world.Advance(20 * kSecond);
  CHECK(world.Stopped() == 0);
}

TEST_CASE("Listeners stop at once when asked to, each once") {
  World world(Options(10 * kSecond, false));
  world.draining.Stop(Draining::Scope::kInbound);
  world.draining.Stop(Draining::Scope::kInbound);
  world.Turn();
  CHECK(world.Stopped() == 1);
  CHECK(world.Closing() == "---");
  world.draining.Stop(Draining::Scope::kAll);
  world.Turn();
  CHECK(world.Stopped() == 3);
}

TEST_CASE("A shutdown without connections ends at once") {
  DrainOptions options;
  options.on_sigterm = 60 * kSecond;
  World world(options);
  world.draining.BeginShutdown();
  CHECK(world.draining.shutting_down());
  CHECK(world.Closing() == "iom");
  world.Turn();
  CHECK(world.finished == 0);
  world.Advance(30 * kMillisecond);
  CHECK(world.Stopped() == 3);
  CHECK(world.finished == 1);
}

}  // namespace
}  // namespace remora::server
