#pragma once

// Balancing: how a cluster's hosts are chosen, as a value.
//
// Made by a translator from envoy.config.cluster.v3.Cluster (lb_policy and its options) or from
// envoy.extensions.load_balancing_policies.*; defaults are Envoy's. Immutable, any thread.

#include <cstdint>
#include <string>

namespace remora::upstream {

struct Balancing {
  enum class Policy : uint8_t { kRoundRobin, kLeastRequest, kRandom, kRingHash, kMaglev };
  enum class HashFunction : uint8_t { kXxHash, kMurmur };

  Policy policy = Policy::kRoundRobin;
  // All hosts are used when a smaller share of them is healthy.
  uint32_t panic_threshold_percent = 50;

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

  bool by_hash() const { return policy == Policy::kRingHash || policy == Policy::kMaglev; }
};

}  // namespace remora::upstream
