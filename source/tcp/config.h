#pragma once

// Config: a TCP proxy as an immutable value (envoy.extensions.filters.network.tcp_proxy.v3).
//
// Made by its translator, shared read-only by all workers; sessions pin it through their
// WorkerConfig. Nothing in it fails: the translator has checked it. Durations of 0 mean "none".

#include <cstdint>
#include <string>
#include <vector>

#include "source/access_log/logger.h"
#include "source/event/clock.h"

namespace remora::tcp {

struct WeightedCluster {
  std::string name;
  uint32_t weight = 1;
};

// When the upstream connection is begun.
enum class ConnectMode : uint8_t {
  kAtOnce,
  kOnData,       // with the client's first byte
  kOnHandshake,  // behind the client's TLS handshake; without TLS at once
};

struct Config {
  std::string stat_prefix;
  std::vector<WeightedCluster> clusters;  // at least one
  uint64_t total_weight = 1;              // of `clusters`

  event::Duration idle_timeout = 3600 * event::kSecond;
  event::Duration max_connection_duration = 0;
  double max_connection_duration_jitter = 0;  // a share of it that is added at random, 0 to 1

  ConnectMode connect_mode = ConnectMode::kAtOnce;
  // What is read of the client before the upstream connection stands: nothing, or until it is more
  // than so many bytes.
  bool reads_early = false;
  uint32_t max_early_bytes = 0;
  // With a TLS client and kAtOnce: its handshake is answered when the upstream connection stands,
  // so that a client whose upstream is down is turned away before it has sent anything.
  bool holds_handshake = false;

  uint32_t max_connect_attempts = 1;
  event::Duration backoff_base = 0;
  event::Duration backoff_max = 0;

  // The client's address chooses among hosts, where the balancer hashes.
  bool hash_source_ip = false;
  // A drained listener's connections are closed behind the next byte of the client.
  bool drain_closes = false;

  access_log::LoggerList access_log;  // besides at its end, a connection is logged
  event::Duration access_log_interval = 0;
  bool access_log_on_start = false;
  bool access_log_on_connected = false;
};

// The cluster that `random` falls on.
inline const std::string& PickCluster(const Config& config, uint64_t random) {
  if (config.clusters.size() > 1) {
    uint64_t left = random % config.total_weight;
    for (const WeightedCluster& cluster : config.clusters) {
      if (left < cluster.weight) return cluster.name;
      left -= cluster.weight;
    }
  }
  return config.clusters.front().name;
}

}  // namespace remora::tcp
