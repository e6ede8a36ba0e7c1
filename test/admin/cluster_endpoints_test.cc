#include <algorithm>
#include <catch2/catch.hpp>

#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

using upstream::ClusterConfig;
using upstream::HealthStatus;
using upstream::HostConfig;

ClusterConfig OneHost(std::string name) {
  ClusterConfig config;
  config.name = std::move(name);
  config.hosts.push_back(HostAt(Ip("127.0.0.1", 80)));
  return config;
}

TEST_CASE("A cluster in text, line by line") {
  AdminWorld world;
  ClusterConfig config;
  config.name = "b";
  config.alt_stat_name = "bstat";
  config.limits[0].max_requests = 4000000000;
  config.limits[1].max_connections = 3;
  HostConfig host = HostAt(Ip("::1", 8080));
  host.hostname = "h1";
  host.weight = 5;
  host.locality = {"eu", "z1", "s"};
  config.hosts.push_back(host);
  const upstream::Cluster& cluster = world.AddCluster(config);
  // Two workers' counts are summed.
  upstream::AddOwn<uint64_t>(cluster.hosts()[0]->counters(0).cx_active, 1);
  upstream::AddOwn<uint64_t>(cluster.hosts()[0]->counters(1).cx_active, 2);
  upstream::AddOwn<uint64_t>(cluster.hosts()[0]->counters(1).rq_error, 7);
  const Answer answer = world.Get("/clusters");
  CHECK(answer.status == 200);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == R"(b::observability_name::bstat
b::default_priority::max_connections::1024
b::default_priority::max_pending_requests::1024
b::default_priority::max_requests::4000000000
b::default_priority::max_retries::3
b::high_priority::max_connections::3
b::high_priority::max_pending_requests::1024
b::high_priority::max_requests::1024
b::high_priority::max_retries::3
b::added_via_api::false
b::[::1]:8080::cx_active::3
b::[::1]:8080::cx_connect_fail::0
b::[::1]:8080::cx_total::0
b::[::1]:8080::rq_active::0
b::[::1]:8080::rq_error::7
b::[::1]:8080::rq_success::0
b::[::1]:8080::rq_timeout::0
b::[::1]:8080::rq_total::0
b::[::1]:8080::hostname::h1
b::[::1]:8080::health_flags::healthy
b::[::1]:8080::weight::5
b::[::1]:8080::region::eu
b::[::1]:8080::zone::z1
b::[::1]:8080::sub_zone::s
b::[::1]:8080::canary::false
b::[::1]:8080::priority::0
b::[::1]:8080::success_rate::-1
b::[::1]:8080::local_origin_success_rate::-1
)");
}

TEST_CASE("A cluster in JSON, field by field") {
  AdminWorld world;
  ClusterConfig config;
  config.name = "x<\"\n";
  HostConfig host = HostAt(UnixPath("/run/x"));
  host.priority = 1;
  host.hostname = "h1";
  host.locality.zone = "z1";
  config.hosts.push_back(host);
  const upstream::Cluster& cluster = world.AddCluster(config);
  upstream::AddOwn<uint64_t>(cluster.hosts()[0]->counters(0).cx_total, 12);
  upstream::AddOwn<uint64_t>(cluster.hosts()[0]->counters(0).rq_active, 1);
  const Answer answer = world.Get("/clusters?format=json");
  CHECK(answer.status == 200);
  CHECK(answer.type == "application/json");
  CHECK(answer.body == R"({
 "cluster_statuses": [
  {
   "name": "x\u003c\"\n",
   "host_statuses": [
    {
     "address": {
      "pipe": {
       "path": "/run/x"
      }
     },
     "stats": [
      {
       "name": "cx_connect_fail"
      },
      {
       "value": "12",
       "name": "cx_total"
      },
      {
       "name": "rq_error"
      },
      {
       "name": "rq_success"
      },
      {
       "name": "rq_timeout"
      },
      {
       "name": "rq_total"
      },
      {
       "type": "GAUGE",
       "name": "cx_active"
      },
      {
       "type": "GAUGE",
       "value": "1",
       "name": "rq_active"
      }
     ],
     "health_status": {
      "eds_health_status": "HEALTHY"
     },
     "weight": 1,
     "hostname": "h1",
     "priority": 1,
     "locality": {
      "zone": "z1"
     }
    }
   ],
   "circuit_breakers": {
    "thresholds": [
     {
      "max_connections": 1024,
      "max_pending_requests": 1024,
      "max_requests": 1024,
      "max_retries": 3
     },
     {
      "priority": "HIGH",
      "max_connections": 1024,
      "max_pending_requests": 1024,
      "max_requests": 1024,
      "max_retries": 3
     }
    ]
   },
   "observability_name": "x\u003c\"\n"
  }
 ]
}
)");
}

