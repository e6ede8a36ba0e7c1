// Retries, per-try timeouts and mirrors over real sockets.

#include <catch2/catch.hpp>

#include <atomic>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

route::RetryPolicy& Retry(route::ForwardAction& action, std::string_view on, uint32_t times = 1) {
  bool known = false;
  action.failure.retry = std::make_shared<route::RetryPolicy>();
  action.failure.retry->retry_on =
      route::ParseRetryOn(on, known) | route::ParseRetryGrpcOn(on, known);
  action.failure.retry->num_retries = times;
  action.failure.retry->base_interval = Ms(1);
  action.failure.retry->max_interval = Ms(2);
  return *action.failure.retry;
}

// Answers the first `bad` requests with one status, the others with 200.
ScriptedUpstream::Script FirstBad(int bad, int status, std::vector<Field> fields = {}) {
  return [bad, status, fields, count = std::make_shared<std::atomic<int>>(0)](const Message&) {
    const bool fail = count->fetch_add(1) < bad;
    return ScriptedUpstream::Answer{fail ? MakeResponse(status, "bad", fields)
                                         : MakeResponse(200, "good")};
  };
}

TEST_CASE("A 503 is tried again and the client sees the good answer") {
  Harness h;
  auto up = h.Upstream("up").Run(FirstBad(2, 503));
  Retry(h.Forward("/", "up"), "5xx", 3);
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 200);
  REQUIRE(response.body == "good");
  REQUIRE(h.NextExchange().flags == "-");
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry") == 2);
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry_success") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry_backoff_exponential") == 2);
  REQUIRE(h.Stat("cluster.up.retry.upstream_rq_503") == 2);
  REQUIRE_FALSE(h.HasStat("cluster.up.upstream_rq_503"));
  REQUIRE(h.Stat("cluster.up.upstream_rq_200") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_rq_total") == 3);
  // What was thrown away was read to its end: the connection lived on.
  REQUIRE(up.connections() == 1);
}

TEST_CASE("When no try is left the last answer goes to the client, with URX") {
  Harness h;
  h.Upstream("up").Run(FirstBad(100, 503));
  Retry(h.Forward("/", "up"), "5xx", 2);
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 503);
  REQUIRE(response.body == "bad");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.flags == "URX");
  REQUIRE(exchange.details == "via_upstream");
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry") == 2);
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry_limit_exceeded") == 1);
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry_success") == 0);
  REQUIRE(h.Stat("cluster.up.retry.upstream_rq_503") == 2);
  REQUIRE(h.Stat("cluster.up.upstream_rq_503") == 1);
}

