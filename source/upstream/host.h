#pragma once

// Host: one endpoint at run time: its address, weight, health, and its counters.
//
// Owner: its Cluster, and the versions of it that have the same endpoint: an update of the
// endpoints keeps the Host, and with it the connections. Threads: any; weight and health are
// atomics that main sets before the version that has them is handed to the workers, whose balancers
// read them when they take it over; counters are one slot a worker (64 bytes, made when that worker
// first uses the host), written by that worker alone and summed by main.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "source/http/metadata.h"
#include "source/net/address.h"

namespace remora::upstream {

struct Locality {
  std::string region;
  std::string zone;
  std::string sub_zone;

  bool operator==(const Locality&) const = default;
};

// envoy.config.core.v3.HealthStatus, as configured.
enum class HealthStatus : uint8_t {
  kUnknown,
  kHealthy,
  kUnhealthy,
  kDraining,
  kTimeout,
  kDegraded
};

struct HostConfig {
  net::Address address;
  std::string hostname;
  uint32_t weight = 1;
  uint32_t priority = 0;
  HealthStatus health = HealthStatus::kUnknown;
  Locality locality;
  std::shared_ptr<const http::Metadata> metadata = nullptr;  // null: none
  uint32_t transport = 0;  // 0: the cluster's own, n: its transport_matches[n - 1]

  // The same endpoint, reached in the same way; weight and health may differ.
  bool SameEndpoint(const HostConfig& other) const {
    return address == other.address && hostname == other.hostname && priority == other.priority &&
           locality == other.locality && transport == other.transport &&
           (metadata == other.metadata ||
            (metadata != nullptr && other.metadata != nullptr && *metadata == *other.metadata));
  }
};

// Names and order are those of /clusters.
struct alignas(64) HostCounters {
  std::atomic<uint64_t> cx_active{0};
  std::atomic<uint64_t> cx_connect_fail{0};
  std::atomic<uint64_t> cx_total{0};
  std::atomic<uint64_t> rq_active{0};
  std::atomic<uint64_t> rq_error{0};
  std::atomic<uint64_t> rq_success{0};
  std::atomic<uint64_t> rq_timeout{0};
  std::atomic<uint64_t> rq_total{0};
};

// A relaxed add by the only writer: no locked instruction.
template <class T>
inline void AddOwn(std::atomic<T>& cell, T n) {
  cell.store(static_cast<T>(cell.load(std::memory_order_relaxed) + n), std::memory_order_relaxed);
}

class Host {
 public:
  Host(HostConfig config, size_t workers);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // As it was when the host was made: weight() and health() are what counts.
  const HostConfig& config() const { return config_; }
  uint32_t weight() const { return weight_.load(std::memory_order_relaxed); }
  HealthStatus health() const { return health_.load(std::memory_order_relaxed); }
  // Main only, for a version of its cluster that no worker has yet. Whether it was otherwise.
  bool Update(uint32_t weight, HealthStatus health) const;
  const net::Address& address() const { return config_.address; }
  // "127.0.0.1:8080"
  const std::string& address_text() const { return address_text_; }

  bool healthy() const {
    const HealthStatus now = health();
    return now == HealthStatus::kUnknown || now == HealthStatus::kHealthy;
  }
  bool degraded() const { return health() == HealthStatus::kDegraded; }

  // This worker's slot.
  HostCounters& counters(size_t worker) const;
  // Sums over the workers, for the admin page.
  uint64_t Sum(std::atomic<uint64_t> HostCounters::* what) const;

 private:
  HostConfig config_;
  mutable std::atomic<uint32_t> weight_;
  mutable std::atomic<HealthStatus> health_;
  std::string address_text_;
  size_t workers_;
  std::unique_ptr<std::atomic<HostCounters*>[]> counters_;
};

}  // namespace remora::upstream
