// RetryState: what is tried again, how often, and when.

#include "source/http/router/retry_state.h"

#include <catch2/catch.hpp>

#include "source/stats/store.h"
#include "test/fakes/simulated_clock.h"

namespace remora::router {
namespace {

using Answer = RetryState::Answer;
using Fields = std::vector<std::pair<std::string, std::string>>;
using event::kMillisecond;
using event::kSecond;
using http::ErrorKind;

struct RetryWorld {
  RetryWorld() {
    upstream::ClusterConfig config;
    config.name = "up";
    cluster = std::make_shared<const upstream::Cluster>(std::move(config), 1,
                                                        store.AddScope("cluster.up"));
    runtime = std::make_unique<upstream::ClusterRuntime>(
        cluster,
        upstream::WorkerResources{dispatcher, blocks, random, view, store.worker_shard(0), 0});
  }
  void On(std::string_view words) {
    bool known = false;
    policy.retry_on = route::ParseRetryOn(words, known) | route::ParseRetryGrpcOn(words, known);
  }
  RetryState& Make(const Fields& fields = {}) {
    http::RequestHead head(arena);
    for (const auto& [name, value] : fields) {
      REQUIRE(head.headers.Add(http::LookUpHeaderId(name), value));
    }
    state.emplace(
        RetryState::Setup{&policy, *runtime, upstream::Priority::kDefault, random, dispatcher},
        head, [](void* self) { static_cast<RetryWorld*>(self)->due = true; }, this);
    return *state;
  }
  Answer Head(uint16_t status, const Fields& fields = {}) {
    http::ResponseHead head(arena);
    head.status = status;
    for (const auto& [name, value] : fields) REQUIRE(head.headers.Add(name, value));
    return state->OnHead(head);
  }
  // How long StartDelay takes, to the millisecond and the timer's coarseness.
  event::Duration Delay() {
    due = false;
    state->StartDelay();
    const event::TimePoint start = dispatcher.now();
    while (!due) {
      clock.Advance(kMillisecond);
      dispatcher.RunOnce(false);
    }
    return dispatcher.now() - start;
  }
  uint32_t InFlight() {
    return cluster->Sum(upstream::Priority::kDefault, &upstream::UsageSlot::retries);
  }

  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  base::ArenaPool arenas;
  base::Arena arena{arenas};
  buffer::BlockPool blocks;
  base::Random random{1};
  runtime::View view;
  stats::Store store{1};
  std::shared_ptr<const upstream::Cluster> cluster;
  std::unique_ptr<upstream::ClusterRuntime> runtime;
  route::RetryPolicy policy;
  std::optional<RetryState> state;
  bool due = false;
};

TEST_CASE("Words and the responses that they are about") {
  struct Row {
    const char* words;
    uint16_t status;
    Fields fields;
    bool again;
  };
  const Row rows[] = {
      {"5xx", 500, {}, true},
      {"5xx", 499, {}, false},
      {"gateway-error", 502, {}, true},
      {"gateway-error", 504, {}, true},
      {"gateway-error", 500, {}, false},
      {"retriable-4xx", 409, {}, true},
      {"retriable-4xx", 404, {}, false},
      {"retriable-status-codes", 418, {}, true},
      {"retriable-status-codes", 503, {}, false},
      {"connect-failure,refused-stream,reset", 503, {}, false},
      {"5xx", 503, {{"x-envoy-ratelimited", "true"}}, false},
      {"envoy-ratelimited", 429, {{"x-envoy-ratelimited", "true"}}, true},
      {"unavailable", 200, {{"grpc-status", "14"}}, true},
      {"unavailable", 200, {{"grpc-status", "13"}}, false},
      {"cancelled, internal", 200, {{"grpc-status", "1"}}, true},
      {"deadline-exceeded", 200, {{"grpc-status", "4"}}, true},
      {"resource-exhausted", 200, {{"grpc-status", "8"}}, true},
      {" 5xx ,nonsense", 503, {}, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.words, row.status);
    RetryWorld w;
    w.policy.status_codes = {418};
    w.On(row.words);
    w.Make();
    REQUIRE(w.Head(row.status, row.fields) == (row.again ? Answer::kYes : Answer::kNo));
  }
}

TEST_CASE("Words and the failures that they are about") {
  struct Row {
    const char* words;
    ErrorKind kind;
    bool began;
    bool again;
  };
  const Row rows[] = {
      {"5xx", ErrorKind::kConnectFailure, false, true},
      {"gateway-error", ErrorKind::kConnectionTermination, true, true},
      {"reset", ErrorKind::kConnectionTermination, true, true},
      {"reset", ErrorKind::kLocalReset, true, true},
      {"reset", ErrorKind::kOverflow, false, false},
      {"connect-failure", ErrorKind::kConnectTimeout, false, true},
      {"connect-failure", ErrorKind::kLocalConnectFailure, false, true},
      {"connect-failure", ErrorKind::kConnectionTermination, true, false},
      {"reset-before-request", ErrorKind::kConnectionTermination, false, true},
      {"reset-before-request", ErrorKind::kConnectionTermination, true, false},
      {"retriable-4xx", ErrorKind::kConnectFailure, false, false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.words, static_cast<int>(row.kind));
    RetryWorld w;
    w.On(row.words);
    w.Make();
    REQUIRE(w.state->OnFailure(row.kind, row.began) == (row.again ? Answer::kYes : Answer::kNo));
  }
}

TEST_CASE("Header conditions of the response and of the request") {
  RetryWorld w;
  auto headers = std::make_shared<route::RetryHeaders>();
  route::HeaderMatch match;
  match.name = "X-Again";
  headers->response.push_back(match);
  match.name = ":status";
  match.kind = route::HeaderMatch::Kind::kString;
  match.string.text = "207";
  headers->response.push_back(match);
  SECTION("of the response") {
    w.policy.headers = headers;
    REQUIRE(w.policy.CompileConditions(100).ok());
    w.policy.num_retries = 9;
    w.On("retriable-headers");
    w.Make();
    REQUIRE(w.Head(200) == Answer::kNo);
    REQUIRE(w.Head(200, {{"x-again", "1"}}) == Answer::kYes);
    REQUIRE(w.Head(207) == Answer::kYes);
  }
  SECTION("of the request") {
    route::HeaderMatch wanted;
    wanted.name = "x-request-id";
    headers->request.push_back(wanted);
    w.policy.headers = headers;
    REQUIRE(w.policy.CompileConditions(100).ok());
    w.On("5xx");
    w.Make();
    REQUIRE(w.Head(503) == Answer::kNo);
    w.Make({{"x-request-id", "1"}});
    REQUIRE(w.Head(503) == Answer::kYes);
  }
}

TEST_CASE("What the request asks for counts too") {
  RetryWorld w;
  w.Make({{"x-envoy-retry-on", "retriable-status-codes,retriable-headers"},
          {"x-envoy-retriable-status-codes", "200, 201"},
          {"x-envoy-retriable-header-names", "X-Try, x-other"},
          {"x-envoy-max-retries", "2"}});
  REQUIRE(w.Head(202) == Answer::kNo);
  REQUIRE(w.Head(201) == Answer::kYes);
  REQUIRE(w.Head(404, {{"x-try", ""}}) == Answer::kYes);
  REQUIRE(w.Head(200) == Answer::kLimit);
}

TEST_CASE("Tries are counted down, and a place in the breaker is held by each") {
  RetryWorld w;
  w.On("5xx");
  w.policy.num_retries = 2;
  w.Make();
  REQUIRE(w.Head(503) == Answer::kYes);
  REQUIRE(w.InFlight() == 1);
  REQUIRE(w.Head(503) == Answer::kYes);
  REQUIRE(w.InFlight() == 1);
  REQUIRE(w.Head(503) == Answer::kLimit);
  REQUIRE(w.InFlight() == 0);
  w.Make();
  REQUIRE(w.Head(503) == Answer::kYes);
  w.state.reset();
  REQUIRE(w.InFlight() == 0);
}

TEST_CASE("Back-off doubles to its maximum, with full jitter") {
  RetryWorld w;
  w.On("5xx");
  w.policy.base_interval = 100 * kMillisecond;
  w.policy.max_interval = 400 * kMillisecond;
  constexpr event::Duration kCoarse = 12 * kMillisecond;
  event::Duration longest[4] = {};
  for (int i = 0; i < 60; ++i) {
    w.Make();
    for (event::Duration& one : longest) one = std::max(one, w.Delay());
  }
  const event::Duration bounds[] = {100, 200, 400, 400};
  for (int i = 0; i < 4; ++i) {
    CAPTURE(i);
    REQUIRE(longest[i] <= bounds[i] * kMillisecond + kCoarse);
    REQUIRE(longest[i] >= bounds[i] * kMillisecond / 2);
  }
}

TEST_CASE("A time that the upstream asks for comes first") {
  RetryWorld w;
  w.On("5xx");
  w.policy.num_retries = 9;
  w.policy.reset_max_interval = 10 * kSecond;
  w.policy.reset_headers = {{"retry-after", route::ResetHeader::Format::kSeconds},
                            {"x-reset", route::ResetHeader::Format::kUnixTimestamp}};
  w.Make();
  REQUIRE(w.Head(503, {{"retry-after", "2"}}) == Answer::kYes);
  const event::Duration asked = w.Delay();
  REQUIRE(asked >= 2 * kSecond);
  REQUIRE(asked <= 3 * kSecond + 12 * kMillisecond);
  // Too long, then a time of day.
  const int64_t at = w.dispatcher.wall_now() / kSecond + 4;
  REQUIRE(w.Head(503, {{"retry-after", "60"}, {"x-reset", std::to_string(at)}}) == Answer::kYes);
  const event::Duration until = w.Delay();
  REQUIRE(until >= 3 * kSecond);
  REQUIRE(until <= 6 * kSecond + 12 * kMillisecond);
  REQUIRE(w.Head(503) == Answer::kYes);
  REQUIRE(w.Delay() < kSecond);
}

}  // namespace
}  // namespace remora::router
