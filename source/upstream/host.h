#pragma once

// Host: one endpoint at run time: its address, weight, health, and its counters.
//
// Owner: its Cluster. Threads: any; health is an atomic flag, counters are one slot a worker (64
// bytes, made when that worker first uses the host), written by that worker alone and summed by
// main.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "source/net/address.h"

namespace remora::upstream {

struct Locality {
  std::string region;
  std::string zone;
  std::string sub_zone;
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
  uint32_t transport = 0;  // 0: the cluster's own, n: its transport_matches[n - 1]
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

  const HostConfig& config() const { return config_; }
  const net::Address& address() const { return config_.address; }
  // "127.0.0.1:8080"
  const std::string& address_text() const { return address_text_; }

  bool healthy() const {
    return config_.health == HealthStatus::kUnknown || config_.health == HealthStatus::kHealthy;
  }
  bool degraded() const { return config_.health == HealthStatus::kDegraded; }

  // This worker's slot.
  HostCounters& counters(size_t worker) const;
  // Sums over the workers, for the admin page.
  uint64_t Sum(std::atomic<uint64_t> HostCounters::* what) const;

 private:
  HostConfig config_;
  std::string address_text_;
  size_t workers_;
  std::unique_ptr<std::atomic<HostCounters*>[]> counters_;
};

}  // namespace remora::upstream
