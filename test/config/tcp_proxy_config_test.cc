// The TCP proxy's translator.

#include "source/tcp/config.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/config/printed_config.h"

namespace remora::config {
namespace {

constexpr char kProxy[] = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";

std::string WithProxy(const std::string& fields) {
  return R"(
static_resources:
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 8080}}
    filter_chains:
    - filters:
      - name: tcp
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, )" +
         fields + "}\n";
}

std::shared_ptr<const tcp::Config> Proxy(const std::string& fields) {
  const LoadedBootstrap loaded = Load(WithProxy(fields));
  INFO(loaded.errors.ToString());
  REQUIRE(loaded.config.has_value());
  return loaded.config->listeners.at(0)->filter_chains.at(0)->tcp;
}

// What is wrong with it, without the place in the file.
std::string Wrong(const std::string& fields) {
  std::string text = Printed(WithProxy(fields));
  const size_t at = text.find(kProxy);
  return at == std::string::npos ? text : text.substr(at + sizeof(kProxy) - 1);
}

TEST_CASE("a TCP proxy with defaults") {
  const auto config = Proxy("stat_prefix: t, cluster: somewhere");
  REQUIRE(config != nullptr);
  CHECK(config->stat_prefix == "t");
  REQUIRE(config->clusters.size() == 1);
  // Nobody asks whether it exists: a cluster may come later.
  CHECK(config->clusters[0].name == "somewhere");
  CHECK(config->idle_timeout == 3600 * event::kSecond);
  CHECK(config->max_connection_duration == 0);
  CHECK(config->max_connect_attempts == 1);
  CHECK(config->backoff_base == 0);
  CHECK(config->connect_mode == tcp::ConnectMode::kAtOnce);
  CHECK_FALSE(config->reads_early);
  CHECK(config->holds_handshake);
  CHECK_FALSE(config->drain_closes);
  CHECK(config->access_log.empty());
}

TEST_CASE("a TCP proxy with everything") {
  const auto config = Proxy(
      "stat_prefix: t, weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: "
      "3}]}, "
      "idle_timeout: 0s, max_downstream_connection_duration: 10s, "
      "max_downstream_connection_duration_jitter_percentage: {value: 50}, max_connect_attempts: 4, "
      "backoff_options: {base_interval: 0.1s}, upstream_connect_mode: ON_DOWNSTREAM_DATA, "
      "max_early_data_bytes: 100, check_drain_close: true, hash_policy: [{source_ip: {}}], "
      "access_log_flush_interval: 5s, flush_access_log_on_connected: true, "
      "access_log_options: {flush_access_log_on_start: true}, "
      "access_log: [{name: f, typed_config: {\"@type\": type.googleapis.com/"
      "envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /tmp/a}}]");
  REQUIRE(config != nullptr);
  CHECK(config->clusters.size() == 2);
  CHECK(config->total_weight == 4);
  CHECK(config->idle_timeout == 0);
  CHECK(config->max_connection_duration == 10 * event::kSecond);
  CHECK(config->max_connection_duration_jitter == 0.5);
  CHECK(config->max_connect_attempts == 4);
  CHECK(config->backoff_base == 100 * event::kMillisecond);
  CHECK(config->backoff_max == event::kSecond);
  CHECK(config->connect_mode == tcp::ConnectMode::kOnData);
  CHECK(config->reads_early);
  CHECK(config->max_early_bytes == 100);
  CHECK_FALSE(config->holds_handshake);
  CHECK(config->drain_closes);
  CHECK(config->hash_source_ip);
  // As Envoy: with access_log_options the older fields do not count.
  CHECK(config->access_log_interval == 0);
  CHECK_FALSE(config->access_log_on_connected);
  CHECK(config->access_log_on_start);
}

TEST_CASE("a handshake is not held where chance decides about the cluster") {
  CHECK_FALSE(Proxy("stat_prefix: t, weighted_clusters: {clusters: [{name: a, weight: 1}, "
                    "{name: b, weight: 1}]}")
                  ->holds_handshake);
}

TEST_CASE("what a TCP proxy takes without effect, and says so") {
  const std::string metadata = "metadata_match: {filter_metadata: {envoy.lb: {a: b}}}";
  for (const std::string& fields :
       {"cluster: c, " + metadata,
        "weighted_clusters: {clusters: [{name: c, weight: 1, " + metadata + "}]}",
        std::string("cluster: c, hash_policy: [{filter_state: {key: k}}]")}) {
    const LoadedBootstrap loaded = Load(WithProxy("stat_prefix: t, " + fields));
    INFO(fields);
    CHECK(loaded.errors.ToString() == "");
    CHECK(loaded.warnings.ToString().find("without effect") != std::string::npos);
  }
}

TEST_CASE("what a TCP proxy is refused for") {
  CHECK(Wrong("stat_prefix: t, cluster: c, upstream_connect_mode: ON_DOWNSTREAM_DATA") ==
        ": max_early_data_bytes must be set when upstream_connect_mode is not IMMEDIATE\n");
  CHECK(
      Wrong("stat_prefix: t, cluster: c, backoff_options: {base_interval: 2s, max_interval: 1s}") ==
      ".backoff_options: max_interval must be greater than or equal to base_interval\n");
  // By the rules of the API.
  CHECK_FALSE(Wrong("stat_prefix: t").empty());
  CHECK_FALSE(Wrong("cluster: c").empty());
  CHECK_FALSE(Wrong("stat_prefix: t, cluster: c, max_connect_attempts: 0").empty());
  CHECK_FALSE(
      Wrong("stat_prefix: t, weighted_clusters: {clusters: [{name: a, weight: 0}]}").empty());
  // What is not there is named.
  for (const char* field :
       {"tunneling_config: {hostname: h}", "on_demand: {odcds_config: {ads: {}}}",
        "proxy_protocol_tlvs: [{type: 1}]"}) {
    const std::string wrong = Wrong(std::string("stat_prefix: t, cluster: c, ") + field);
    INFO(wrong);
    CHECK(wrong.find("not supported") != std::string::npos);
  }
}

}  // namespace
}  // namespace remora::config
