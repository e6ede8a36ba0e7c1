// The router in a chain between recorders; upstreams, where there are any, are real sockets.

#include <catch2/catch.hpp>

#include "source/http/router/router_filter.h"
#include "test/fakes/chain_world.h"
#include "test/harness/scripted_upstream.h"

namespace remora::router {
namespace {

struct RouterWorld {
  explicit RouterWorld(route::RouteConfig route, bool suppress = false,
                       route::FailureSettings failure = {}) {
    route::RouteTableConfig table;
    table.name = "routes";
    route::VirtualHostConfig host;
    host.failure = std::move(failure);
    host.name = "any";
    host.domains = {"*"};
    host.routes.push_back(std::move(route));
    table.virtual_hosts.push_back(std::move(host));
    std::vector<route::RouteTableProblem> problems;
    auto built = route::RouteTable::Build(std::move(table), problems);
    REQUIRE(built.ok());
    chain.UseRoutes(*built);
    config.suppress_envoy_headers = suppress;
    chain.Add("first", {});
    http::FilterFactory factory;
    factory.name = "router";
    factory.terminal = true;
    factory.config = std::shared_ptr<const void>(&config, [](const void*) {});
    factory.create = [](const void* config, http::FilterContext& context) -> http::FilterPtr {
      return context.arena().Make<RouterFilter>(*static_cast<const Config*>(config), context);
    };
    stats::Scope& scope = chain.store.AddScope("http.ingress");
    const http::WorkerSetup setup{scope, chain.store.worker_shard(0), chain.dispatcher};
    chain.AddFactory(std::move(factory), std::make_unique<RouterState>(config, setup));
    chain.downstream.with_fields = true;
    chain.info.connection = &connection;
  }

  // The cluster that routes of these tests name.
  void AddCluster(std::vector<net::Address> hosts) {
    upstream::ClusterConfig cluster;
    cluster.name = "up";
    for (net::Address& address : hosts) {
      upstream::HostConfig host;
      host.address = std::move(address);
      cluster.hosts.push_back(std::move(host));
    }
    auto table = std::make_shared<upstream::ClusterTable>();
    table->Put(std::make_shared<const upstream::Cluster>(std::move(cluster), 1,
                                                         chain.store.AddScope("cluster.up")));
    chain.context("first").clusters().Apply(table);
  }
  void Start(std::string_view path = "/",
             std::vector<std::pair<std::string, std::string>> fields = {}) {
    chain.MakeRequest("GET", path, std::move(fields));
    chain.Start();
  }
  // The next request that arrives there.
  harness::Message Receive(harness::Wire& wire) {
    for (int i = 0; i < 3; ++i) chain.Turn();
    return wire.ReceiveRequest();
  }
  // Turns until the journal has `text`.
  std::string Until(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + harness::kPatience;
    std::string journal;
    while (journal.find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) FAIL("no " << text << " in: " << journal);
      chain.Turn();
      journal += chain.Take();
    }
    return journal;
  }
  uint64_t Stat(const std::string& name) {
    const stats::Snapshot snapshot = chain.store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == name) return metric.value;
    }
    throw std::out_of_range(name);
  }

  http::ConnectionFacts connection;
  Config config;
  fakes::ChainWorld chain;
};

route::RouteConfig ToCluster(std::optional<event::Duration> timeout = {}) {
  route::RouteConfig route;
  route.match.text = "/";
  route::ForwardAction action;
  action.cluster = "up";
  action.timeout = timeout;
  route.action = std::move(action);
  return route;
}

TEST_CASE("Without a route the answer is 404 NR") {
  route::RouteConfig route = ToCluster();
  route.match.text = "/only";
  RouterWorld w(std::move(route));
  w.Start("/other");
  w.chain.Request();
  REQUIRE(w.chain.Take() ==
          "first:>head first:<head down:head(404 content-length=0) first:<end down:end");
  REQUIRE(w.chain.info.flags.ToString() == "NR");
  REQUIRE(w.chain.info.response_code_details == "route_not_found");
  REQUIRE(w.Stat("http.ingress.no_route") == 1);
  REQUIRE(w.Stat("http.ingress.rq_total") == 1);
}

