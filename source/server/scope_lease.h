#pragma once

// ScopeLease: the statistics scopes of one owner that may go (a cluster, a listener), and that go
// with it. RemovedScopes: their memory, which is used again once nobody counts there any more.
//
//   ~owner --ScopeLease, keeper--> RemovedScopes --keeper is the last reference--> Store::Quiesce
//
// Owner of a lease: the owner of the scopes; of RemovedScopes: Server, one for all, since memory is
// used again in the order of removals. Thread: main. A removed scope
// is not shown any more at once; workers that still have connections count on, unseen. Nothing
// fails.

#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "source/stats/store.h"

namespace remora::server {

class ScopeLease {
 public:
  // `store` outlives it.
  explicit ScopeLease(stats::Store& store) : store_(store) {}
  ~ScopeLease() { Remove(); }
  ScopeLease(const ScopeLease&) = delete;
  ScopeLease& operator=(const ScopeLease&) = delete;

  stats::Store& store() const { return store_; }
  stats::Scope& Add(std::string_view prefix);
  // Gives them all back; the position of that in the order of removals.
  stats::RemovalEpoch Remove();

 private:
  stats::Store& store_;
  std::vector<stats::Scope*> scopes_;
};

class RemovedScopes {
 public:
  // `store` outlives it.
  explicit RemovedScopes(stats::Store& store) : store_(store) {}
  RemovedScopes(const RemovedScopes&) = delete;
  RemovedScopes& operator=(const RemovedScopes&) = delete;

  // Whoever may count in `scopes` holds `keeper` too.
  void Add(std::unique_ptr<ScopeLease> scopes, std::shared_ptr<const void> keeper);
  // Every now and then: looks whose keeper has no other holder left.
  void Sweep();
  size_t size() const { return removed_.size(); }

 private:
  struct Entry {
    stats::RemovalEpoch epoch;
    std::shared_ptr<const void> keeper;
  };
  stats::Store& store_;
  std::deque<Entry> removed_;  // by epoch
};

}  // namespace remora::server
