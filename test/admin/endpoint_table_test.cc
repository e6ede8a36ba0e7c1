#include "source/admin/endpoint_table.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("An unknown path is answered with 404 and the list of commands") {
  AdminWorld world;
  const auto path = GENERATE(as<std::string>(), "/nope", "/ready/", "/READY", "/stats/", "*",
                             "/ready%2f", "/nope<script>");
  const Answer answer = world.Get(path);
  CHECK(answer.status == 404);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == "invalid path. " + world.Body("/help"));
  CHECK(world.Post(path).status == 404);
}

TEST_CASE("What changes something wants POST") {
  AdminWorld world;
  const auto path = GENERATE(as<std::string>(), "/quitquitquit", "/logging", "//logging?level=off");
  const auto method = GENERATE(as<std::string>(), "GET", "PUT", "DELETE", "PATCH", "post", "X");
  const Answer answer = world.Ask(method, path);
  CHECK(answer.status == 405);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == "Method " + method + " not allowed, POST required.");
  CHECK(world.quits == 0);
}

TEST_CASE("What only shows takes every method") {
  AdminWorld world;
  for (const Endpoint& endpoint : world.table.endpoints()) {
    // Of /explain there is nobody to ask here.
    if (endpoint.mutates || endpoint.path == "/explain") continue;
    CAPTURE(endpoint.path);
    for (const char* method : {"GET", "POST", "PUT", "DELETE", "HEAD"}) {
      const int expected = endpoint.path.find("heap_dump") == std::string_view::npos ? 200 : 501;
      CHECK(world.Ask(method, endpoint.path).status == expected);
    }
  }
}

TEST_CASE("The endpoints are sorted, unique, and no other changes anything") {
  AdminWorld world;
  std::vector<std::string> paths;
  std::vector<std::string> mutating;
  for (const Endpoint& endpoint : world.table.endpoints()) {
    paths.emplace_back(endpoint.path);
    if (endpoint.mutates) mutating.emplace_back(endpoint.path);
  }
  CHECK(paths == std::vector<std::string>{"/",
                                          "/allocprofiler",
                                          "/certs",
                                          "/client_status",
                                          "/clusters",
                                          "/config_dump",
                                          "/config_journal",
                                          "/contention",
                                          "/cpuprofiler",
                                          "/drain_listeners",
                                          "/explain",
                                          "/healthcheck/fail",
                                          "/healthcheck/ok",
                                          "/heap_dump",
                                          "/heapprofiler",
                                          "/help",
                                          "/hot_restart_version",
                                          "/init_dump",
                                          "/listeners",
                                          "/logging",
                                          "/memory",
                                          "/peak_heap_dump",
                                          "/quitquitquit",
                                          "/ready",
                                          "/reopen_logs",
                                          "/reset_counters",
                                          "/runtime",
                                          "/runtime_modify",
                                          "/server_info",
                                          "/stats",
                                          "/stats/prometheus",
                                          "/stats/recentlookups",
                                          "/stats/recentlookups/clear",
                                          "/stats/recentlookups/disable",
                                          "/stats/recentlookups/enable"});
  CHECK(mutating ==
        std::vector<std::string>{"/allocprofiler", "/cpuprofiler", "/drain_listeners",
                                 "/healthcheck/fail", "/healthcheck/ok", "/heapprofiler",
                                 "/logging", "/quitquitquit", "/reopen_logs", "/reset_counters",
                                 "/runtime_modify", "/stats/recentlookups/clear",
                                 "/stats/recentlookups/disable", "/stats/recentlookups/enable"});
}

TEST_CASE("With allow_paths every other path is refused, known or not") {
  AdminWorld world;
  world.environment.allow_paths.push_back([](std::string_view path) { return path == "/ready"; });
  world.environment.allow_paths.push_back(
      [](std::string_view path) { return path.starts_with("/stats"); });
  CHECK(world.Get("/ready").status == 200);
  CHECK(world.Get("//ready").status == 200);
  CHECK(world.Get("/stats?usedonly").status == 200);
  const Answer query = world.Get("/ready?x=%20");
  CHECK(query.status == 403);
  CHECK(query.body == "request to path /ready?x=%20 not allowed");
  for (const char* path : {"/clusters", "/", "/nope", "/stats/../clusters", "/quitquitquit"}) {
    CAPTURE(path);
    CHECK(world.Get(path).status == 403);
    CHECK(world.Post(path).status == 403);
  }
  CHECK(world.quits == 0);
}

TEST_CASE("Help lists every endpoint and parameter in Envoy's form") {
  AdminWorld world;
  const Answer help = world.Get("/help");
  CHECK(help.status == 200);
  CHECK(help.type == "text/plain; charset=UTF-8");
  CHECK_THAT(help.body,
             StartsWith("admin commands are:\n"
                        "  /: Admin home page\n"
                        "  /allocprofiler (POST): enable/disable the allocation profiler (if "
                        "supported)\n"
                        "      enable: enable/disable the allocation profiler; One of (y, n)\n"));
  CHECK_THAT(help.body,
             Contains("\n  /clusters: upstream cluster status\n"
                      "      filter: Regular expression (Google re2) for filtering clusters by "
                      "name\n"));
  CHECK_THAT(help.body, Contains("\n  /quitquitquit (POST): exit the server\n"
                                 "  /ready: print server state, return 200 if LIVE, otherwise "
                                 "return 503\n"));
  CHECK_THAT(help.body, Contains("\n      level: desired logging level, this will change all "
                                 "loggers's level; One of (, trace, debug, info, warning, error, "
                                 "critical, off)\n"));
}

TEST_CASE("The home page links what shows and has buttons for what changes") {
  AdminWorld world;
  const Answer home = world.Get("/");
  CHECK(home.status == 200);
  CHECK(home.type == "text/html; charset=UTF-8");
  CHECK_THAT(home.body, StartsWith("<!DOCTYPE html>\n"));
  CHECK(Has(home.body, "<a href='ready'>ready</a>"));
  CHECK(Has(home.body,
            "<form action='quitquitquit' method='post' id='quitquitquit'>"
            "<button>quitquitquit</button></form>"));
  CHECK(Has(home.body, "<form action='stats/prometheus' method='get' id='stats/prometheus'>"));
  CHECK(Has(home.body, "<input type='checkbox' name='usedonly' id='stats-usedonly' form='stats'>"));
  CHECK(Has(home.body, "<option value='debug'>debug</option>"));
  for (const Endpoint& endpoint : world.table.endpoints()) {
    if (endpoint.path != "/") CHECK(Has(home.body, std::string(endpoint.path.substr(1))));
  }
}

TEST_CASE("The home page is escaped and loads nothing") {
  AdminWorld world;
  const std::string home = world.Body("/?<script>");
  CHECK(Has(home, "setting to &lt;logger_name1&gt;:&lt;desired_level1&gt;"));
  CHECK(Has(home, "loggers&#39;s level"));
  CHECK_FALSE(Has(home, "<script"));
  CHECK_FALSE(Has(home, "http"));
  CHECK_FALSE(Has(home, "src="));
  CHECK(std::count(home.begin(), home.end(), '<') == std::count(home.begin(), home.end(), '>'));
}

}  // namespace
}  // namespace remora::admin
