// What Envoy 1.40 answers was measured (test/differential/cases/rbac.txt); the tests say the same.

#include "source/extensions/http_filters/rbac/rbac.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "source/net/address.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<RequestRbac>();
  return registry;
}

std::string Policy(const std::string& name, const std::string& permission,
                   const std::string& principal = "any: true") {
  return "policies { key: '" + name + "' value { permissions { " + permission + " } principals { " +
         principal + " } } } ";
}

std::string Errors(const std::string& filter) {
  std::string errors;
  fakes::ParseFilter(Registry(), "rbac", ProtoFromText<RequestRbac::Proto>(filter), errors);
  return errors;
}

struct World : ChainWorld {
  explicit World(const std::string& filter, const std::string& route = "", bool has_route = false) {
    std::string errors;
    AddWithState(
        fakes::ParseFilter(Registry(), "rbac", ProtoFromText<RequestRbac::Proto>(filter), errors));
    fakes::RouteLevels levels;
    if (has_route) {
      levels.route = {fakes::ParseOverride(Registry(), "rbac",
                                           ProtoFromText<RequestRbac::RouteProto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors.empty());
    connection.local = &local;
    connection.remote = &remote;
    connection.direct_remote = &direct_remote;
    connection.requested_server_name = "sni.test";
    info.connection = &connection;
    info.downstream_remote = &client;
    MakeRequest("GET", "/a/b?c=d", {{"x-a", "1"}}).authority = "example.com";
    Start();
  }
  bool Passes() {
    Request();
    return upstream.heads == 1;
  }
  std::string Metadata(const std::string& name) {
    if (info.dynamic_metadata == nullptr) return "none";
    const auto found = info.dynamic_metadata->find(name);
    if (found == info.dynamic_metadata->end()) return "none";
    std::string json;
    found->second.AppendJson(json);
    return json;
  }

  net::Address local = *net::Address::Ip("10.0.0.1", 443);
  net::Address client = *net::Address::Ip("203.0.113.9", 1);  // as x-forwarded-for says
  net::Address remote = *net::Address::Ip("192.0.2.7", 1);    // as the PROXY header says
  net::Address direct_remote = *net::Address::Ip("10.9.0.1", 2);
  http::ConnectionFacts connection;
};

bool Permits(const std::string& permission) {
  return World("rules { " + Policy("p", permission) + " }").Passes();
}
bool Admits(const std::string& principal) {
  return World("rules { " + Policy("p", "any: true", principal) + " }").Passes();
}

TEST_CASE("rbac: what is wanted") {
  CHECK(Permits("any: true"));
  CHECK_FALSE(Permits("not_rule { any: true }"));
  CHECK(Permits("header { name: 'x-a' string_match { exact: '1' } }"));
  CHECK_FALSE(Permits("header { name: 'x-a' string_match { exact: '2' } }"));
  CHECK(Permits("header { name: ':method' string_match { exact: 'GET' } }"));
  CHECK(Permits("header { name: 'x-none' present_match: false }"));
  CHECK(Permits("url_path { path { exact: '/a/b' } }"));
  CHECK_FALSE(Permits("url_path { path { suffix: 'c=d' } }"));
  CHECK(Permits("destination_ip { address_prefix: '10.0.0.0' prefix_len { value: 8 } }"));
  CHECK_FALSE(Permits("destination_ip { address_prefix: '11.0.0.0' prefix_len { value: 8 } }"));
  CHECK(Permits("destination_port: 443"));
  CHECK_FALSE(Permits("destination_port: 80"));
  CHECK(Permits("destination_port_range { start: 443 end: 444 }"));
  CHECK_FALSE(Permits("destination_port_range { start: 400 end: 443 }"));
  CHECK(Permits("requested_server_name { suffix: '.test' }"));
  CHECK(Permits("and_rules { rules { any: true } rules { destination_port: 443 } }"));
  CHECK_FALSE(Permits("and_rules { rules { any: true } rules { destination_port: 1 } }"));
  CHECK(Permits("or_rules { rules { destination_port: 1 } rules { any: true } }"));
}

TEST_CASE("rbac: who wants it") {
  const auto in = [](const std::string& field, const std::string& address) {
    return Admits(field + " { address_prefix: '" + address + "' prefix_len { value: 32 } }");
  };
  CHECK(in("remote_ip", "203.0.113.9"));
  CHECK_FALSE(in("remote_ip", "192.0.2.7"));
  CHECK(in("source_ip", "192.0.2.7"));
  CHECK_FALSE(in("source_ip", "10.9.0.1"));
  CHECK(in("direct_remote_ip", "10.9.0.1"));
  CHECK_FALSE(in("direct_remote_ip", "192.0.2.7"));
  CHECK(Admits("header { name: 'x-a' present_match: true }"));
  CHECK(Admits("url_path { path { prefix: '/A' ignore_case: true } }"));
  CHECK_FALSE(Admits("authenticated {}"));
  CHECK_FALSE(Admits("and_ids { ids { any: true } ids { not_id { any: true } } }"));
  CHECK(Admits("or_ids { ids { not_id { any: true } } ids { any: true } }"));
}

TEST_CASE("rbac: metadata of filters and of the route") {
  const std::string matcher =
      "{ filter: 'f' path { key: 'k' } value { string_match { exact: 'v' } } }";
  const auto passes = [&](const std::string& permission, bool dynamic, bool of_route) {
    World world("rules { " + Policy("p", permission) + " }");
    http::Metadata metadata;
    http::PutText(metadata, "f", "k", "v");
    if (dynamic) world.info.dynamic_metadata = &metadata;
    if (of_route) world.info.route_metadata = &metadata;
    return world.Passes();
  };
  CHECK(passes("metadata " + matcher, true, false));
  CHECK_FALSE(passes("metadata " + matcher, false, true));
  const std::string sourced = "sourced_metadata { metadata_matcher " + matcher;
  CHECK(passes(sourced + " }", true, false));
  CHECK(passes(sourced + " metadata_source: ROUTE }", false, true));
  CHECK_FALSE(passes(sourced + " metadata_source: ROUTE }", true, false));
}

TEST_CASE("rbac: a refusal") {
  World world("rules { action: DENY " + Policy("a b", "any: true") + " }");
  world.Request();
  CHECK(world.Take() == "up:complete down:head(403) down:data(RBAC: access denied) down:end");
  CHECK(world.info.response_code_details == "rbac_access_denied_matched_policy[a_b]");
  CHECK(world.info.flags.empty());
  CHECK(world.Stat("http.test.rbac.denied") == 1);
  CHECK(world.Stat("http.test.rbac.allowed") == 0);
  CHECK(world.Metadata("envoy.filters.http.rbac") ==
        R"({"enforced_effective_policy_id":"a b","enforced_engine_result":"denied"})");
}

TEST_CASE("rbac: without rules everything passes, with empty ones nothing") {
  World none("");
  CHECK(none.Passes());
  CHECK(none.Metadata("envoy.filters.http.rbac") == "none");
  CHECK_FALSE(World("rules {}").Passes());
  CHECK(World("rules { action: DENY }").Passes());
}

TEST_CASE("rbac: rules that only log") {
  World matched("rules { action: LOG " + Policy("p", "any: true") + " }");
  CHECK(matched.Passes());
  CHECK(matched.Metadata("envoy.common") == R"({"access_log_hint":true})");
  World unmatched("rules { action: LOG " + Policy("p", "destination_port: 1") + " }");
  CHECK(unmatched.Passes());
  CHECK(unmatched.Metadata("envoy.common") == R"({"access_log_hint":false})");
  CHECK(unmatched.Metadata("envoy.filters.http.rbac") == R"({"enforced_engine_result":"allowed"})");
}

TEST_CASE("rbac: shadow rules count and tell, and refuse nobody") {
  World world("shadow_rules { action: DENY " + Policy("p", "any: true") +
              " } shadow_rules_stat_prefix: 'sh_' track_per_rule_stats: true");
  CHECK(world.Passes());
  CHECK(world.Stat("http.test.rbac.sh_.shadow_denied") == 1);
  CHECK(world.Stat("http.test.rbac.sh_.policy.p.shadow_denied") == 1);
  CHECK(world.Stat("http.test.rbac.allowed") == 0);
  CHECK(world.Metadata("envoy.filters.http.rbac") ==
        R"({"sh_shadow_effective_policy_id":"p","sh_shadow_engine_result":"denied"})");
}

TEST_CASE("rbac: a route's rules take the place of the filter's, names of statistics stay") {
  const std::string nobody =
      "rules { " + Policy("p", "any: true", "not_id { any: true }") + " } rules_stat_prefix: 'own'";
  World routed(nobody,
               "rbac { rules { " + Policy("r", "any: true") +
                   " } rules_stat_prefix: 'route_' track_per_rule_stats: true }",
               true);
  CHECK(routed.Passes());
  CHECK(routed.Stat("http.test.rbac.own.allowed") == 1);
  CHECK(routed.Stat("http.test.rbac.own.policy.r.allowed") == 1);
  CHECK(routed.Metadata("envoy.filters.http.rbac") ==
        R"({"route_enforced_effective_policy_id":"r","route_enforced_engine_result":"allowed"})");
  CHECK(World(nobody, "", true).Passes());
  CHECK_FALSE(World(nobody).Passes());
}

TEST_CASE("rbac: what filters had left stays") {
  World world("rules { " + Policy("p", "any: true") + " }");
  http::Metadata before;
  http::PutText(before, "other", "k", "v");
  http::PutText(before, "envoy.filters.http.rbac", "earlier", "v");
  world.info.dynamic_metadata = &before;
  CHECK(world.Passes());
  CHECK(world.Metadata("other") == R"({"k":"v"})");
  CHECK(world.Metadata("envoy.filters.http.rbac") ==
        R"({"earlier":"v","enforced_effective_policy_id":"p","enforced_engine_result":"allowed"})");
  CHECK(before.at("envoy.filters.http.rbac").fields.size() == 1);
}

TEST_CASE("rbac: faults have their place") {
  const std::string errors =
      Errors("rules { " +
             Policy("p", "and_rules { rules { url_path { path { safe_regex { regex: '(' } } } } }",
                    "remote_ip { address_prefix: 'x' }") +
             " }");
  CHECK(
      errors.find("filter.rules.policies[\"p\"].permissions[0].and_rules.rules[0].url_path.path") !=
      std::string::npos);
  CHECK(errors.find("filter.rules.policies[\"p\"].principals[0].remote_ip") != std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
