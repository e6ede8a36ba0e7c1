#include "source/config/config_dump.h"

#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

std::unique_ptr<ConfigDumper> Dumper() {
  Parts parts;
  parts.admin = "node: {id: n1, metadata: {a: [1, x]}}\nadmin: {address: {pipe: {path: /admin}}}";
  parts.filters = "[{{buffer}}, {{router}}]";
  parts.action = "route: {cluster: c0, timeout: 1.5s}";
  std::string text = Bootstrap(parts) + "  - name: c1\n    connect_timeout: 0.25s\n";
  LoadedBootstrap loaded = Load(text);
  REQUIRE(loaded.errors.ToString() == "");
  return std::move(loaded.dumper);
}

std::string Dump(const ConfigDumpQuery& query) {
  const auto dump = Dumper()->Dump(query);
  return dump.ok() ? *dump
                   : (dump.status().code() == absl::StatusCode::kNotFound ? "404 " : "400 ") +
                         std::string(dump.status().message());
}

std::string Types(const std::string& dump) {
  std::string out;
  const std::string begin = "\n   \"@type\": \"type.googleapis.com/envoy.admin.v3.";
  for (size_t at = dump.find(begin); at != std::string::npos; at = dump.find(begin, at + 1)) {
    const size_t name = at + begin.size();
    out += dump.substr(name, dump.find('"', name) - name) + "\n";
  }
  return out;
}

TEST_CASE("the dump has Envoy's sections in Envoy's order") {
  CHECK(Types(Dump({})) ==
        "BootstrapConfigDump\nClustersConfigDump\nListenersConfigDump\nScopedRoutesConfigDump\n"
        "RoutesConfigDump\nSecretsConfigDump\n");
  CHECK(Types(Dump({.include_eds = true})) ==
        "BootstrapConfigDump\nClustersConfigDump\nEndpointsConfigDump\nListenersConfigDump\n"
        "ScopedRoutesConfigDump\nRoutesConfigDump\nSecretsConfigDump\n");
}

TEST_CASE("a resource is printed as Envoy prints it") {
  CHECK(Dump({.resource = "static_clusters", .name_regex = "c1"}) == R"({
 "configs": [
  {
   "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster",
   "cluster": {
    "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "name": "c1",
    "connect_timeout": "0.250s"
   },
   "last_updated": "2023-11-14T22:13:20.123Z"
  }
 ]
}
)");
  CHECK(Dump({.resource = "static_route_configs"}) == R"({
 "configs": [
  {
   "@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump.StaticRouteConfig",
   "route_config": {
    "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "name": "r",
    "virtual_hosts": [
     {
      "name": "v",
      "domains": [
       "*"
      ],
      "routes": [
       {
        "match": {
         "prefix": "/"
        },
        "route": {
         "cluster": "c0",
         "timeout": "1.500s"
        }
       }
      ]
     }
    ]
   },
   "last_updated": "2023-11-14T22:13:20.123Z"
  }
 ]
}
)");
}

TEST_CASE("endpoints carry what is in force") {
  CHECK(Dump({.resource = "static_endpoint_configs", .name_regex = "c0", .include_eds = true}) ==
        R"({
 "configs": [
  {
   "@type": "type.googleapis.com/envoy.admin.v3.EndpointsConfigDump.StaticEndpointConfig",
   "endpoint_config": {
    "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "cluster_name": "c0",
    "endpoints": [
     {
      "lb_endpoints": [
       {
        "endpoint": {
         "address": {
          "socket_address": {
           "address": "127.0.0.1",
           "port_value": 8001
          }
         },
         "health_check_config": {}
        },
        "health_status": "HEALTHY",
        "load_balancing_weight": 1
       }
      ],
      "load_balancing_weight": 0
     }
    ],
    "policy": {
     "overprovisioning_factor": 140
    }
   }
  }
 ]
}
)");
}

TEST_CASE("masks") {
  CHECK(Dump({.mask = "bootstrap.admin"}) == R"({
 "configs": [
  {
   "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
   "bootstrap": {
    "admin": {
     "address": {
      "pipe": {
       "path": "/admin"
      }
     }
    }
   }
  }
 ]
}
)");
  CHECK(Dump({.resource = "static_listeners", .mask = "listener.name,last_updated"}) == R"({
 "configs": [
  {
   "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump.StaticListener",
   "listener": {
    "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "name": "l0"
   },
   "last_updated": "2023-11-14T22:13:20.123Z"
  }
 ]
}
)");
  CHECK(Dump({.mask = "static_clusters"}).find("\"c1\"") != std::string::npos);
}

TEST_CASE("wrong parameters are refused in Envoy's words") {
  CHECK(Dump({.resource = "nope"}) == "404 nope not found in config dump");
  CHECK(Dump({.resource = "static_endpoint_configs"}) ==
        "404 static_endpoint_configs not found in config dump");
  CHECK(Dump({.resource = "bootstrap"}) ==
        "400 bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field");
  CHECK(Dump({.mask = "nope"}) ==
        "400 FieldMask nope could not be successfully applied to any configs.");
  CHECK(Dump({.resource = "static_clusters", .mask = "nope"}) ==
        "400 FieldMask nope could not be successfully used.");
  CHECK(Dump({.resource = "static_clusters", .mask = "cluster.nope"}) ==
        "400 FieldMask cluster.nope could not be successfully used.");
  CHECK(Dump({.name_regex = "("}) == "400 Error while parsing name_regex from (: missing ): (");
}

TEST_CASE("what there never is in a static configuration is empty") {
  for (const char* list : {"dynamic_listeners", "dynamic_active_clusters", "static_secrets"}) {
    CHECK(Dump({.resource = list}) == "{}\n");
  }
  CHECK(Dump({.resource = "static_clusters", .name_regex = "none"}) == "{}\n");
}

TEST_CASE("empty parameters count as absent") {
  CHECK(Dump({.resource = "", .mask = "", .name_regex = ""}) == Dump({}));
}

TEST_CASE("the node, with what the process adds") {
  CHECK(Dumper()->NodeJson() == R"({
 "id": "n1",
 "metadata": {
  "a": [
   1,
   "x"
  ]
 },
 "user_agent_name": "envoy",
 "user_agent_build_version": {
  "version": {
   "major_number": 1,
   "minor_number": 40
  },
  "metadata": {
   "build.type": "remora"
  }
 }
})");
}

}  // namespace
}  // namespace remora::config
