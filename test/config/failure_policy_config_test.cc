// Retry policies, mirrors and breakers: configuration text in, values out.

#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

using event::kMillisecond;
using event::kSecond;

// The policy of the only route; `action` is added to its action.
const route::FailurePolicy* Policy(const std::shared_ptr<const route::RouteTable>& table) {
  REQUIRE(table != nullptr);
  return table->virtual_hosts()[0].routes()[0].failure_policy();
}

Parts WithAction(const std::string& fields) {
  Parts parts;
  parts.action = "route: {cluster: c0, " + fields + "}";
  return parts;
}

TEST_CASE("a plain route has no failure policy") { CHECK(Policy(Routes(Parts())) == nullptr); }

TEST_CASE("a retry policy's fields arrive") {
  const auto table = Routes(WithAction(
      "retry_policy: {retry_on: '5xx, reset,unavailable', num_retries: 3, per_try_timeout: 0.25s, "
      "per_try_idle_timeout: 1s, retriable_status_codes: [418, 425], retry_back_off: "
      "{base_interval: 0.1s, max_interval: 2s}, rate_limited_retry_back_off: {reset_headers: "
      "[{name: Retry-After}, {name: x-reset, format: UNIX_TIMESTAMP}], max_interval: 60s}, "
      "host_selection_retry_max_attempts: 4, retry_host_predicate: [{name: "
      "envoy.retry_host_predicates.previous_hosts}], retriable_headers: [{name: x-again}], "
      "retriable_request_headers: [{name: ':method', string_match: {exact: GET}}]}"));
  const route::RetryPolicy& retry = *Policy(table)->retry;
  CHECK(retry.retry_on ==
        (route::kRetryOn5xx | route::kRetryOnReset | route::kRetryOnGrpcUnavailable));
  CHECK(retry.num_retries == 3);
  CHECK(retry.per_try_timeout == 250 * kMillisecond);
  CHECK(retry.per_try_idle_timeout == kSecond);
  CHECK(retry.status_codes == std::vector<uint32_t>{418, 425});
  CHECK(retry.base_interval == 100 * kMillisecond);
  CHECK(retry.max_interval == 2 * kSecond);
  REQUIRE(retry.reset_headers.size() == 2);
  CHECK(retry.reset_headers[0].name == "retry-after");
  CHECK(retry.reset_headers[1].format == route::ResetHeader::Format::kUnixTimestamp);
  CHECK(retry.reset_max_interval == 60 * kSecond);
  CHECK(retry.avoid_previous_hosts);
  CHECK(retry.more_picks == 4);
  CHECK(retry.conditions != nullptr);
}

TEST_CASE("defaults of a retry policy are Envoy's") {
  const auto table = Routes(WithAction("retry_policy: {retry_on: 5xx}"));
  const route::RetryPolicy& retry = *Policy(table)->retry;
  CHECK(retry.num_retries == 1);
  CHECK(retry.base_interval == 25 * kMillisecond);
  CHECK(retry.max_interval == 250 * kMillisecond);
  CHECK(retry.more_picks == 1);
  CHECK_FALSE(retry.avoid_previous_hosts);
}

TEST_CASE("the most specific level that says something wins") {
  Parts parts = WithAction("retry_policy: {retry_on: reset, num_retries: 7}");
  parts.host =
      "retry_policy: {retry_on: 5xx}\ninclude_request_attempt_count: true\n"
      "include_attempt_count_in_response: true\nrequest_body_buffer_limit: 100\n"
      "request_mirror_policies: [{cluster: c0}]";
  parts.routes = "request_mirror_policies: [{cluster_header: X-Copy}]";
  SECTION("the route's") {
    const auto table = Routes(parts);
    const route::FailurePolicy& policy = *Policy(table);
    CHECK(policy.retry->num_retries == 7);
    CHECK(policy.count_attempts_in_request);
    CHECK(policy.count_attempts_in_response);
    CHECK(policy.body_limit == 100u);
    REQUIRE(policy.mirrors.size() == 1);
    CHECK(policy.mirrors[0].cluster == "c0");
    CHECK(policy.mirrors[0].host_suffix);
  }
  SECTION("the virtual host's") {
    parts.action = "route: {cluster: c0}";
    const auto table = Routes(parts);
    CHECK(Policy(table)->retry->retry_on == route::kRetryOn5xx);
  }
  SECTION("the table's") {
    parts.host = "";
    const auto table = Routes(parts);
    CHECK(Policy(table)->mirrors[0].cluster_header == "x-copy");
  }
}

