#include "source/server/runtime_layers.h"

#include <algorithm>

#include "source/base/log.h"
#include "source/runtime/disk_layer.h"
#include "source/runtime/value.h"

namespace remora::server {

using config::RuntimeLayerConfig;
using runtime::Snapshot;

RuntimeLayers::RuntimeLayers(std::vector<RuntimeLayerConfig> layers, const RuntimeStats& stats,
                             Publish publish)
    : layers_(std::move(layers)),
      stats_(stats),
      publish_(std::move(publish)),
      snapshot_(std::make_shared<const Snapshot>()) {
  if (layers_.empty()) layers_.push_back({"", RuntimeLayerConfig::Kind::kAdmin});
  has_admin_layer_ =
      std::any_of(layers_.begin(), layers_.end(), [](const RuntimeLayerConfig& layer) {
        return layer.kind == RuntimeLayerConfig::Kind::kAdmin;
      });
  stats_.deprecated_feature_seen_since_process_start.Set(0);
  stats_.admin_overrides_active.Set(0);
}

const Snapshot::Values* RuntimeLayers::ReadDisk(const RuntimeLayerConfig& layer,
                                                Snapshot::Values& values, bool& failed) {
  const std::string path =
      layer.subdirectory.empty() ? layer.link : layer.link + "/" + layer.subdirectory;
  if (!runtime::DirectoryExists(path)) return nullptr;
  absl::StatusOr<Snapshot::Values> read = runtime::ReadDiskLayer(path);
  if (!read.ok()) {
    failed = true;
    REMORA_LOG(kConfig, kError, "error loading runtime values for layer ", layer.name,
               " from disk: ", std::string(read.status().message()));
    return nullptr;
  }
  values = *std::move(read);
  return &values;
}

void RuntimeLayers::Load() {
  std::vector<Snapshot::Layer> layers;
  bool failed = false;
  bool from_disk = false;
  for (const RuntimeLayerConfig& layer : layers_) {
    Snapshot::Values read;
    const Snapshot::Values* values = &layer.values;
    if (layer.kind == RuntimeLayerConfig::Kind::kAdmin) values = &overrides_;
    if (layer.kind == RuntimeLayerConfig::Kind::kDisk) {
      values = ReadDisk(layer, read, failed);
      if (values == nullptr) continue;
      from_disk = true;
    }
    layers.push_back({layer.name, *values});
  }
  const stats::Counter loads = failed ? stats::Counter(stats_.load_error) : stats_.load_success;
  loads.Inc();
  const stats::Counter directories =
      from_disk ? stats::Counter(stats_.override_dir_exists) : stats_.override_dir_not_exists;
  directories.Inc();
  stats_.num_layers.Set(layers.size());
  snapshot_ = std::make_shared<const Snapshot>(std::move(layers));
  stats_.num_keys.Set(snapshot_->values().size());
  publish_(snapshot_);
}

absl::Status RuntimeLayers::Watch(event::FileWatcher& watcher) {
  for (const RuntimeLayerConfig& layer : layers_) {
    if (layer.kind != RuntimeLayerConfig::Kind::kDisk) continue;
    watches_.push_back(std::make_unique<event::FileWatch>(watcher, [this] { Load(); }));
    const absl::Status status = watches_.back()->Watch({{layer.link}});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void RuntimeLayers::Put(size_t index, Snapshot::Values values) {
  layers_[index].values = std::move(values);
  Load();
}

absl::Status RuntimeLayers::Modify(
    const std::vector<std::pair<std::string, std::string>>& overrides) {
  if (!has_admin_layer_) return absl::InvalidArgumentError("No admin layer specified");
  for (const auto& [key, text] : overrides) {
    if (text.empty()) {
      overrides_.erase(key);
    } else {
      overrides_[key] = runtime::ReadValue(text);
    }
  }
  stats_.admin_overrides_active.Set(overrides_.empty() ? 0 : 1);
  Load();
  return absl::OkStatus();
}

}  // namespace remora::server
