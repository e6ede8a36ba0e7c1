#include <catch2/catch.hpp>

#include "source/admin/memory_usage.h"
#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

TEST_CASE("Ready says 200 when live, else 503") {
  AdminWorld world;
  const auto [state, status, body] = GENERATE(table<ServerState, int, std::string>({
      {ServerState::kLive, 200, "LIVE\n"},
      {ServerState::kDraining, 503, "DRAINING\n"},
      {ServerState::kPreInitializing, 503, "PRE_INITIALIZING\n"},
      {ServerState::kInitializing, 503, "INITIALIZING\n"},
  }));
  world.state = state;
  const Answer answer = world.Get("/ready");
  CHECK(answer.status == status);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == body);
  // What is waited for stands behind that line.
  world.environment.unready = [] { return std::vector<UnreadyTarget>{{"x", {"a", "b"}}}; };
  CHECK(world.Body("/ready") == (status == 200 ? body : body + "x: a\nx: b\n"));
}

TEST_CASE("Server info has the facts in the order of envoy.admin.v3.ServerInfo") {
  AdminWorld world;
  world.state = ServerState::kDraining;
  world.clock.Advance(61'999 * event::kMillisecond);
  const Answer answer = world.Get("/server_info");
  CHECK(answer.status == 200);
  CHECK(answer.type == "application/json");
  CHECK(answer.body == R"({
 "version": "abc/1.2.3/Clean/RELEASE/none",
 "state": "DRAINING",
 "uptime_current_epoch": "61s",
 "uptime_all_epochs": "61s",
 "hot_restart_version": "disabled",
 "command_line_options": {
  "concurrency": 2
 },
 "node": {
  "id": "n",
  "locality": {}
 },
 "hot_restart_initializing": false
}
)");
}

TEST_CASE("Memory has all figures as strings") {
  AdminWorld world;
  const Answer answer = world.Get("/memory");
  CHECK(answer.type == "application/json");
  CHECK_THAT(answer.body,
             Catch::Matchers::Matches("\\{\n \"allocated\": \"[0-9]+\",\n"
                                      " \"heap_size\": \"[0-9]+\",\n"
                                      " \"pageheap_unmapped\": \"0\",\n"
                                      " \"pageheap_free\": \"[0-9]+\",\n"
                                      " \"total_thread_cache\": \"0\",\n"
                                      " \"total_physical_bytes\": \"[1-9][0-9]*\"\n\\}\n"));
}

TEST_CASE("Memory in use grows by what is allocated") {
  constexpr size_t kSize = 8 * 1024 * 1024;
  const MemoryUsage before = ReadMemoryUsage();
  const std::string block(kSize, 'x');
  const MemoryUsage after = ReadMemoryUsage();
#if !defined(__SANITIZE_ADDRESS__)  // its allocator is not glibc's
  CHECK(after.allocated >= before.allocated + block.size());
  CHECK(after.heap_size >= after.allocated);
#endif
  CHECK(after.total_physical_bytes >= before.total_physical_bytes + block.size() / 2);
}

TEST_CASE("Init dump says who waits for what, and the mask picks listeners") {
  AdminWorld world;
  CHECK(world.Body("/init_dump") == "{}\n");
  world.environment.unready = [] {
    return std::vector<UnreadyTarget>{
        {"init manager Cluster c", {"shared target SdsApi a"}},
        {"init manager Listener-local-init-manager l", {"shared target SdsApi a", "x"}}};
  };
  CHECK(world.Body("/init_dump").find("Cluster c") != std::string::npos);
  CHECK(world.Body("/init_dump?mask=listener") == R"({
 "unready_targets_dumps": [
  {
   "name": "init manager Listener-local-init-manager l",
   "target_names": [
    "shared target SdsApi a",
    "x"
   ]
  }
 ]
}
)");
  CHECK(world.Body("/init_dump?mask=x") == "{}\n");
}

