#pragma once

// RuntimeLayers: the runtime values as they are now: reads the layers of the bootstrap, takes
// overrides from /runtime_modify and layers from sources (DynamicRuntime), follows disk layers when
// their link is swapped, and publishes each state as a new immutable Snapshot.
//
// Owner: Server. Thread: main. A disk layer that cannot be read is left out, with an error in the
// log and runtime.load_error; a value that fits nothing is kept as text. Source: Envoy
// source/common/runtime/runtime_impl.cc, docs "Runtime", statistics included.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "source/config/bootstrap.h"
#include "source/event/file_watch.h"
#include "source/runtime/runtime.h"
#include "source/stats/group.h"

namespace remora::server {

// `runtime.`
struct RuntimeStats {
  stats::NamedCounter<"load_success"> load_success;                // All layers could be read.
  stats::NamedCounter<"load_error"> load_error;                    // One or more could not.
  stats::NamedCounter<"override_dir_exists"> override_dir_exists;  // A disk layer was there.
  stats::NamedCounter<"override_dir_not_exists"> override_dir_not_exists;
  stats::NamedCounter<"deprecated_feature_use"> deprecated_feature_use;  // Always 0.
  stats::NamedGauge<"deprecated_feature_seen_since_process_start">
      deprecated_feature_seen_since_process_start;                     // Always 0.
  stats::NamedGauge<"admin_overrides_active"> admin_overrides_active;  // 1: some are set.
  stats::NamedGauge<"num_keys"> num_keys;
  stats::NamedGauge<"num_layers"> num_layers;  // That could be read.
};

class RuntimeLayers {
 public:
  using Publish = std::function<void(std::shared_ptr<const runtime::Snapshot>)>;

  // Without layers there is one of the admin's, unnamed, as in Envoy.
  RuntimeLayers(std::vector<config::RuntimeLayerConfig> layers, const RuntimeStats& stats,
                Publish publish);

  // Reads everything and publishes it.
  void Load();
  // Follows the links of disk layers from now on.
  absl::Status Watch(event::FileWatcher& watcher);
  // Sets overrides, removes those whose text is empty, and publishes. Fails when there is no admin
  // layer.
  absl::Status Modify(const std::vector<std::pair<std::string, std::string>>& overrides);

  // What the source of the layer at `index` says now; publishes it.
  void Put(size_t index, runtime::Snapshot::Values values);

  const std::vector<config::RuntimeLayerConfig>& layers() const { return layers_; }
  const std::shared_ptr<const runtime::Snapshot>& snapshot() const { return snapshot_; }

 private:
  // Null when it is to be left out.
  const runtime::Snapshot::Values* ReadDisk(const config::RuntimeLayerConfig& layer,
                                            runtime::Snapshot::Values& values, bool& failed);

  std::vector<config::RuntimeLayerConfig> layers_;
  RuntimeStats stats_;
  Publish publish_;
  bool has_admin_layer_ = false;
  runtime::Snapshot::Values overrides_;
  std::shared_ptr<const runtime::Snapshot> snapshot_;
  std::vector<std::unique_ptr<event::FileWatch>> watches_;
};

}  // namespace remora::server
