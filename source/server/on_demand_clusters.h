#pragma once

// OnDemandClusters: clusters that a source gives to who asks for them by name (ODCDS), because a
// request needs one that is not there.
//
//   workers --FindCluster--> one subscription a source --> DynamicClusters --> World --> workers
//                                     \--refused, there is none, no answer--> answer --> workers
//
// A name is subscribed to until the source says that there is none, or says nothing in time. So
// clusters are followed as those of CDS are, and what is asked for in vain can be asked for again.
// Names come from requests: at most kMostAwaited are waited for at a time, none is longer than
// kLongestName, and none means more than itself on the wire; what is refused counts in `overflow`.
// Owner: DynamicConfig. Thread: main, but FindCluster: a worker's.
// Source: Envoy source/common/upstream/od_cds_api_impl.cc.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/server/dynamic_clusters.h"
#include "source/stats/group.h"
#include "source/upstream/missing_clusters.h"

namespace remora::server {

// `cluster_manager.odcds.`, beside those of the subscriptions.
struct OnDemandStats {
  stats::NamedCounter<"overflow"> overflow;  // Names that were not asked for.
};

class OnDemandClusters final : public upstream::ClusterFinder {
 public:
  static constexpr size_t kMostAwaited = 1000;
  static constexpr size_t kLongestName = 1024;

  // All workers are told that no more will be said of that cluster.
  using Answer = std::function<void(const std::string& name)>;

  OnDemandClusters(const DynamicServices& services, DynamicClusters& clusters, Answer answer);
  ~OnDemandClusters();
  OnDemandClusters(const OnDemandClusters&) = delete;
  OnDemandClusters& operator=(const OnDemandClusters&) = delete;

  // upstream::ClusterFinder
  void FindCluster(std::shared_ptr<const config::ConfigSource> source, std::string name) override;

 private:
  class Asked;  // a source, and what it is asked for

  void Find(const config::ConfigSource& source, const std::string& name);
  Asked& SourceFor(const config::ConfigSource& source);

  DynamicServices services_;
  DynamicClusters& clusters_;
  Answer answer_;
  OnDemandStats stats_;
  size_t awaited_ = 0;  // names that their source has said nothing of
  std::vector<std::unique_ptr<Asked>> sources_;
};

}  // namespace remora::server
