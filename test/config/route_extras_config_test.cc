// Virtual clusters, statistics, hash policies, CONNECT and metadata of routes: configuration in,
// the route's extras or the list of faults out.

#include <catch2/catch.hpp>

#include "source/base/arena.h"
#include "source/base/hash.h"
#include "source/http/route/route_extras.h"
#include "source/net/address.h"
#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kHost[] =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config"
    ".virtual_hosts[0]";

const route::RouteExtras* Extras(const route::RouteTable& table) {
  return table.virtual_hosts().at(0).routes().at(0).extras();
}

TEST_CASE("virtual clusters and the route's own statistics") {
  Parts parts;
  parts.host =
      "virtual_clusters: [{name: reads, headers: [{name: ':method', string_match: {exact: GET}}]}]";
  parts.route = "stat_prefix: mine";
  const auto table = Routes(parts);
  REQUIRE(table != nullptr);
  const route::RouteExtras* extras = Extras(*table);
  REQUIRE(extras != nullptr);
  CHECK(extras->stat_prefix.ends_with(".route.mine."));
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead head(arena);
  head.method = "GET";
  CHECK(extras->virtual_clusters->Find(head).name == "reads");
  head.method = "PUT";
  CHECK(extras->virtual_clusters->Find(head).stat_prefix.ends_with(".vcluster.other."));

  parts.host = "virtual_clusters: [{name: all}]";
  CHECK(Faults(parts) == std::string(kHost) +
                             ".virtual_clusters[0].headers: virtual clusters must define "
                             "'headers'\n");
}

TEST_CASE("every part of a hash policy") {
  Parts parts;
  parts.action =
      "route: {cluster: c0, hash_policy: [{header: {header_name: X-A}}, {cookie: {name: c, ttl: "
      "5s}}, {connection_properties: {source_ip: true}}, {query_parameter: {name: q}}, "
      "{filter_state: {key: k}}]}";
  const auto table = Routes(parts);
  REQUIRE(table != nullptr);
  const route::RouteExtras* extras = Extras(*table);
  REQUIRE(extras != nullptr);
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead head(arena);
  head.path = "/";
  head.headers.Add("cookie", "c=1");
  CHECK(extras->hash->Hash(head, {nullptr, [] { return std::string(); }},
                           [](const std::string&) {}) == base::XxHash64("1"));
  head.path = "/?q=2";
  CHECK(extras->hash->Hash(head, {nullptr, [] { return std::string(); }},
                           [](const std::string&) {}) != base::XxHash64("1"));
}

TEST_CASE("CONNECT ends here where a route says so, and nothing else does") {
  Parts parts;
  parts.action =
      "route: {cluster: c0, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}";
  const auto table = Routes(parts);
  REQUIRE(table != nullptr);
  REQUIRE(Extras(*table) != nullptr);
  CHECK(Extras(*table)->ends_connect);

  parts.action =
      "route: {cluster: c0, upgrade_configs: [{upgrade_type: websocket, connect_config: {}}]}";
  CHECK(Faults(parts) ==
        std::string(kHost) +
            ".routes[0].route.upgrade_configs[0].connect_config: Non-CONNECT upgrade type "
            "websocket has ConnectConfig\n");
  parts.action =
      "route: {cluster: c0, upgrade_configs: [{upgrade_type: CONNECT, connect_config: "
      "{allow_post: true}}]}";
  CHECK(Faults(parts).find("not supported") != std::string::npos);
}

TEST_CASE("conditions on dynamic metadata") {
  Parts parts;
  parts.match =
      "prefix: /, dynamic_metadata: [{filter: f, path: [{key: a}, {key: b}], value: {or_match: "
      "{value_matchers: [{string_match: {exact: v}}, {list_match: {one_of: {double_match: {range: "
      "{start: 1, end: 3}}}}}]}}}]";
  const auto table = Routes(parts);
  REQUIRE(table != nullptr);
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead head(arena);
  head.authority = "a";
  head.path = "/";
  const auto takes = [&](http::MetadataValue value) {
    http::MetadataValue inner;
    inner.kind = http::MetadataValue::Kind::kStruct;
    inner.fields["b"] = std::move(value);
    http::MetadataValue outer;
    outer.kind = http::MetadataValue::Kind::kStruct;
    outer.fields["a"] = std::move(inner);
    const http::Metadata metadata = {{"f", outer}};
    return table->Match(head, 0, nullptr, &metadata).route != nullptr;
  };
  http::MetadataValue text;
  text.kind = http::MetadataValue::Kind::kString;
  text.text = "v";
  CHECK(takes(text));
  text.text = "w";
  CHECK_FALSE(takes(text));
  http::MetadataValue number;
  number.kind = http::MetadataValue::Kind::kNumber;
  number.number = 2;
  http::MetadataValue list;
  list.kind = http::MetadataValue::Kind::kList;
  list.items = {text, number};
  CHECK(takes(list));
  CHECK_FALSE(takes(number));
}

}  // namespace
}  // namespace remora::config
