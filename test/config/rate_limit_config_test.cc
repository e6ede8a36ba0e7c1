#include "source/config/rate_limit_config.h"

#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

// "key=value key=value" for each descriptor of a plain request.
std::string Describe(const route::RateLimits* limits) {
  if (limits == nullptr) return "null";
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::RequestHead head(arena);
  head.method = "GET";
  head.path = "/?a=1";
  std::string text;
  for (const route::RateLimit& limit : *limits) {
    route::RateLimitDescriptor descriptor;
    text += std::to_string(limit.stage) + ":";
    const http::StreamInfo info;
    if (!limit.Describe({head, info, "svc", "c0"}, descriptor)) text += "none";
    for (const route::RateLimitEntry& entry : descriptor.entries) {
      text += std::string(entry.key) + "=" + std::string(entry.value) + ",";
    }
    text += " ";
  }
  return text;
}

TEST_CASE("rate limits of a route and its virtual host") {
  Parts parts;
  parts.action =
      "route: {cluster: c0, rate_limits: [{stage: 2, actions: [{generic_key: {descriptor_value: "
      "a}},"
      " {destination_cluster: {}}, {query_parameters: {query_parameter_name: a, descriptor_key: q}}"
      "]}, {actions: [{request_headers: {header_name: X-U, descriptor_key: u}}]}],"
      " include_vh_rate_limits: true}";
  parts.host =
      "rate_limits: [{actions: [{header_value_match: {descriptor_value: v, headers: [{name: x}],"
      " expect_match: false}}, {query_parameter_value_match: {descriptor_value: w, descriptor_key: "
      "k,"
      " query_parameters: [{name: a}]}}, {source_cluster: {}}]}]";
  const auto routes = Routes(parts);
  const route::VirtualHost& host = routes->virtual_hosts()[0];
  const route::ForwardAction& action = *host.routes()[0].forward();
  CHECK(Describe(action.rate_limits.get()) ==
        "2:generic_key=a,destination_cluster=c0,q=1, 0:none ");
  CHECK(action.include_virtual_host_rate_limits);
  CHECK(Describe(host.rate_limits()) == "0:header_match=v,k=w,source_cluster=svc, ");
}

TEST_CASE("rate limits of a route that count at its end, with a limit of their own") {
  Parts parts;
  parts.action =
      "route: {cluster: c0, rate_limits: [{apply_on_stream_done: true, limit: {rate_limit: "
      "{requests_per_unit: 7, unit: DAY}}, actions: [{generic_key: {descriptor_value: a}}]}, "
      "{limit: {dynamic_metadata: {metadata_key: {key: m, path: [{key: p}]}}}, actions: "
      "[{metadata: {descriptor_key: k, default_value: d, source: ROUTE_ENTRY, metadata_key: {key: "
      "m, path: [{key: p}]}}}, {dynamic_metadata: {descriptor_key: k, default_value: e, "
      "metadata_key: {key: m, path: [{key: p}]}}}]}]}";
  const auto routes = Routes(parts);
  const auto& limits = *routes->virtual_hosts()[0].routes()[0].forward()->rate_limits;
  CHECK(limits[0].at_end);
  CHECK(std::get<route::RateLimitOverride>(limits[0].limit).unit == 4);
  CHECK_FALSE(limits[1].at_end);
  CHECK(std::get<route::MetadataPlace>(limits[1].limit).name_space == "m");
  CHECK(Describe(&limits) == "0:generic_key=a, 0:k=d,k=e, ");
}

TEST_CASE("how many requests one counts as is no matter of routes, and the log says so") {
  Parts parts;
  parts.action =
      "route: {cluster: c0, rate_limits: [{hits_addend: {number: 5}, actions: [{generic_key: "
      "{descriptor_value: a}}]}]}";
  CHECK(Warnings(parts).find("route.rate_limits[0].hits_addend: only rate_limits of filters read "
                             "it") != std::string::npos);
  const auto routes = Routes(parts);
  CHECK_FALSE(
      routes->virtual_hosts()[0].routes()[0].forward()->rate_limits->front().hits.has_value());
}

TEST_CASE("no rate limits") {
  const auto routes = Routes(Parts());
  CHECK(routes->virtual_hosts()[0].rate_limits() == nullptr);
  CHECK(routes->virtual_hosts()[0].routes()[0].forward()->rate_limits == nullptr);
}

TEST_CASE("what is wrong in a rate limit is named") {
  Parts parts;
  parts.action =
      "route: {cluster: c0, rate_limits: [{actions: [{header_value_match: {descriptor_value: v,"
      " headers: [{name: x, string_match: {safe_regex: {regex: '('}}}]}}]}]}";
  CHECK(Faults(parts).find("route.rate_limits[0].actions[0].header_value_match.headers[0]") !=
        std::string::npos);
}

}  // namespace
}  // namespace remora::config
