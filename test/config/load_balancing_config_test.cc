// How endpoints are chosen: configuration in, upstream::Balancing or the list of faults out.

#include <catch2/catch.hpp>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

using upstream::Balancing;

constexpr char kCluster[] = "static_resources.clusters[0]";

Parts With(const std::string& lines) {
  Parts parts;
  parts.cluster = lines;
  return parts;
}

Balancing Parsed(const std::string& lines) {
  const LoadedBootstrap loaded = Load(Bootstrap(With(lines)));
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  return loaded.config->clusters.at(0).balancing;
}

std::string Extension(const std::string& type, const std::string& fields = "") {
  return "{typed_extension_config: {name: x, typed_config: {\"@type\": type.googleapis.com/"
         "envoy.extensions.load_balancing_policies." +
         type + (fields.empty() ? "" : ", " + fields) + "}}}";
}

std::string Policies(const std::string& list) {
  return "load_balancing_policy: {policies: [" + list + "]}";
}

TEST_CASE("lb_policy and its options") {
  CHECK(Parsed("").policy == Balancing::Policy::kRoundRobin);
  CHECK(Parsed("").panic_threshold_percent == 50);
  CHECK(Parsed("lb_policy: RANDOM").policy == Balancing::Policy::kRandom);
  CHECK(Parsed("common_lb_config: {healthy_panic_threshold: {value: 12.5}}")
            .panic_threshold_percent == 13);

  const Balancing least = Parsed(
      "lb_policy: LEAST_REQUEST\nleast_request_lb_config: {choice_count: 3, active_request_bias: "
      "{default_value: 0.5, runtime_key: k}}");
  CHECK(least.policy == Balancing::Policy::kLeastRequest);
  CHECK(least.choice_count == 3);
  CHECK(least.active_request_bias == 0.5);
  CHECK(least.active_request_bias_key == "k");
  const Balancing bias_alone = Parsed(
      "lb_policy: LEAST_REQUEST\nleast_request_lb_config: {active_request_bias: {default_value: "
      "0.5}}");
  CHECK(bias_alone.active_request_bias == 0.5);
  CHECK(bias_alone.active_request_bias_key.empty());

  const Balancing ring = Parsed(
      "lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 10, maximum_ring_size: 20, "
      "hash_function: MURMUR_HASH_2}\ncommon_lb_config: {consistent_hashing_lb_config: "
      "{hash_balance_factor: 150}}");
  CHECK(ring.policy == Balancing::Policy::kRingHash);
  CHECK(ring.minimum_ring_size == 10);
  CHECK(ring.maximum_ring_size == 20);
  CHECK(ring.hash_function == Balancing::HashFunction::kMurmur);
  CHECK(ring.balance_factor == 150);

  CHECK(Parsed("lb_policy: MAGLEV").table_size == 65537);
  CHECK(Parsed("lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 7}").table_size == 7);
}

TEST_CASE("load_balancing_policy takes the first that is known") {
  CHECK(Parsed(Policies(Extension("round_robin.v3.RoundRobin"))).policy ==
        Balancing::Policy::kRoundRobin);
  CHECK(Parsed("lb_policy: MAGLEV\n" + Policies(Extension("random.v3.Random"))).policy ==
        Balancing::Policy::kRandom);
  const Balancing least =
      Parsed(Policies(Extension("least_request.v3.LeastRequest", "selection_method: FULL_SCAN")));
  CHECK(least.policy == Balancing::Policy::kLeastRequest);
  CHECK(least.full_scan);
  const Balancing ring = Parsed(Policies(Extension(
      "ring_hash.v3.RingHash",
      "hash_function: XX_HASH, consistent_hashing_lb_config: {use_hostname_for_hashing: true}")));
  CHECK(ring.hash_hostname);
  CHECK(ring.hash_function == Balancing::HashFunction::kXxHash);
  CHECK(Parsed(Policies(Extension("ring_hash.v3.RingHash", "hash_balance_factor: 120")))
            .balance_factor == 120);
  CHECK(Parsed(Policies(Extension("maglev.v3.Maglev", "table_size: 11"))).table_size == 11);
}

TEST_CASE("what is wrong with a balancer") {
  const std::string at = kCluster;
  CHECK(Faults(With("lb_policy: MAGLEV\nmaglev_lb_config: {table_size: 10}")) ==
        at + ".maglev_lb_config.table_size: The table size of maglev must be prime number\n");
  CHECK(Faults(With("lb_policy: RING_HASH\nring_hash_lb_config: {minimum_ring_size: 3, "
                    "maximum_ring_size: 2}")) ==
        at + ".ring_hash_lb_config: ring hash: minimum_ring_size (3) > maximum_ring_size (2)\n");
  CHECK(Faults(With("lb_policy: RING_HASH\ncommon_lb_config: {consistent_hashing_lb_config: "
                    "{use_hostname_for_hashing: true}}")) ==
        at + ".common_lb_config.consistent_hashing_lb_config.use_hostname_for_hashing: Cannot use "
             "hostname for consistent hashing loadbalancing for cluster of type: "
             "'envoy.cluster.static'\n");
  CHECK(Faults(With("load_balancing_policy: {}")) ==
        at + ".load_balancing_policy: cluster: didn't find a registered load balancer factory for "
             "cluster: 'c0' with names from []\n");
  CHECK(Faults(With("lb_policy: LOAD_BALANCING_POLICY_CONFIG")) ==
        at + ".lb_policy: policy LOAD_BALANCING_POLICY_CONFIG is not supported\n");
  CHECK(Faults(With("least_request_lb_config: {slow_start_config: {slow_start_window: 1s}}"))
            .find("not supported") != std::string::npos);
}

TEST_CASE("options of another policy have no effect, and a warning says so") {
  CHECK(Warnings(With("maglev_lb_config: {table_size: 7}")) ==
        std::string(kCluster) +
            ".maglev_lb_config: options of another lb_policy: accepted without effect\n");
}

}  // namespace
}  // namespace remora::config