TEST_CASE("priority HIGH is a policy") {
  const auto table = Routes(WithAction("priority: HIGH"));
  CHECK(Policy(table)->high_priority);
}

TEST_CASE("a mirror's share") {
  const auto table = Routes(WithAction(
      "request_mirror_policies: [{cluster: c0, disable_shadow_host_suffix_append: true, "
      "runtime_fraction: {default_value: {numerator: 5, denominator: TEN_THOUSAND}, runtime_key: "
      "a.b}}]"));
  const route::MirrorPolicy& mirror = Policy(table)->mirrors[0];
  CHECK(mirror.fraction.key == "a.b");
  CHECK(mirror.fraction.fallback.numerator == 5);
  CHECK(mirror.fraction.fallback.denominator == 10'000);
  CHECK_FALSE(mirror.host_suffix);
}

TEST_CASE("faults of retry policies and mirrors") {
  const auto faults = [](const std::string& fields) { return Faults(WithAction(fields)); };
  CHECK(faults("retry_policy: {retry_on: 5xx, retry_back_off: {base_interval: 2s, max_interval: "
               "1s}}")
            .find("retry_policy.max_interval must greater than or equal to the base_interval") !=
        std::string::npos);
  CHECK(faults("retry_policy: {retry_host_predicate: [{name: other}]}").find("other") !=
        std::string::npos);
  CHECK(faults("retry_policy: {retriable_headers: [{name: a, string_match: {safe_regex: {regex: "
               "'('}}}]}")
            .find("retry_policy") != std::string::npos);
  CHECK(faults("request_mirror_policies: [{cluster: nowhere}]")
            .find("route: unknown shadow cluster 'nowhere'") != std::string::npos);
  CHECK(faults("request_mirror_policies: [{}]").find("Exactly one of cluster or cluster_header") !=
        std::string::npos);
  CHECK(faults("request_mirror_policies: [{cluster: c0, cluster_header: x}]")
            .find("Only one of cluster 'c0' or cluster_header 'x'") != std::string::npos);
}

TEST_CASE("words of retry_on that are none are ignored with a warning") {
  CHECK(Warnings(WithAction("retry_policy: {retry_on: '5xx,sometimes'}"))
            .find("'sometimes' is no word of retry_on") != std::string::npos);
  CHECK(Warnings(WithAction("retry_policy: {retry_on: http3-post-connect-failure}"))
            .find("has no effect") != std::string::npos);
}

TEST_CASE("breakers: retry budget, hosts, what is left") {
  Parts parts;
  parts.cluster =
      "circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 50}}, "
      "track_remaining: true}, {priority: HIGH, retry_budget: {min_retry_concurrency: 9}}], "
      "per_host_thresholds: [{max_connections: 2}]}";
  const LoadedBootstrap loaded = Load(Bootstrap(parts));
  REQUIRE(loaded.config.has_value());
  const upstream::CircuitBreakerLimits& limits = loaded.config->clusters[0].limits[0];
  REQUIRE(limits.retry_budget.has_value());
  CHECK(limits.retry_budget->percent == 50);
  CHECK(limits.retry_budget->min_concurrency == 3);
  CHECK(limits.track_remaining);
  CHECK(limits.max_connections_per_host == 2);
  const upstream::CircuitBreakerLimits& high = loaded.config->clusters[0].limits[1];
  CHECK(high.retry_budget->percent == 20);
  CHECK(high.retry_budget->min_concurrency == 9);
  CHECK(high.max_connections_per_host == upstream::CircuitBreakerLimits::kUnlimited);
  parts.cluster = "circuit_breakers: {per_host_thresholds: [{max_requests: 2}]}";
  CHECK(Faults(parts).find("Unsupported field in per_host_thresholds") != std::string::npos);
}

}  // namespace
}  // namespace remora::config
