#include "source/xds/rest_source.h"

#include "test/harness/scripted_upstream.h"
#include "test/xds/grpc/source_world.h"

namespace remora::xds {
namespace {

config::ConfigSource Rest() {
  config::ConfigSource source;
  source.kind = config::ConfigSource::Kind::kApi;
  source.api.kind = config::ApiSource::Kind::kRest;
  source.api.services.push_back({.cluster = "svc"});
  source.api.refresh_delay = 10 * event::kMillisecond;
  return source;
}

std::string Json(const std::string& version, const std::string& names) {
  std::string resources;
  for (const char name : names) {
    resources += std::string(resources.empty() ? "" : ",") +
                 R"({"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": ")" +
                 name + "\"}";
  }
  return R"({"versionInfo": ")" + version + R"(", "resources": [)" + resources + "]}";
}

TEST_CASE("REST: a control plane is asked again and again") {
  harness::ScriptedUpstream server;
  server.Respond(200, Json("1", "ab"));
  SourceWorld w(server.address(), {}, [](upstream::ClusterConfig& cluster) {
    cluster.protocol = upstream::Protocol::kHttp1;
  });
  KeepingUser user;
  w.Subscribe(ResourceType::kCluster, user, {}, Rest());
  w.Until([&] { return user.held.size() == 2; });
  w.Until([&] { return server.requests().size() >= 2; });
  const std::vector<harness::Message> requests = server.requests();
  CHECK(requests[0].first_line == "POST /v3/discovery:clusters HTTP/1.1");
  CHECK(requests[0].body ==
        R"({"node":{"id":"me"},"type_url":"type.googleapis.com/envoy.config.cluster.v3.Cluster"})");
  CHECK(requests[1].body.find(R"("version_info":"1")") != std::string::npos);
  CHECK(user.log == "+a +b ");
  // Failures change nothing and are told.
  server.Respond(500, "");
  w.Until([&] { return !w.sources->Troubles().empty(); });
  CHECK(w.sources->Troubles()[0] == "control plane in cluster svc: status 500");
  server.Respond(200, "no JSON");
  w.Until([&] { return w.sources->Troubles()[0].find("status") == std::string::npos; });
  server.Respond(200, Json("2", "b"));
  w.Until([&] { return user.held.size() == 1; });
  CHECK(user.log == "+a +b -a ");
  CHECK(w.sources->Troubles().empty());
  // Nothing has changed.
  server.Respond(304, "");
  const size_t before = server.requests().size();
  w.Until([&] { return server.requests().size() > before + 2; });
  CHECK(w.sources->Troubles().empty());
  CHECK(user.held.size() == 1);
}

TEST_CASE("REST: a name that comes later is asked for without a version") {
  harness::ScriptedUpstream server;
  server.Respond(200, R"({"version_info": "1", "resources": []})");
  SourceWorld w(server.address(), {}, [](upstream::ClusterConfig& cluster) {
    cluster.protocol = upstream::Protocol::kHttp1;
  });
  KeepingUser user;
  Subscription& subscription = w.Subscribe(ResourceType::kRoutes, user, {"a"}, Rest());
  const auto has = [&server](std::string_view text) {
    for (const harness::Message& request : server.requests()) {
      if (request.body.find(text) != std::string::npos) return true;
    }
    return false;
  };
  w.Until([&] { return has(R"("version_info":"1","node":{"id":"me"},"resource_names":["a"])"); });
  // What it is refused for it is asked again.
  server.Respond(500, "");
  const size_t before = server.requests().size();
  subscription.AddName("b");
  w.Until([&] { return server.requests().size() > before + 1; });
  for (size_t i = before; i < server.requests().size(); ++i) {
    const std::string body = server.requests()[i].body;
    if (body.find("\"b\"") == std::string::npos) continue;
    CHECK(body.find("version_info") == std::string::npos);
  }
  server.Respond(200, R"({"version_info": "1", "resources": []})");
  w.Until(
      [&] { return has(R"("version_info":"1","node":{"id":"me"},"resource_names":["a","b"])"); });
}

}  // namespace
}  // namespace remora::xds