TEST_CASE("A direct response needs no cluster") {
  route::RouteConfig route;
  route.match.text = "/";
  route.action = route::DirectResponseAction{202, "made"};
  RouterWorld w(std::move(route));
  w.Start();
  w.chain.Request();
  REQUIRE(w.chain.Take() ==
          "first:>head first:<head down:head(202 content-type=text/plain content-length=4) "
          "first:<data(made) down:data(made) first:<end down:end");
  REQUIRE(w.chain.info.response_code_details == "direct_response");
  REQUIRE(w.Stat("http.ingress.rq_direct_response") == 1);
}

TEST_CASE("An unknown cluster is 503 NC") {
  RouterWorld w(ToCluster());
  w.Start();
  w.chain.Request();
  REQUIRE(w.chain.Take() ==
          "first:>head first:<head down:head(503 content-length=0) first:<end down:end");
  REQUIRE(w.chain.info.flags.ToString() == "NC");
  REQUIRE(w.chain.info.response_code_details == "cluster_not_found");
  REQUIRE(w.Stat("http.ingress.no_cluster") == 1);
}

TEST_CASE("A cluster without hosts is 503 UH") {
  RouterWorld w(ToCluster());
  w.Start();
  w.AddCluster({});
  w.chain.Request();
  REQUIRE(w.chain.Take() ==
          "first:>head first:<head down:head(503 content-type=text/plain content-length=19) "
          "first:<data(no healthy upstream) down:data(no healthy upstream) first:<end down:end");
  REQUIRE(w.chain.info.flags.ToString() == "UH");
  REQUIRE(w.Stat("cluster.up.upstream_rq_503") == 1);
  REQUIRE(w.Stat("cluster.up.lb_healthy_panic") == 1);
  REQUIRE(w.chain.info.upstream_attempts == 1);
}

TEST_CASE("A cluster in maintenance gets no request: 503 UO") {
  RouterWorld w(ToCluster());
  w.Start();
  w.AddCluster({*net::Address::Ip("127.0.0.1", 1)});
  runtime::Snapshot::Layer layer{"static", {}};
  runtime::Value all;
  all.text = "100";
  all.number = 100;
  layer.values["upstream.maintenance_mode.up"] = all;
  std::vector<runtime::Snapshot::Layer> layers{layer};
  w.chain.runtime.Set(std::make_shared<const runtime::Snapshot>(std::move(layers)));
  w.chain.Request();
  REQUIRE(w.chain.Take() ==
          "first:>head first:<head down:head(503 x-envoy-overloaded=true content-type=text/plain "
          "content-length=16) first:<data(maintenance mode) down:data(maintenance mode) first:<end "
          "down:end");
  REQUIRE(w.chain.info.flags.ToString() == "UO");
  REQUIRE(w.chain.info.response_code_details == "maintenance_mode");
  REQUIRE(w.chain.info.upstream_attempts == 0);
  REQUIRE(w.Stat("cluster.up.upstream_rq_maintenance_mode") == 1);
  REQUIRE(w.Stat("cluster.up.upstream_cx_total") == 0);
}

TEST_CASE("While it waits for a connection the router holds the request back, then sends it") {
  harness::ScriptedUpstream server;
  RouterWorld w(ToCluster(2 * event::kSecond));
  w.Start("/path");
  w.AddCluster({server.address()});
  w.chain.RequestHead();
  REQUIRE(w.chain.Take() == "first:>head codec:pause(sink)");
  w.chain.RequestEnd();
  REQUIRE(w.Until("resume").find("codec:resume(sink)") != std::string::npos);
  harness::Wire wire = server.Accept();
  for (int i = 0; i < 3; ++i) w.chain.Turn();
  const harness::Message request = wire.ReceiveRequest();
  REQUIRE(request.target == "/path");
  REQUIRE(request.Get("x-envoy-expected-rq-timeout-ms") == "2000");
  w.chain.clock.Advance(7 * event::kMillisecond);
  w.chain.Turn();
  wire.Send(harness::MakeResponse(200, "hi"));
  const std::string journal = w.Until("down:end");
  REQUIRE(journal.find("down:head(200 content-length=2 x-envoy-upstream-service-time=7)") !=
          std::string::npos);
  REQUIRE(journal.find("down:data(hi)") != std::string::npos);
  REQUIRE(w.chain.info.cluster_name == "up");
  REQUIRE(w.chain.info.upstream_host == server.address().ToString());
  REQUIRE(w.chain.info.upstream_attempts == 1);
}

