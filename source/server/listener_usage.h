#pragma once

// ListenerUsage: how many connections of one listener each worker has, for limits and for even
// spreading. WorkerFace: how a connection is given to another worker.
//
// Owner: Server, one for each listener (all its versions) and one for all of them; outlives the
// workers. Threads: any;
// every cell is an atomic number. A sum may be off by what happens meanwhile, as Envoy's may.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "source/net/address.h"
#include "source/net/socket.h"

namespace remora::server {

class ListenerUsage;

class WorkerFace {
 public:
  // Serves a connection that another worker has accepted. Any thread.
  virtual void Give(ListenerUsage& listener, net::Socket socket, const net::Address& remote) = 0;

 protected:
  ~WorkerFace() = default;
};

class ListenerUsage {
 public:
  explicit ListenerUsage(std::vector<WorkerFace*> workers)
      : workers_(std::move(workers)), counts_(new Count[workers_.size()]) {}

  void Add(size_t worker) { counts_[worker].open.fetch_add(1, std::memory_order_relaxed); }
  void Remove(size_t worker) { counts_[worker].open.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t Sum() const {
    uint64_t sum = 0;
    for (size_t i = 0; i < workers_.size(); ++i) sum += Of(i);
    return sum;
  }
  // Counts a connection for the worker that has the fewest, `here` if it is one of those.
  size_t AddToLeast(size_t here) {
    const std::lock_guard<std::mutex> lock(balancing_);
    size_t least = here;
    for (size_t i = 0; i < workers_.size(); ++i) {
      if (Of(i) < Of(least)) least = i;
    }
    Add(least);
    return least;
  }
  WorkerFace& worker(size_t index) { return *workers_[index]; }

 private:
  struct alignas(64) Count {
    std::atomic<uint64_t> open{0};
  };
  uint64_t Of(size_t worker) const { return counts_[worker].open.load(std::memory_order_relaxed); }

  std::vector<WorkerFace*> workers_;
  std::unique_ptr<Count[]> counts_;
  std::mutex balancing_;
};

}  // namespace remora::server
