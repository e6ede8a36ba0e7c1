#pragma once

// MissingClusters: requests of a worker that wait for clusters which it does not have (ODCDS).
//
//   filter --Wait--> ClusterFinder: main --subscribes--> World --OnTable--> the waiter is woken
//                                         \--there is none--> OnAnswer --> the waiter is woken
//
// Main is asked once for all requests that wait for a name. A waiter that leaves leaves nothing
// behind here; main forgets by itself. Being woken says only that it is time to look: the cluster
// may be there or not. How long a request waits is its own affair.
// Owner: ClusterSet. Thread: its worker's. Nothing fails.

#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/base/intrusive_list.h"

namespace remora::config {
struct ConfigSource;  // opaque here
}

namespace remora::upstream {

class ClusterTable;
class MissingClusters;

// Main, as workers see it.
class ClusterFinder {
 public:
  // From any worker's thread. A World with the cluster follows, or MissingClusters::OnAnswer.
  virtual void FindCluster(std::shared_ptr<const config::ConfigSource> source,
                           std::string name) = 0;

 protected:
  ~ClusterFinder() = default;
};

// A request that waits, once.
class ClusterWaiter : public base::ListNode<ClusterWaiter> {
 public:
  using Callback = void (*)(void*);
  ClusterWaiter(Callback wake, void* argument) : wake_(wake), argument_(argument) {}
  ~ClusterWaiter() { Leave(); }
  ClusterWaiter(const ClusterWaiter&) = delete;
  ClusterWaiter& operator=(const ClusterWaiter&) = delete;

  // It waits no longer, if it does.
  void Leave();

 private:
  friend class MissingClusters;
  Callback wake_;
  void* argument_;
  MissingClusters* at_ = nullptr;
  std::string_view name_;  // the caller's: the table moves its keys
};

class MissingClusters {
 public:
  MissingClusters() = default;
  MissingClusters(const MissingClusters&) = delete;
  MissingClusters& operator=(const MissingClusters&) = delete;

  // Who is asked; outlives all requests. Before the worker's thread starts.
  void SetFinder(ClusterFinder* finder) { finder_ = finder; }
  // False: nobody can be asked. `name` stays as long as the waiter.
  bool Wait(const std::shared_ptr<const config::ConfigSource>& source, std::string_view name,
            ClusterWaiter& waiter);
  // The worker has other clusters now.
  void OnTable(const ClusterTable& table);
  // Main has said all that it will say about that cluster.
  void OnAnswer(std::string_view name);
  bool empty() const { return waiting_.empty(); }

 private:
  friend class ClusterWaiter;
  using List = base::IntrusiveList<ClusterWaiter>;
  using Lists = absl::flat_hash_map<std::string, std::unique_ptr<List>>;
  static void Wake(List& list);

  ClusterFinder* finder_ = nullptr;
  Lists waiting_;  // no list is empty
};

}  // namespace remora::upstream