TEST_CASE("suppress_envoy_headers leaves the router's own headers out") {
  harness::ScriptedUpstream server;
  RouterWorld w(ToCluster(), true);
  w.Start();
  w.AddCluster({server.address()});
  w.chain.Request();
  w.Until("resume");
  harness::Wire wire = server.Accept();
  for (int i = 0; i < 3; ++i) w.chain.Turn();
  REQUIRE_FALSE(wire.ReceiveRequest().Has("x-envoy-expected-rq-timeout-ms"));
  wire.Send(harness::MakeResponse(200, ""));
  REQUIRE(w.Until("down:end").find("x-envoy") == std::string::npos);
}

TEST_CASE("The route's timeout answers 504 UT and cancels the exchange") {
  harness::ScriptedUpstream server;
  RouterWorld w(ToCluster(2 * event::kSecond));
  w.Start();
  w.AddCluster({server.address()});
  w.chain.Request();
  w.Until("resume");
  harness::Wire wire = server.Accept();
  for (int i = 0; i < 3; ++i) w.chain.Turn();
  wire.ReceiveRequest();
  w.chain.clock.Advance(1990 * event::kMillisecond);
  w.chain.Turn();
  REQUIRE(w.chain.Take().empty());
  w.chain.clock.Advance(20 * event::kMillisecond);
  const std::string journal = w.Until("down:end");
  REQUIRE(journal.find("down:head(504 content-type=text/plain content-length=24)") !=
          std::string::npos);
  REQUIRE(w.chain.info.flags.ToString() == "UT");
  REQUIRE(w.chain.info.response_code_details == "response_timeout");
  w.chain.Turn();
  REQUIRE(wire.ReceiveAll().empty());
  REQUIRE(w.Stat("cluster.up.upstream_rq_timeout") == 1);
}

TEST_CASE("strict_check_headers refuses what is no number, for all others it is ignored") {
  harness::ScriptedUpstream server;
  RouterWorld w(ToCluster(2 * event::kSecond));
  w.config.strict_fields = {http::HeaderId::kXEnvoyMaxRetries};
  SECTION("named") {
    w.Start("/", {{"x-envoy-max-retries", "many"}});
    w.AddCluster({server.address()});
    w.chain.Request();
    REQUIRE(w.chain.Take().find("down:head(400 ") != std::string::npos);
    REQUIRE(w.chain.info.flags.ToString() == "IH");
    REQUIRE(w.chain.info.response_code_details ==
            "request_headers_failed_strict_check{x-envoy-max-retries}");
  }
  SECTION("not named") {
    w.Start("/", {{"x-envoy-upstream-rq-timeout-ms", "soon"}});
    w.AddCluster({server.address()});
    w.chain.Request();
    w.Until("resume");
    harness::Wire wire = server.Accept();
    const harness::Message request = w.Receive(wire);
    REQUIRE(request.Get("x-envoy-expected-rq-timeout-ms") == "2000");
    REQUIRE_FALSE(request.Has("x-envoy-upstream-rq-timeout-ms"));
  }
}

TEST_CASE("A request from inside may say its timeouts") {
  harness::ScriptedUpstream server;
  RouterWorld w(ToCluster());
  w.Start("/", {{"x-envoy-upstream-rq-timeout-ms", "700"},
                {"x-envoy-upstream-rq-per-try-timeout-ms", "300"},
                {"x-envoy-upstream-rq-timeout-alt-response", "1"}});
  w.AddCluster({server.address()});
  w.chain.Request();
  w.Until("resume");
  harness::Wire wire = server.Accept();
  const harness::Message request = w.Receive(wire);
  REQUIRE(request.Get("x-envoy-expected-rq-timeout-ms") == "300");
  REQUIRE_FALSE(request.Has("x-envoy-upstream-rq-timeout-alt-response"));
  w.chain.clock.Advance(320 * event::kMillisecond);
  // The one try has passed its own time; the answer is the one that was asked for.
  REQUIRE(w.Until("down:end").find("down:head(204)") != std::string::npos);
  REQUIRE(w.Stat("cluster.up.upstream_rq_per_try_timeout") == 1);
}