TEST_CASE("The body is sent again") {
  Harness h;
  auto up = h.Upstream("up").Run(FirstBad(1, 502));
  Retry(h.Forward("/", "up"), "gateway-error");
  h.Start();
  const std::string body(300'000, 'x');
  REQUIRE(h.Connect().Post("/", body).status == 200);
  const std::vector<Message> requests = up.requests();
  REQUIRE(requests.size() == 2);
  REQUIRE(requests[0].body == body);
  REQUIRE(requests[1].body == body);
}

TEST_CASE("A body over the limit is sent once") {
  Harness h;
  auto up = h.Upstream("up").Run(FirstBad(1, 502));
  route::ForwardAction& action = h.Forward("/", "up");
  Retry(action, "gateway-error");
  action.failure.body_limit = 1000;
  h.Start();
  REQUIRE(h.Connect().Post("/", std::string(300'000, 'x')).status == 502);
  REQUIRE(up.requests().size() == 1);
  REQUIRE(h.Stat("cluster.up.retry_or_shadow_abandoned") == 1);
}

TEST_CASE("A refused connection is tried again elsewhere") {
  Harness h;
  auto dead = h.Upstream("up");
  h.Upstream("up").Respond(200, "alive");
  dead.Unlisten();
  route::RetryPolicy& policy = Retry(h.Forward("/", "up"), "connect-failure", 1);
  policy.avoid_previous_hosts = true;
  policy.more_picks = 5;
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 8; ++i) REQUIRE(client.Get("/").body == "alive");
  REQUIRE(h.Stat("cluster.up.upstream_cx_connect_fail") >= 1);
}

TEST_CASE("After a retry the body of a failure says so") {
  Harness h;
  auto up = h.Upstream("up");
  up.Unlisten();
  Retry(h.Forward("/", "up"), "connect-failure", 1);
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 503);
  REQUIRE(response.body ==
          "upstream connect error or disconnect/reset before headers. retried and the latest reset "
          "reason: remote connection failure");
  REQUIRE(h.NextExchange().flags == "URX,UF");
}

TEST_CASE("A try that takes too long is given up for another") {
  Harness h;
  auto up = h.Upstream("up");
  Retry(h.Forward("/", "up"), "5xx", 1).per_try_timeout = Ms(50);
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire first = up.Accept();
  first.ReceiveRequest();
  Wire second = up.Accept();
  second.ReceiveRequest();
  SECTION("that is answered") {
    second.Send(MakeResponse(200, "in time"));
    REQUIRE(client.ReceiveResponse().body == "in time");
    REQUIRE(h.NextExchange().flags == "-");
    REQUIRE(h.Stat("cluster.up.upstream_rq_per_try_timeout") == 1);
  }
  SECTION("that takes too long as well") {
    const Message response = client.ReceiveResponse();
    REQUIRE(response.status == 504);
    REQUIRE(response.body == "upstream request timeout");
    const Exchange exchange = h.NextExchange();
    REQUIRE(exchange.flags == "URX,UT");
    REQUIRE(exchange.details == "upstream_per_try_timeout");
    REQUIRE(h.Stat("cluster.up.upstream_rq_per_try_timeout") == 2);
  }
  REQUIRE(first.ReceiveAll().empty());
}

TEST_CASE("A full retry breaker passes the failure on") {
  Harness h;
  h.Upstream("up").Run(FirstBad(100, 503));
  h.Cluster("up").limits[0].max_retries = 0;
  Retry(h.Forward("/", "up"), "5xx", 3);
  h.Start();
  REQUIRE(h.Connect().Get("/").body == "bad");
  REQUIRE(h.NextExchange().flags == "UO");
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry_overflow") == 1);
}

TEST_CASE("The upstream says when to come again") {
  Harness h;
  h.Upstream("up").Run(FirstBad(1, 503, {{"retry-after", "0"}}));
  route::RetryPolicy& policy = Retry(h.Forward("/", "up"), "5xx", 1);
  policy.reset_headers = {{"retry-after", route::ResetHeader::Format::kSeconds}};
  h.Start();
  REQUIRE(h.Connect().Get("/").status == 200);
  // 0 seconds is no time: the usual back-off.
  REQUIRE(h.Stat("cluster.up.upstream_rq_retry_backoff_exponential") == 1);
}

TEST_CASE("HIGH requests have limits and connections of their own") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").limits[1].max_requests = 0;
  h.Forward("/high", "up").priority = route::RoutePriority::kHigh;
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  client.Send(MakeRequest("GET", "/low"));
  Wire low = up.Accept();
  low.ReceiveRequest();
  low.Send(MakeResponse(200, "low"));
  REQUIRE(client.ReceiveResponse().body == "low");
  const Message refused = client.Get("/high");
  REQUIRE(refused.status == 503);
  REQUIRE(refused.Get("x-envoy-overloaded") == "true");
}

TEST_CASE("A mirror gets a copy and the client does not notice") {
  Harness h;
  h.Upstream("up").Respond(200, "real");
  auto copy = h.Upstream("copy").Respond(500, "nobody reads this");
  h.Forward("/", "up").failure.mirrors.push_back({"copy", "", {{}, {100, 100}}, true});
  h.Start();
  const std::string body(200'000, 'm');
  Client client = h.Connect();
  REQUIRE(client.Post("/path", body).body == "real");
  h.AwaitStat("cluster.copy.upstream_rq_500", 1);
  const std::vector<Message> requests = copy.requests();
  REQUIRE(requests.size() == 1);
  REQUIRE(requests[0].body == body);
  REQUIRE(requests[0].target == "/path");
  REQUIRE(requests[0].Get("host") == "test.local-shadow");
  REQUIRE(requests[0].Get("x-envoy-internal") == "true");
  h.AwaitStat("cluster.copy.upstream_rq_active", 0);
}

TEST_CASE("A mirror that is not there costs nothing") {
  Harness h;
  h.Upstream("up").Respond(200, "real");
  auto gone = h.Upstream("copy");
  gone.Unlisten();
  h.Forward("/", "up").failure.mirrors.push_back({"copy", "", {{}, {100, 100}}, true});
  h.Start();
  REQUIRE(h.Connect().Get("/").body == "real");
  h.AwaitStat("cluster.copy.upstream_rq_503", 1);
}

}  // namespace
}  // namespace remora::harness
