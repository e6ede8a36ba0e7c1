#pragma once

// SnapshotKeeper: when the snapshot of what sources have said is read and written.
//
//   Start: FILE --ReadSnapshot--> SourceSet, which serves it while a source does not answer
//   change --kSoonest--> SourceSet::Collect --> SnapshotFile --in its thread--> FILE
//
// Changes that come together are written once, and writing takes a small part of the time, however
// large the snapshot: the next one waits kRest times as long as the last took. While nothing
// changes it is written again every now and then, so that its age says how long the control plane
// is gone. Owner: Server, when there is a --snapshot-path. Thread: main. A file that is damaged,
// too old, or another node's is logged and counted, and the start goes on without it. Statistics:
// `config_snapshot.`.

#include <memory>
#include <string>

#include "source/config/bootstrap.h"
#include "source/event/dispatcher.h"
#include "source/stats/group.h"
#include "source/stats/store.h"
#include "source/xds/snapshot_file.h"
#include "source/xds/source_set.h"

namespace remora::server {

struct SnapshotOptions {
  static constexpr event::Duration kDefaultMaxAge = 24 * 3600 * event::kSecond;

  std::string path;                          // empty: there is none
  event::Duration max_age = kDefaultMaxAge;  // 0: any age
};

// `config_snapshot.`
struct SnapshotStats {
  stats::NamedCounter<"written"> written;            // Times that the file was written.
  stats::NamedCounter<"write_failed"> write_failed;  // And could not be.
  stats::NamedCounter<"refused"> refused;  // Files that were there at the start, not used.
  stats::NamedGauge<"bytes"> bytes;        // Of the file, as last written.
  stats::NamedGauge<"left_out"> left_out;  // Resources not in it, because of a secret.
  stats::NamedGauge<"serving"> serving;  // Sources whose resources in use are only the snapshot's.
};

class SnapshotKeeper {
 public:
  static constexpr event::Duration kSoonest = event::kSecond;
  static constexpr event::Duration kRest = 20;
  // How often it is written without a change, and again when it could not be.
  static constexpr event::Duration kRefresh = 600 * event::kSecond;
  static constexpr event::Duration kRetry = 60 * event::kSecond;

  // All outlive it.
  struct Services {
    xds::SourceSet& sources;
    xds::SnapshotFile& file;
    event::Dispatcher& dispatcher;
    stats::Store& stats;
  };
  SnapshotKeeper(const SnapshotOptions& options, const config::NodeConfig& node,
                 const Services& services);
  SnapshotKeeper(const SnapshotKeeper&) = delete;
  SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;

  // Reads the file. Nobody has subscribed yet.
  void Start();
  // Has what is not written yet written now: the process ends.
  void Flush();
  // Brings the statistics up to date.
  void Refresh();

 private:
  static void OnTimer(void* self);
  void OnTaken();
  void Write();
  event::Duration RefreshEvery() const;

  const SnapshotOptions options_;
  const std::string node_id_;
  const std::string node_cluster_;
  Services services_;
  SnapshotStats stats_;
  event::Timer timer_;
  bool changed_ = false;  // since the last Write
  event::TimePoint put_at_ = 0;
  uint64_t failed_before_ = 0;  // of the file, when it was put
  std::shared_ptr<const xds::Snapshot> last_;
  uint64_t seen_written_ = 0;  // of the file's totals: what the statistics have
  uint64_t seen_failed_ = 0;
};

}  // namespace remora::server