TEST_CASE("Tries are counted in the request, the answer and the facts") {
  harness::ScriptedUpstream server;
  route::FailureSettings failure;
  failure.count_attempts_in_request = true;
  failure.count_attempts_in_response = true;
  failure.retry = std::make_shared<route::RetryPolicy>();
  failure.retry->retry_on = route::kRetryOn5xx;
  RouterWorld w(ToCluster(), false, std::move(failure));
  w.Start("/", {{"x-envoy-upstream-alt-stat-name", "mine"}});
  w.AddCluster({server.address()});
  w.chain.Request();
  w.Until("resume");
  harness::Wire wire = server.Accept();
  REQUIRE(w.Receive(wire).Get("x-envoy-attempt-count") == "1");
  wire.Send(harness::MakeResponse(503, "no"));
  w.Until("codec:pause(sink)");
  for (int i = 0; i < 10; ++i) {
    w.chain.clock.Advance(4 * event::kMillisecond);
    w.chain.Turn();
  }
  // The first answer was read to its end: the same connection is used again.
  REQUIRE(w.Receive(wire).Get("x-envoy-attempt-count") == "2");
  wire.Send(harness::MakeResponse(200, "yes"));
  const std::string journal = w.Until("down:end");
  REQUIRE(journal.find("x-envoy-attempt-count=2") != std::string::npos);
  REQUIRE(w.chain.info.upstream_attempts == 2);
  REQUIRE(w.chain.info.upstream_connection_id != 0);
  REQUIRE(w.chain.info.upstream_remote->ToString() == server.address().ToString());
  REQUIRE(w.chain.info.upstream_local->IpString() == "127.0.0.1");
  REQUIRE(w.chain.info.upstream_last_byte >= w.chain.info.upstream_first_byte);
  REQUIRE(w.Stat("cluster.up.upstream_rq_retry_success") == 1);
  REQUIRE(w.Stat("cluster.up.mine.upstream_rq_200") == 1);
}

TEST_CASE("The route's timeout bounds all tries, and back-off too") {
  route::RouteConfig route = ToCluster(100 * event::kMillisecond);
  auto& action = std::get<route::ForwardAction>(route.action);
  action.failure.retry = std::make_shared<route::RetryPolicy>();
  action.failure.retry->retry_on = route::kRetryOnConnectFailure;
  action.failure.retry->num_retries = 100;
  action.failure.retry->base_interval = 60 * event::kSecond;
  action.failure.retry->max_interval = 60 * event::kSecond;
  harness::ScriptedUpstream server;
  server.Unlisten();
  RouterWorld w(std::move(route));
  w.Start();
  w.AddCluster({server.address()});
  w.chain.Request();
  for (int i = 0; i < 5; ++i) w.chain.Turn();
  w.chain.clock.Advance(110 * event::kMillisecond);
  REQUIRE(w.Until("down:end").find("down:head(504 ") != std::string::npos);
  REQUIRE(w.chain.info.flags.ToString() == "UT");
}

TEST_CASE("A client that goes cancels the exchange") {
  harness::ScriptedUpstream server;
  RouterWorld w(ToCluster());
  w.Start();
  w.AddCluster({server.address()});
  w.chain.Request();
  SECTION("while the router waits for a connection") {
    w.chain.RequestReset();
    REQUIRE(w.Stat("cluster.up.upstream_rq_cancelled") == 1);
    REQUIRE(w.Stat("cluster.up.upstream_rq_pending_active") == 0);
  }
  SECTION("while it waits for the answer") {
    w.Until("resume");
    harness::Wire wire = server.Accept();
    for (int i = 0; i < 3; ++i) w.chain.Turn();
    wire.ReceiveRequest();
    w.chain.RequestReset();
    for (int i = 0; i < 3; ++i) w.chain.Turn();
    REQUIRE(wire.ReceiveAll().empty());
    REQUIRE(w.Stat("cluster.up.upstream_cx_destroy_local_with_active_rq") == 1);
    REQUIRE(w.Stat("cluster.up.upstream_rq_active") == 0);
  }
  REQUIRE(w.chain.downstream.heads == 0);
}

}  // namespace
}  // namespace remora::router
