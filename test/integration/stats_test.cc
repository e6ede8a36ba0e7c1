// Statistics after known traffic, as the admin interface prints them.

#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

TEST_CASE("Counters and gauges say what happened") {
  Harness h;
  auto up = h.Upstream("up").Run([](const Message& request) {
    const int status = request.target == "/404" ? 404 : request.target == "/500" ? 500 : 200;
    return ScriptedUpstream::Answer{MakeResponse(status, "body"), false};
  });
  h.Route("/", "up");
  h.Start();
  {
    Client client = h.Connect();
    for (const char* path : {"/", "/", "/", "/404", "/404", "/500"}) client.Get(path);
    h.AwaitStat("http.ingress.downstream_rq_completed", 6);
    REQUIRE(h.Stat("http.ingress.downstream_rq_2xx") == 3);
    REQUIRE(h.Stat("http.ingress.downstream_rq_4xx") == 2);
    REQUIRE(h.Stat("http.ingress.downstream_rq_5xx") == 1);
    REQUIRE(h.Stat("http.ingress.downstream_rq_active") == 0);
    REQUIRE(h.Stat("http.ingress.downstream_cx_active") == 1);
    REQUIRE(h.Stat("http.ingress.downstream_cx_http1_total") == 1);
    REQUIRE(h.Stat("http.ingress.downstream_cx_http1_active") == 1);
    REQUIRE(h.Stat("http.ingress.rq_total") == 6);
    REQUIRE(h.Stat("cluster.up.upstream_rq_total") == 6);
    REQUIRE(h.Stat("cluster.up.upstream_rq_completed") == 6);
    REQUIRE(h.Stat("cluster.up.upstream_rq_2xx") == 3);
    REQUIRE(h.Stat("cluster.up.upstream_rq_200") == 3);
    REQUIRE(h.Stat("cluster.up.upstream_rq_404") == 2);
    REQUIRE(h.Stat("cluster.up.upstream_rq_500") == 1);
    REQUIRE(h.Stat("cluster.up.external.upstream_rq_200") == 3);
    REQUIRE_FALSE(h.HasStat("cluster.up.internal.upstream_rq_200"));
    REQUIRE_FALSE(h.HasStat("cluster.up.upstream_rq_503"));
    REQUIRE(h.Stat("cluster.up.upstream_rq_active") == 0);
    REQUIRE(h.Stat("cluster.up.upstream_rq_pending_total") == 1);
    REQUIRE(h.Stat("cluster.up.upstream_cx_total") == 1);
    REQUIRE(h.Stat("cluster.up.upstream_cx_active") == 1);
    REQUIRE(h.Stat("cluster.up.membership_total") == 1);
    REQUIRE(h.Stat("cluster.up.membership_healthy") == 1);
  }
  h.AwaitStat("http.ingress.downstream_cx_active", 0);
  REQUIRE(h.Stat("http.ingress.downstream_cx_destroy") == 1);
  REQUIRE(h.Stat("http.ingress.downstream_cx_destroy_remote") == 1);
  REQUIRE(h.Stat("http.ingress.downstream_cx_destroy_remote_active_rq") == 0);
  REQUIRE(h.Stat("listener.main.downstream_cx_destroy") == 1);
}

TEST_CASE("Bytes are counted on both sides") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, std::string(1000, 'r'));
  h.Route("/", "up");
  h.Start();
  Client client = h.Connect();
  const std::string request = MakeRequest("POST", "/", {}, std::string(5000, 'q'));
  client.Send(request);
  client.ReceiveResponse();
  REQUIRE(h.Stat("http.ingress.downstream_cx_rx_bytes_total") == request.size());
  // Counted when the kernel has taken them: the client may be quicker.
  h.AwaitStatAbove("http.ingress.downstream_cx_tx_bytes_total", 1000);
  h.AwaitStatAbove("cluster.up.upstream_cx_tx_bytes_total", 5000);
  REQUIRE(h.Stat("cluster.up.upstream_cx_rx_bytes_total") ==
          MakeResponse(200, std::string(1000, 'r')).size());
}

TEST_CASE("A cluster that was never used is shown with zeros") {
  Harness h;
  h.Upstream("idle");
  h.DirectResponse("/", 200, "hi");
  h.Start();
  REQUIRE(h.Stat("cluster.idle.upstream_rq_total") == 0);
  REQUIRE(h.Stat("cluster.idle.upstream_cx_total") == 0);
  REQUIRE(h.Stat("cluster_manager.active_clusters") == 1);
}

TEST_CASE("The admin interface answers while workers serve") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  REQUIRE(h.Connect().Get("/").status == 200);
  REQUIRE(h.Admin("/ready").body == "LIVE\n");
  REQUIRE(h.Admin("/listeners").body == "main::" + h.Address().ToString() + "\n");
  const std::string clusters = h.Admin("/clusters").body;
  REQUIRE(clusters.find("up::" + up.address().ToString() + "::rq_total::1\n") != std::string::npos);
}

TEST_CASE("Direct responses are counted and touch no cluster") {
  Harness h;
  h.DirectResponse("/", 418, "short and stout");
  h.Start();
  const Message response = h.Connect().Get("/");
  REQUIRE(response.status == 418);
  REQUIRE(response.body == "short and stout");
  const Exchange exchange = h.NextExchange();
  REQUIRE(exchange.details == "direct_response");
  REQUIRE(exchange.flags == "-");
  h.AwaitStat("http.ingress.downstream_rq_4xx", 1);
  REQUIRE(h.Stat("http.ingress.rq_direct_response") == 1);
}

}  // namespace
}  // namespace remora::harness
