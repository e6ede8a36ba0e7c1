#include "source/server/snapshot_keeper.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"

namespace remora::server {

SnapshotKeeper::SnapshotKeeper(const SnapshotOptions& options, const config::NodeConfig& node,
                               const Services& services)
    : options_(options),
      node_id_(node.id),
      node_cluster_(node.cluster),
      services_(services),
      stats_(services.stats.AddScope("config_snapshot")
                 .Make<SnapshotStats>(services.stats.main_shard())),
      timer_(services.dispatcher.timers(), &OnTimer, this) {}

void SnapshotKeeper::Start() {
  std::vector<xds::SnapshotPart> parts;
  absl::StatusOr<xds::Snapshot> read = xds::ReadSnapshot(
      options_.path, {node_id_, node_cluster_, services_.dispatcher.wall_now(), options_.max_age});
  if (read.ok()) {
    size_t resources = 0;
    for (const xds::SnapshotPart& part : read->parts) resources += part.resources.size();
    REMORA_LOG(kConfig, kInfo, "the snapshot ", options_.path, " has ", resources,
               " resources, for sources that do not answer");
    parts = std::move(read->parts);
  } else if (access(options_.path.c_str(), F_OK) == 0) {
    stats_.refused.Inc();
    REMORA_LOG(kConfig, kError, "the snapshot is not used: ", std::string(read.status().message()));
  } else {
    REMORA_LOG(kConfig, kInfo, "there is no snapshot yet: ", std::string(read.status().message()));
  }
  services_.sources.UseSnapshot(std::move(parts), [this] { OnTaken(); });
  timer_.Arm(services_.dispatcher.now() + RefreshEvery());
}

event::Duration SnapshotKeeper::RefreshEvery() const {
  // Well before it would be too old.
  constexpr event::Duration kTimesInItsLife = 4;
  if (options_.max_age == 0) return kRefresh;
  return std::min(kRefresh, std::max(options_.max_age / kTimesInItsLife, kSoonest));
}

void SnapshotKeeper::OnTaken() {
  if (std::exchange(changed_, true)) return;
  const event::Duration took = services_.file.totals().took.load(std::memory_order_relaxed);
  const event::TimePoint rested = put_at_ == 0 ? 0 : put_at_ + kRest * took;
  timer_.Arm(std::max(services_.dispatcher.now() + kSoonest, rested));
}

void SnapshotKeeper::OnTimer(void* self) { static_cast<SnapshotKeeper*>(self)->Write(); }

void SnapshotKeeper::Write() {
  changed_ = false;
  const event::TimePoint now = services_.dispatcher.now();
  auto snapshot = std::make_shared<xds::Snapshot>();
  snapshot->node_id = node_id_;
  snapshot->node_cluster = node_cluster_;
  snapshot->parts = services_.sources.Collect();
  const uint64_t failed = services_.file.totals().failed.load(std::memory_order_relaxed);
  const bool is_written = last_ != nullptr && failed == failed_before_;
  const bool is_fresh = now - put_at_ < RefreshEvery();
  if (snapshot->parts.empty() || (is_written && is_fresh && SameResources(*snapshot, *last_))) {
    timer_.Arm(now + (is_written ? RefreshEvery() : kRetry));
    return;
  }
  last_ = snapshot;
  put_at_ = now;
  failed_before_ = failed;
  services_.file.Put(std::move(snapshot));
  // Whether that succeeds shows by then.
  timer_.Arm(now + std::min(RefreshEvery(), kRetry));
}

void SnapshotKeeper::Flush() {
  if (changed_) Write();
  timer_.Disarm();
}

void SnapshotKeeper::Refresh() {
  const xds::SnapshotFile::Totals& totals = services_.file.totals();
  const auto grown = [](uint64_t& seen, const std::atomic<uint64_t>& total) {
    const uint64_t now = total.load(std::memory_order_relaxed);
    return now - std::exchange(seen, now);
  };
  stats_.written.Add(grown(seen_written_, totals.written));
  stats_.write_failed.Add(grown(seen_failed_, totals.failed));
  stats_.bytes.Set(totals.bytes.load(std::memory_order_relaxed));
  stats_.left_out.Set(totals.left_out.load(std::memory_order_relaxed));
  stats_.serving.Set(services_.sources.Restored().size());
}

}  // namespace remora::server
