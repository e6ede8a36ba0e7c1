// /explain: what it says is what requests meet, and which version of which resource said so.

#include <catch2/catch.hpp>

#include "test/integration/discovery/dynamic_world.h"

namespace remora::discovery {
namespace {

using harness::ScriptedUpstream;

void CheckHas(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
}

std::string Fault(const std::string& fields) {
  return "{\"@type\": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, " +
         fields + "}";
}

}  // namespace

TEST_CASE("explain: resources of a source, with their versions, and what lost") {
  ScriptedUpstream upstream;
  DynamicWorld w;
  const uint16_t port = DynamicWorld::FreePort();
  const std::vector<std::string> kNone;
  CHECK(w.Send(ResourceType::kCluster, {{"up", EdsCluster("up")}}, {}, "c1") == kNone);
  CHECK(w.Send(ResourceType::kEndpoints, {{"up", Assignment("up", {Host(upstream)})}}, {}, "e1") ==
        kNone);
  const std::string fault = "{name: fault, typed_config: " + Fault("max_active_faults: 7") + "}";
  CHECK(w.Send(ResourceType::kListener, {{"l", Listener("l", port, {RdsChain("r", "", fault)})}},
               {}, "l1") == kNone);
  std::string up_route = To("up", "/up");
  up_route.insert(1, "typed_per_filter_config: {fault: " + Fault("max_active_faults: 9") + "}, ");
  CHECK(w.Send(ResourceType::kRoutes,
               {{"r", Routes("r", {Says("never", "/never"), up_route, To("nowhere", "/nowhere")})}},
               {}, "r1") == kNone);

  const std::string up = w.Admin("/explain?path=/up");
  INFO(up);
  CHECK(up.starts_with("outcome: forwarded to " + upstream.address().ToString() +
                       " of cluster up\n"));
  CheckHas(up, "listener: l\n");
  CheckHas(up, "  from: listener 'l' of a source, version \"l1\", taken ");
  CheckHas(up, "  from: route configuration 'r' of a source, version \"r1\"");
  CheckHas(up, "route: routes[1] prefix /up\n");
  CheckHas(up, "  not routes[0] prefix /never: the path\n");
  CheckHas(up, "  from: cluster 'up' of a source, version \"c1\"");
  CheckHas(up, "  from: endpoints of cluster 'up' of a source, version \"e1\"");
  CheckHas(up, "\"max_active_faults\": 7");
  CheckHas(up, "     of the route: {\n");
  CheckHas(up, "\"max_active_faults\": 9");
  CHECK(w.Stat("http.in.downstream_rq_total") == 0);

  CHECK(w.Admin("/explain?listener=l&path=/never").starts_with("outcome: answered by the route\n"));
  CHECK(w.Admin("/explain?path=/nowhere")
            .starts_with("outcome: there is no such cluster\n  status: 503\n"
                         "  response flags: NC\n  response code details: cluster_not_found\n"));
  CHECK(w.Status(port, "/nowhere") == 503);
  CheckHas(w.Admin("/explain?path=/other"),
           "  status: 404\n  response flags: NR\n  response code details: route_not_found\n");
  CHECK(w.Status(port, "/other") == 404);

  // What another version changes is what is said next.
  w.Send(ResourceType::kRoutes, {{"r", Routes("r", {To("up")})}}, {}, "r2");
  CheckHas(w.Admin("/explain?path=/other"), "of a source, version \"r2\"");
  CHECK(w.Admin("/explain?worker=2") == "there is no worker 2: the last one is 1\n");
  CHECK(w.Admin("/explain?worker=1&path=/other").starts_with("outcome: forwarded to "));
}

TEST_CASE("explain: no listener, and no routes yet") {
  const uint16_t port = DynamicWorld::FreePort();
  DynamicWorld w({.listeners = {Listener("l", port, {RdsChain("r")})}});
  w.TimeOut(ResourceType::kRoutes);
  const std::string page = w.Admin("/explain");
  CheckHas(page, "route table: none\n");
  CheckHas(page, "  response flags: NR\n");
  CheckHas(page, "  from: listener 'l' of the bootstrap\n");
  CHECK(w.Status(port) == 404);
  const std::string nobody = w.Admin("/explain?listener=other");
  CHECK(nobody.starts_with("outcome: no listener serves it\n"));
  CheckHas(nobody, "  not l: 127.0.0.1:" + std::to_string(port) + "\n");
}

}  // namespace remora::discovery
