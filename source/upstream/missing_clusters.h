#pragma once

// MissingClusters: requests of a worker that wait for clusters which it does not have (ODCDS).
//
//   filter --Wait--> ClusterFinder: main --subscribes--> World --OnTable--> the waiter is woken
//                                         \--there is none--> OnAnswer --> the waiter is woken
//
// Main is asked once for all requests that wait for a name, and forgets by itself when they have
// left. How long a request waits is its own affair. Owner: ClusterSet. Thread: its worker's.
// Nothing fails.

#include <memory>
#include <string>
#include <string_view>

#include "source/http/waiting_room.h"
#include "source/upstream/cluster_table.h"

namespace remora::config {
struct ConfigSource;  // opaque here
}

namespace remora::upstream {

// Main, as workers see it.
class ClusterFinder {
 public:
  // From any worker's thread. A World with the cluster follows, or MissingClusters::OnAnswer.
  virtual void FindCluster(std::shared_ptr<const config::ConfigSource> source,
                           std::string name) = 0;

 protected:
  ~ClusterFinder() = default;
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
            http::Waiter& waiter) {
    if (finder_ == nullptr) return false;
    if (waiting_.Add(name, waiter)) finder_->FindCluster(source, std::string(name));
    return true;
  }
  // The worker has other clusters now.
  void OnTable(const ClusterTable& table) {
    waiting_.WakeIf([&table](std::string_view name) { return table.Contains(name); });
  }
  // Main has said all that it will say about that cluster.
  void OnAnswer(std::string_view name) { waiting_.Wake(name); }
  bool empty() const { return waiting_.empty(); }

 private:
  ClusterFinder* finder_ = nullptr;
  http::WaitingRoom waiting_;
};

}  // namespace remora::upstream
