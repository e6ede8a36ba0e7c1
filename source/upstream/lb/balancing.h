#pragma once

// Balancing: how a cluster's hosts are chosen, as a value.
//
// Made by a translator from envoy.config.cluster.v3.Cluster (lb_policy and its options) or from
// envoy.extensions.load_balancing_policies.*; defaults are Envoy's. Immutable, any thread.

#include <cstdint>
#include <string>

#include "source/upstream/host.h"

namespace remora::upstream {

struct Balancing {
  enum class Policy : uint8_t { kRoundRobin, kLeastRequest, kRandom, kRingHash, kMaglev };
  enum class HashFunction : uint8_t { kXxHash, kMurmur };

  Policy policy = Policy::kRoundRobin;
  // All hosts are used when a smaller share of them is healthy.
  uint32_t panic_threshold_percent = 50;
  // One bit a HealthStatus: hosts that a request gets when it names them (http/override_host.h).
  uint32_t override_statuses =
      Bit(HealthStatus::kUnknown) | Bit(HealthStatus::kHealthy) | Bit(HealthStatus::kDegraded);

  // kLeastRequest
  uint32_t choice_count = 2;
  bool full_scan = false;
  double active_request_bias = 1;
  std::string active_request_bias_key;  // runtime value; empty: none

  // kRingHash
  uint64_t minimum_ring_size = 1024;
  uint64_t maximum_ring_size = 8 * 1024 * 1024;
  HashFunction hash_function = HashFunction::kXxHash;

  // kMaglev
  uint64_t table_size = 65537;

  // kRingHash and kMaglev
  bool hash_hostname = false;   // in place of the address
  uint32_t balance_factor = 0;  // percent of the average of requests in flight; 0: no limit

  static constexpr uint32_t Bit(HealthStatus status) {
    return uint32_t{1} << static_cast<uint32_t>(status);
  }
  bool by_hash() const { return policy == Policy::kRingHash || policy == Policy::kMaglev; }
};

}  // namespace remora::upstream