TEST_CASE("The health of a host as configured") {
  AdminWorld world;
  const auto [status, text, json] = GENERATE(table<HealthStatus, std::string, std::string>({
      {HealthStatus::kUnknown, "healthy", "HEALTHY"},
      {HealthStatus::kHealthy, "healthy", "HEALTHY"},
      {HealthStatus::kUnhealthy, "/failed_eds_health", "UNHEALTHY"},
      {HealthStatus::kTimeout, "/failed_eds_health", "UNHEALTHY"},
      {HealthStatus::kDraining, "/eds_status_draining", "DRAINING"},
      {HealthStatus::kDegraded, "/degraded_eds_health", "DEGRADED"},
  }));
  ClusterConfig config = OneHost("c");
  config.hosts[0].health = status;
  world.AddCluster(config);
  CHECK_THAT(world.Body("/clusters"),
             Catch::Matchers::Contains("c::127.0.0.1:80::health_flags::" + text + "\n"));
  CHECK_THAT(world.Body("/clusters?format=json"),
             Catch::Matchers::Contains("\"eds_health_status\": \"" + json + "\"\n"));
}

// The names of the clusters shown, in their order.
std::string Shown(AdminWorld& world, const std::string& query) {
  const std::string body = world.Body("/clusters?" + query);
  const std::string mark = "::observability_name::";
  std::string names;
  for (size_t at = body.find(mark); at != std::string::npos; at = body.find(mark, at + 1)) {
    const size_t begin = at + mark.size();
    names += body.substr(begin, body.find('\n', begin) - begin) + " ";
  }
  return names;
}

TEST_CASE("Clusters are in name order and filtered by a regular expression") {
  AdminWorld world;
  for (const char* name : {"beta", "alpha", "gamma.b"}) world.AddCluster(OneHost(name));
  CHECK(Shown(world, "") == "alpha beta gamma.b ");
  CHECK(Shown(world, "filter=") == "alpha beta gamma.b ");
  CHECK(Shown(world, "filter=b") == "beta gamma.b ");
  CHECK(Shown(world, "filter=%5Eb&filter=a") == "beta ");
  CHECK(Shown(world, "format=xx&filter=et+") == "beta ");
  CHECK(world.Body("/clusters?filter=nope").empty());
  CHECK(world.Body("/clusters?filter=nope&format=json") == "{}\n");
}

TEST_CASE("A filter that is no regular expression is answered with 400") {
  AdminWorld world;
  const auto query = GENERATE(as<std::string>(), "filter=(", "format=json&filter=(");
  const Answer answer = world.Get("/clusters?" + query);
  CHECK(answer.status == 400);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == "Invalid re2 regex");
}

TEST_CASE("Without clusters there is little to show") {
  AdminWorld world;
  CHECK(world.Body("/clusters").empty());
  CHECK(world.Body("/clusters?format=json") == "{}\n");
}

TEST_CASE("Hosts are shown priority by priority, a cluster without hosts has no host_statuses") {
  AdminWorld world;
  ClusterConfig config;
  config.name = "c";
  for (const uint32_t priority : {1U, 0U, 1U, 0U}) {
    const auto port = static_cast<uint16_t>(81 + config.hosts.size());
    config.hosts.push_back(HostAt(Ip("127.0.0.1", port)));
    config.hosts.back().priority = priority;
  }
  world.AddCluster(config);
  const std::string body = world.Body("/clusters");
  std::string ports;
  for (size_t at = 0; (at = body.find("::canary", at)) != std::string::npos; ++at) {
    ports += body.substr(at - 2, 2) + " ";
  }
  CHECK(ports == "82 84 81 83 ");
  ClusterConfig empty;
  empty.name = "c";
  world.AddCluster(empty);
  CHECK(world.Body("/clusters?format=json").find("host_statuses") == std::string::npos);
}

TEST_CASE("Many clusters come in pieces, made while they are taken") {
  AdminWorld world;
  constexpr int kClusters = 400;
  for (int i = 0; i < kClusters; ++i) world.AddCluster(OneHost("cluster_" + std::to_string(i)));
  const auto target = GENERATE(as<std::string>(), "/clusters", "/clusters?format=json");
  Response response = world.table.Handle(MakeRequest("GET", target));
  CHECK(response.body.empty());
  std::string first;
  REQUIRE(response.more(first));
  CHECK(first.size() >= kPieceSize);
  CHECK(first.size() < kPieceSize + 4096);
  // The World of the request stays, whatever comes after it.
  world.world = std::make_shared<const config::World>();
  int pieces = 1;
  const std::string body = first + WholeBody(response, &pieces);
  CHECK(pieces > 4);
  const std::string last = target == "/clusters" ? "cluster_99::127.0.0.1:80::success_rate::-1\n"
                                                 : "\"observability_name\": \"cluster_99\"\n  }\n";
  CHECK(body.find(last) != std::string::npos);
  const std::string mark = "observability_name";
  int seen = 0;
  for (size_t at = 0; (at = body.find(mark, at)) != std::string::npos; ++at) ++seen;
  CHECK(seen == kClusters);
  CHECK(std::count(body.begin(), body.end(), '{') == std::count(body.begin(), body.end(), '}'));
}

}  // namespace
}  // namespace remora::admin
