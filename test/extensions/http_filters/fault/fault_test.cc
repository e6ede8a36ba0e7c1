#include "source/extensions/http_filters/fault/fault.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr event::Duration kMs = event::kMillisecond;
// A timer of the wheel is never early and at most this late.
constexpr event::Duration kLate = 9 * kMs;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<Fault>();
  return registry;
}

std::string Errors(const std::string& text) {
  std::string errors;
  fakes::ParseFilter(Registry(), "fault", ProtoFromText<Fault::Proto>(text), errors);
  return errors;
}

// What a request meets: the filter's configuration, perhaps a route's, and runtime values.
struct Setting {
  std::string filter;
  std::string route = {};
  std::vector<std::pair<std::string, double>> runtime = {};
  uint64_t buffer_limit = 1024 * 1024;
};

struct World : ChainWorld {
  explicit World(const Setting& setting, const Fields& fields = {})
      : ChainWorld(setting.buffer_limit) {
    std::string errors;
    AddWithState(fakes::ParseFilter(Registry(), "fault",
                                    ProtoFromText<Fault::Proto>(setting.filter), errors));
    fakes::RouteLevels levels;
    if (!setting.route.empty()) {
      levels.route = {fakes::ParseOverride(Registry(), "fault",
                                           ProtoFromText<Fault::Proto>(setting.route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors.empty());
    runtime::Snapshot::Values values;
    for (const auto& [key, number] : setting.runtime) {
      runtime::Value value;
      value.text = std::to_string(number);
      value.number = number;
      values[key] = value;
    }
    runtime.Set(std::make_shared<const runtime::Snapshot>(
        std::vector<runtime::Snapshot::Layer>{{"base", std::move(values)}}));
    MakeRequest("GET", "/", fields);
    Start();
  }
  std::string Flags() const { return info.flags.ToString(); }
};

const std::string kDelay =
    "delay { fixed_delay { nanos: 100000000 } percentage { numerator: 100 } } ";
const std::string kAbort = "abort { http_status: 418 percentage { numerator: 100 } } ";

TEST_CASE("fault: nothing configured, nothing happens") {
  World world({""});
  world.Request("body");
  CHECK(world.Take() == "up:head(GET /) up:data(body) up:end");
  world.Response(200, "answer");
  CHECK(world.Take() == "down:head(200) down:data(answer) down:end");
  CHECK(world.Flags() == "-");
}

TEST_CASE("fault: an abort answers in the upstream's place") {
  World world({kAbort});
  world.Request();
  CHECK(world.Take() == "up:complete down:head(418) down:data(fault filter abort) down:end");
  CHECK(world.Flags() == "FI");
  CHECK(world.info.response_code_details == "fault_filter_abort");
  CHECK(world.Stat("http.test.fault.aborts_injected") == 1);
  CHECK(world.Stat("http.test.fault.active_faults") == 1);
  world.Complete();
  CHECK(world.Stat("http.test.fault.active_faults") == 0);
}

TEST_CASE("fault: a gRPC abort") {
  World world({"abort { grpc_status: 5 percentage { numerator: 100 } }"},
              {{"content-type", "application/grpc"}});
  world.downstream.with_fields = true;
  world.Request();
  CHECK(world.Take() ==
        "up:complete down:head(200 content-type=application/grpc grpc-status=5 "
        "grpc-message=fault filter abort) down:end");
}

TEST_CASE("fault: percentages") {
  const auto aborts = [](const std::string& percentage) {
    World world({"abort { http_status: 503 percentage { " + percentage + " } }"});
    world.Request();
    return world.Stat("http.test.fault.aborts_injected") == 1;
  };
  CHECK_FALSE(aborts(""));
  CHECK_FALSE(aborts("numerator: 0"));
  CHECK(aborts("numerator: 10000 denominator: TEN_THOUSAND"));
  CHECK(aborts("numerator: 1000000 denominator: MILLION"));
  // A numerator above the denominator means all.
  CHECK(aborts("numerator: 200"));
}

TEST_CASE("fault: a delay holds the request back, body and all") {
  World world({kDelay});
  world.RequestHead();
  CHECK(world.Take() == "codec:pause(filter)");
  CHECK(world.Flags() == "DI");
  world.RequestData("body");
  world.RequestEnd();
  world.Pass(99 * kMs);
  CHECK(world.Take().empty());
  world.Pass(1 * kMs + kLate);
  CHECK(world.Take() == "up:head(GET /) up:data(body) up:end codec:resume(filter)");
  CHECK(world.Stat("http.test.fault.delays_injected") == 1);
  CHECK(world.Stat("http.test.fault.aborts_injected") == 0);
  world.Complete();
  CHECK(world.Stat("http.test.fault.active_faults") == 0);
}

TEST_CASE("fault: a delay, then an abort, is one active fault") {
  World world({kDelay + kAbort + "max_active_faults { value: 1 }"});
  world.Request();
  CHECK(world.Take() == "codec:pause(filter)");
  world.Pass(100 * kMs + kLate);
  CHECK(world.downstream.last_head->status == 418);
  CHECK(world.Flags() == "DI,FI");
  CHECK(world.Stat("http.test.fault.active_faults") == 1);
  CHECK(world.Stat("http.test.fault.faults_overflow") == 0);
}

TEST_CASE("fault: the client goes while its request is held back") {
  World world({kDelay});
  world.RequestHead();
  world.RequestReset();
  CHECK(world.Stat("http.test.fault.active_faults") == 0);
  world.Take();
  world.Pass(event::kSecond);
  CHECK(world.Take().empty());
}

TEST_CASE("fault: too many active faults") {
  World world({kAbort + "max_active_faults { value: 0 }"});
  world.Request();
  CHECK(world.Take() == "up:head(GET /) up:end");
  CHECK(world.Stat("http.test.fault.faults_overflow") == 1);
  World by_runtime({kAbort, "", {{"fault.http.max_active_faults", 0}}});
  by_runtime.Request();
  CHECK(by_runtime.Stat("http.test.fault.faults_overflow") == 1);
}

TEST_CASE("fault: only some requests") {
  const auto status = [](const std::string& condition, const Fields& fields = {}) {
    World world({kAbort + condition}, fields);
    world.Request();
    return world.downstream.last_head == nullptr ? 0 : world.downstream.last_head->status;
  };
  CHECK(status("upstream_cluster: 'up'") == 418);
  CHECK(status("upstream_cluster: 'other'") == 0);
  CHECK(status("downstream_nodes: 'a' downstream_nodes: 'b'") == 0);
  const std::string node = "x-envoy-downstream-service-node";
  CHECK(status("downstream_nodes: 'a' downstream_nodes: 'b'", {{node, "b"}}) == 418);
  CHECK(status("downstream_nodes: 'a'", {{node, "c"}}) == 0);
  const std::string two =
      "headers { name: 'x-a' present_match: true } headers { name: 'X-B' string_match { prefix: "
      "'v' } }";
  CHECK(status(two, {{"x-a", "1"}}) == 0);
  CHECK(status(two, {{"x-a", "1"}, {"x-b", "value"}}) == 418);
}

TEST_CASE("fault: the request says what it gets") {
  const std::string by_header = "abort { header_abort { } percentage { numerator: 100 } }";
  const auto status = [&](const Fields& fields) {
    World world({by_header}, fields);
    world.Request();
    return world.downstream.last_head == nullptr ? 0 : world.downstream.last_head->status;
  };
  CHECK(status({}) == 0);
  CHECK(status({{"x-envoy-fault-abort-request", "429"}}) == 429);
  CHECK(status({{"x-envoy-fault-abort-request", "199"}}) == 0);
  CHECK(status({{"x-envoy-fault-abort-request", "600"}}) == 0);
  CHECK(status({{"x-envoy-fault-abort-request", "many"}}) == 0);
  CHECK(status({{"x-envoy-fault-abort-grpc-request", "14"}}) == 200);
  // The share may be lowered, not raised.
  const std::string share = "x-envoy-fault-abort-request-percentage";
  CHECK(status({{"x-envoy-fault-abort-request", "429"}, {share, "0"}}) == 0);
  CHECK(status({{"x-envoy-fault-abort-request", "429"}, {share, "1000"}}) == 429);
  World none({"abort { header_abort { } percentage { numerator: 0 } }"},
             {{"x-envoy-fault-abort-request", "429"}, {share, "100"}});
  none.Request();
  CHECK(none.downstream.last_head == nullptr);
}

TEST_CASE("fault: the request says how long it waits") {
  const std::string by_header = "delay { header_delay { } percentage { numerator: 100 } }";
  World world({by_header}, {{"x-envoy-fault-delay-request", "50"}});
  world.Request();
  CHECK(world.Take() == "codec:pause(filter)");
  world.Pass(50 * kMs + kLate);
  CHECK(world.Take() == "up:head(GET /) up:end codec:resume(filter)");
  World none({by_header});
  none.Request();
  CHECK(none.Take() == "up:head(GET /) up:end");
  World zero({by_header}, {{"x-envoy-fault-delay-request", "0"}});
  zero.Request();
  CHECK(zero.Take() == "up:head(GET /) up:end");
}

TEST_CASE("fault: runtime values come before the configuration") {
  const auto status = [](const std::string& filter,
                         std::vector<std::pair<std::string, double>> runtime,
                         const Fields& fields = {}) {
    World world({filter, "", std::move(runtime)}, fields);
    world.Request();
    return world.downstream.last_head == nullptr ? 0 : world.downstream.last_head->status;
  };
  CHECK(status(kAbort, {{"fault.http.abort.abort_percent", 0}}) == 0);
  CHECK(status(kAbort, {{"fault.http.abort.http_status", 404}}) == 404);
  CHECK(status(kAbort, {{"fault.http.abort.http_status", 99999}}) == 418);
  CHECK(status("abort { http_status: 500 }", {{"fault.http.abort.abort_percent", 100}}) == 500);
  // A name of one's own.
  const std::string named =
      kAbort + "abort_percent_runtime: 'mine' abort_http_status_runtime: 'code'";
  CHECK(status(named, {{"mine", 0}}) == 0);
  CHECK(status(named, {{"fault.http.abort.abort_percent", 0}, {"code", 404}}) == 404);
  // By downstream cluster.
  const Fields shop = {{"x-envoy-downstream-service-cluster", "shop"}};
  CHECK(status(kAbort, {{"fault.http.shop.abort.abort_percent", 0}}) == 418);
  CHECK(status(kAbort, {{"fault.http.shop.abort.abort_percent", 0}}, shop) == 0);
  CHECK(status(kAbort, {{"fault.http.shop.abort.http_status", 404}}, shop) == 404);
  // For such a request the general share does not count, as in Envoy.
  CHECK(status(kAbort, {{"fault.http.abort.abort_percent", 0}}, shop) == 418);
}

TEST_CASE("fault: the runtime value of the delay") {
  World world({kDelay, "", {{"fault.http.delay.fixed_duration_ms", 20}}});
  world.Request();
  world.Take();
  world.Pass(20 * kMs + kLate);
  CHECK(world.Take() == "up:head(GET /) up:end codec:resume(filter)");
  World off({kDelay, "", {{"fault.http.delay.fixed_duration_ms", 0}}});
  off.Request();
  CHECK(off.Take() == "up:head(GET /) up:end");
}

TEST_CASE("fault: statistics by downstream cluster") {
  const Fields shop = {{"x-envoy-downstream-service-cluster", "shop"}};
  World world({kDelay + kAbort}, shop);
  world.Request();
  world.Pass(100 * kMs + kLate);
  CHECK(world.Stat("http.test.fault.shop.delays_injected") == 1);
  CHECK(world.Stat("http.test.fault.shop.aborts_injected") == 1);
  World off({kAbort + "disable_downstream_cluster_stats: true"}, shop);
  off.Request();
  CHECK(off.Stat("http.test.fault.shop.aborts_injected") == 0);
  CHECK(off.Stat("http.test.fault.aborts_injected") == 1);
}

TEST_CASE("fault: a client cannot make statistics without end") {
  stats::Store store(1);
  event::RealClock clock;
  event::Dispatcher dispatcher(clock);
  FaultState state({store.AddScope("http.test."), store.worker_shard(0), dispatcher});
  const size_t before = store.TakeSnapshot().metrics().size();
  for (int i = 0; i < 1000; ++i) state.CountAbortFrom("cluster" + std::to_string(i));
  CHECK(store.TakeSnapshot().metrics().size() == before + FaultState::kMaxClusters);
}

TEST_CASE("fault: a route's configuration takes the place of the filter's") {
  World world({kAbort, "abort { http_status: 500 percentage { numerator: 100 } }"});
  world.Request();
  CHECK(world.downstream.last_head->status == 500);
  World none({kAbort, "max_active_faults { value: 7 }"});
  none.Request();
  CHECK(none.downstream.last_head == nullptr);
}

// --- responses ---

const std::string kSlow =
    "response_rate_limit { fixed_limit { limit_kbps: 1 } percentage { numerator: 100 } }";

TEST_CASE("fault: a response goes out at its rate, then its end") {
  World world({kSlow});
  world.Request();
  world.Take();
  world.Response(200, std::string(200, 'x'));
  CHECK(world.Take() ==
        "down:head(200) down:data(" + std::string(64, 'x') + ") server:pause(filter)");
  CHECK(world.Stat("http.test.fault.response_rl_injected") == 1);
  CHECK(world.Stat("http.test.fault.active_faults") == 1);
  world.Pass(60 * kMs);
  CHECK(world.Take().empty());
  world.Pass(event::kSecond / 16 - 60 * kMs + kLate);
  CHECK(world.downstream.body.size() >= 128);
  CHECK(world.downstream.body.size() < 140);
  for (int i = 0; i < 3; ++i) world.Pass(event::kSecond / 16 + kLate);
  CHECK(world.downstream.body.size() == 200);
  CHECK(world.downstream.ends == 1);
  CHECK_FALSE(world.response_source.paused());
}

TEST_CASE("fault: trailers of a slow response come last") {
  World world({kSlow});
  world.Request();
  world.ResponseHead();
  world.ResponseData(std::string(100, 'x'));
  world.ResponseEnd({{"t", "1"}});
  world.Take();
  world.Pass(event::kSecond);
  CHECK(world.Take() ==
        "down:data(" + std::string(36, 'x') + ") down:end(t=1) server:resume(filter)");
}

TEST_CASE("fault: a slow response without a body, or of what the rate allows, is not held") {
  World world({kSlow});
  world.Request();
  world.Take();
  world.Response(204);
  CHECK(world.Take() == "down:head(204) down:end");
  World small({kSlow});
  small.Request();
  small.Take();
  small.Response(200, "abc");
  CHECK(small.Take() == "down:head(200) down:data(abc) down:end");
}

TEST_CASE("fault: the upstream of a slow response is paused at the limit and goes on at its half") {
  World world({kSlow, "", {}, 1000});
  world.Request();
  world.Take();
  world.ResponseHead();
  world.ResponseData(std::string(600, 'x'));
  CHECK_FALSE(world.response_source.paused());
  world.ResponseData(std::string(600, 'x'));
  CHECK(world.response_source.paused());
  // What was on its way all the same.
  world.ResponseData("tail");
  int seconds = 0;
  while (world.response_source.paused() && ++seconds < 10) world.Pass(event::kSecond / 4);
  CHECK(seconds == 3);
  CHECK(world.downstream.body.size() >= 700);
  world.ResponseEnd();
  for (int i = 0; i < 8; ++i) world.Pass(event::kSecond / 4);
  CHECK(world.downstream.body == std::string(1200, 'x') + "tail");
  CHECK(world.downstream.ends == 1);
}

TEST_CASE("fault: the request says how slow its response is") {
  const std::string by_header =
      "response_rate_limit { header_limit { } percentage { numerator: 100 } }";
  const auto first = [&](const Fields& fields) {
    World world({by_header}, fields);
    world.Request();
    world.ResponseHead();
    world.ResponseData(std::string(1000, 'x'));
    return world.downstream.body.size();
  };
  CHECK(first({{"x-envoy-fault-throughput-response", "2"}}) == 128);
  CHECK(first({}) == 1000);
  CHECK(first({{"x-envoy-fault-throughput-response", "0"}}) == 1000);
  CHECK(first({{"x-envoy-fault-throughput-response", "2"},
               {"x-envoy-fault-throughput-response-percentage", "0"}}) == 1000);
}

TEST_CASE("fault: the client goes in the middle of a slow response") {
  World world({kSlow});
  world.Request();
  world.Response(200, std::string(500, 'x'));
  world.RequestReset();
  world.Take();
  world.Pass(event::kSecond);
  CHECK(world.Take().empty());
  CHECK(world.Stat("http.test.fault.active_faults") == 0);
}

TEST_CASE("fault: the upstream fails in the middle of a slow response") {
  World world({kSlow});
  world.Request();
  world.ResponseHead();
  world.ResponseData(std::string(500, 'x'));
  world.ResponseReset();
  world.Take();
  world.Pass(event::kSecond);
  CHECK(world.Take().empty());
}

// --- configuration ---

TEST_CASE("fault: what is wrong is named") {
  CHECK(Errors("headers { name: 'a' string_match { safe_regex { regex: '(' } } }")
            .find("filter.headers[0]: ") == 0);
  CHECK(Errors(kDelay + kAbort).empty());
}

}  // namespace
}  // namespace remora::extensions
