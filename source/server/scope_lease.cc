#include "source/server/scope_lease.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace remora::server {

stats::Scope& ScopeLease::Add(std::string_view prefix) {
  stats::Scope& scope = store_.AddScope(prefix);
  if (std::find(scopes_.begin(), scopes_.end(), &scope) != scopes_.end()) {
    store_.RemoveScope(scope);  // one reference is enough
  } else {
    scopes_.push_back(&scope);
  }
  return scope;
}

stats::RemovalEpoch ScopeLease::Remove() {
  stats::RemovalEpoch epoch = 0;
  for (stats::Scope* scope : std::exchange(scopes_, {})) epoch = store_.RemoveScope(*scope);
  return epoch;
}

void RemovedScopes::Add(std::unique_ptr<ScopeLease> scopes, std::shared_ptr<const void> keeper) {
  removed_.push_back({scopes->Remove(), std::move(keeper)});
}

void RemovedScopes::Sweep() {
  stats::RemovalEpoch passed = 0;
  while (!removed_.empty() && removed_.front().keeper.use_count() == 1) {
    passed = removed_.front().epoch;
    removed_.pop_front();
  }
  if (passed == 0) return;
  // What the last holder on another thread did comes before what is done with its memory.
  std::atomic_thread_fence(std::memory_order_acquire);
  store_.Quiesce(passed);
}

}  // namespace remora::server