TEST_CASE("Certs shows the certificates of each context") {
  AdminWorld world;
  const int64_t now = world.clock.WallNow() / event::kSecond;
  world.environment.certificates = [now] {
    net::CertificateFacts facts;
    facts.serial = "0a";
    facts.dns_sans = {"a.example"};
    facts.uri_sans = {"spiffe://td/a"};
    facts.ip_sans = {"10.0.0.1"};
    facts.not_before = now - 60;
    facts.not_after = now + 2 * 24 * 3600 + 5;
    net::CertificateFacts expired;
    expired.not_after = now - 100'000;
    return std::vector<ServedContext>{{{{"/ca.pem", expired}}, {{"<inline>", facts}}}};
  };
  CHECK(world.Body("/certs") == R"({
 "certificates": [
  {
   "ca_cert": [
    {
     "path": "/ca.pem",
     "serial_number": "",
     "subject_alt_names": [],
     "days_until_expiration": "0",
     "valid_from": "1970-01-01T00:00:00Z",
     "expiration_time": "2025-12-30T20:13:20Z"
    }
   ],
   "cert_chain": [
    {
     "path": "\u003cinline\u003e",
     "serial_number": "0a",
     "subject_alt_names": [
      {
       "dns": "a.example"
      },
      {
       "uri": "spiffe://td/a"
      },
      {
       "ip_address": "10.0.0.1"
      }
     ],
     "days_until_expiration": "2",
     "valid_from": "2025-12-31T23:59:00Z",
     "expiration_time": "2026-01-03T00:00:05Z"
    }
   ]
  }
 ]
}
)");
}

TEST_CASE("There is no hot restart") {
  AdminWorld world;
  const Answer answer = world.Get("/hot_restart_version");
  CHECK(answer.status == 200);
  CHECK(answer.body == "disabled");
}

TEST_CASE("What there is not is answered as Envoy answers when it is off") {
  AdminWorld world;
  CHECK(world.Get("/certs").type == "application/json");
  CHECK(world.Body("/certs") == "{\n \"certificates\": []\n}\n");
  CHECK(world.Get("/init_dump?mask=listener").type == "application/json");
  CHECK(world.Body("/init_dump?mask=listener") == "{}\n");
  CHECK(world.Body("/contention") ==
        "Mutex contention tracing is not enabled. To enable, run Envoy with flag "
        "--enable-mutex-tracing.");
  CHECK(world.Body("/stats/recentlookups") ==
        "Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\n"
        "total: 0\n");
  CHECK(world.Post("/stats/recentlookups/clear").body == "OK\n");
  CHECK(world.Post("/stats/recentlookups/disable").body == "OK\n");
  CHECK(world.Post("/stats/recentlookups/enable").status == 501);
}

TEST_CASE("There are no profilers") {
  AdminWorld world;
  CHECK(world.Post("/cpuprofiler").status == 400);
  CHECK(world.Post("/cpuprofiler").body == "?enable=<y|n>\n");
  CHECK(world.Post("/cpuprofiler?enable=maybe").status == 400);
  CHECK(world.Post("/cpuprofiler?enable=y").status == 500);
  CHECK(world.Post("/cpuprofiler?enable=y").body == "failure to start the profiler");
  CHECK(world.Post("/cpuprofiler?enable=n").body == "OK\n");
  CHECK(world.Post("/allocprofiler").status == 400);
  CHECK(world.Post("/allocprofiler?enable=n").status == 501);
  CHECK(world.Post("/heapprofiler?enable=y").status == 501);
  CHECK(world.Post("/heapprofiler").body == "The current build does not support heap profiler");
  CHECK(world.Get("/heap_dump").status == 501);
  CHECK(world.Get("/peak_heap_dump").status == 501);
}

TEST_CASE("quitquitquit asks the server to quit, once") {
  AdminWorld world;
  const Answer answer = world.Post("/quitquitquit");
  CHECK(answer.status == 200);
  CHECK(answer.body == "OK\n");
  CHECK(world.quits == 1);
}

