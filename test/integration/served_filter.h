#pragma once

// One HTTP filter in a harness, configured by text as the loader would do it, and the service that
// it calls.
//
// Owner and thread: the test's. A text that the filter refuses fails the test.

#include <catch2/catch.hpp>
#include <string>
#include <utility>

#include "test/fakes/extension_world.h"
#include "test/harness/harness.h"

namespace remora::harness {

template <class Extension>
config::Registry RegistryOf() {
  config::Registry registry;
  registry.AddHttpFilter<Extension>();
  return registry;
}

template <class Extension>
void AddFilter(Harness& h, const std::string& name, const std::string& config) {
  std::string errors;
  h.Filter(fakes::ParseFilter(RegistryOf<Extension>(), name,
                              fakes::ProtoFromText<typename Extension::Proto>(config), errors));
  INFO(errors);
  REQUIRE(errors.empty());
}

template <class Extension>
route::FilterOverride OverrideOf(const std::string& name, const std::string& config) {
  std::string errors;
  auto override =
      fakes::ParseOverride(RegistryOf<Extension>(), name,
                           fakes::ProtoFromText<typename Extension::RouteProto>(config), errors);
  INFO(errors);
  REQUIRE(errors.empty());
  return override;
}

// A cluster of one host that speaks HTTP/2.
inline upstream::ClusterConfig& AddGrpcService(Harness& h, const std::string& name,
                                               const net::Address& address) {
  upstream::ClusterConfig& cluster = h.Cluster(name);
  cluster.protocol = upstream::Protocol::kHttp2;
  cluster.hosts.emplace_back().address = address;
  return cluster;
}

// A new route to an upstream "b", which says so, in the place of `route`, which comes next: for
// requests with the field x-to.
inline ScriptedUpstream AddRouteToB(Harness& h, route::RouteConfig& route) {
  ScriptedUpstream b = h.Upstream("b").Respond(200, "b");
  route::RouteConfig& to_b = h.Route("/", "b");
  to_b.headers.emplace_back().name = "x-to";
  std::swap(route, to_b);
  return b;
}

}  // namespace remora::harness