TEST_CASE("Config dump passes parameters on and maps errors") {
  AdminWorld world;
  world.config_dump = "{\n \"configs\": []\n}\n";
  const Answer answer = world.Get("/config_dump?resource=static_clusters&mask=a,b&include_eds");
  CHECK(answer.status == 200);
  CHECK(answer.type == "application/json");
  CHECK(answer.body == "{\n \"configs\": []\n}\n");
  CHECK(world.config_dump_asked ==
        Parameters{{"resource", "static_clusters"}, {"mask", "a,b"}, {"include_eds", ""}});
  world.config_dump = absl::NotFoundError("foo not found in config dump");
  const Answer missing = world.Get("/config_dump?resource=foo");
  CHECK(missing.status == 404);
  CHECK(missing.type == "text/plain");
  CHECK(missing.body == "foo not found in config dump");
  world.config_dump = absl::InvalidArgumentError("bootstrap is not a repeated field.");
  CHECK(world.Get("/config_dump?resource=bootstrap").status == 400);
}

TEST_CASE("Listeners are shown where they are bound") {
  AdminWorld world;
  CHECK(world.Body("/listeners").empty());
  CHECK(world.Body("/listeners?format=json") == "{}\n");
  world.AddListener("main", {Ip("127.0.0.1", 23001), Ip("::1", 23002)});
  world.AddListener("pi\"pe<b>", {UnixPath("/run/x")});
  const Answer text = world.Get("/listeners");
  CHECK(text.type == "text/plain; charset=UTF-8");
  CHECK(text.body == "main::127.0.0.1:23001\nmain::[::1]:23002\npi\"pe<b>::/run/x\n");
  CHECK(world.Body("/listeners?format=foo") == text.body);
  const Answer json = world.Get("/listeners?format=json");
  CHECK(json.type == "application/json");
  CHECK(json.body == R"({
 "listener_statuses": [
  {
   "name": "main",
   "local_address": {
    "socket_address": {
     "address": "127.0.0.1",
     "port_value": 23001
    }
   },
   "additional_local_addresses": [
    {
     "socket_address": {
      "address": "::1",
      "port_value": 23002
     }
    }
   ]
  },
  {
   "name": "pi\"pe\u003cb\u003e",
   "local_address": {
    "pipe": {
     "path": "/run/x"
    }
   }
  }
 ]
}
)");
}

TEST_CASE("/ready says below its line what is only a snapshot's") {
  AdminWorld world;
  world.environment.restored = [] { return std::vector<std::string>{"ADS: 3 resources"}; };
  CHECK(world.Get("/ready").status == 200);
  CHECK(world.Body("/ready") == "LIVE\nserving from a snapshot: ADS: 3 resources\n");
  world.state = ServerState::kInitializing;
  CHECK(world.Get("/ready").status == 503);
  CHECK(world.Body("/ready") == "INITIALIZING\nserving from a snapshot: ADS: 3 resources\n");
}

TEST_CASE("/client_status asks for what its parameters say") {
  AdminWorld world;
  CHECK(world.Body("/client_status") == "{}\n");
  CHECK(world.Body("/client_status?format=binary").empty());
  world.environment.client_status = [](const ClientStatusRequest& request) {
    return std::string(request.binary ? "binary" : "json") +
           (request.without_contents ? " without" : "");
  };
  CHECK(world.Body("/client_status") == "json");
  CHECK(world.Get("/client_status").type == "application/json");
  CHECK(world.Body("/client_status?format=json&exclude_resource_contents") == "json without");
  CHECK(world.Body("/client_status?format=binary") == "binary");
  CHECK(world.Get("/client_status?format=binary").type == "application/x-protobuf");
  CHECK(world.Get("/client_status?format=xml").status == 400);
}

}  // namespace
}  // namespace remora::admin
