#pragma once

// SnapshotFile: the snapshot on disk.
//
//   main: Put --> its own thread: Write: without secrets --> FILE.tmp, fsync, rename, fsync of the
//   folder
//
// Owner: Server. The thread starts with the first Put, and ends with this, when what was put last
// is written: syncing takes its time, which neither main nor the logs wait for. The latest Put wins
// over one that was not written yet. What fails is logged, at once and then every kLogEvery, and
// counted; the file before stays. A resource that holds a key or a password is left out, by name in
// the log: the file has none of them whatever a control plane sends. Mode 0600.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/event/clock.h"
#include "source/xds/snapshot.h"

namespace remora::xds {

// Whose snapshot may be used, and until when.
struct SnapshotRules {
  std::string node_id;
  std::string node_cluster;
  int64_t now = 0;              // ns since the epoch
  event::Duration max_age = 0;  // of each part; 0: any
};

// The file of that name, without parts that are too old. An error says why there is nothing of use.
absl::StatusOr<Snapshot> ReadSnapshot(const std::string& path, const SnapshotRules& rules);

class SnapshotFile {
 public:
  static constexpr event::Duration kLogEvery = 60 * event::kSecond;
  // Larger ones are neither written nor read.
  static constexpr uint64_t kMaxSize = 256 * 1024 * 1024;

  // What has been done so far; written by the writing thread, read by main.
  struct Totals {
    std::atomic<uint64_t> written = 0;
    std::atomic<uint64_t> failed = 0;
    std::atomic<uint64_t> left_out = 0;  // resources, of the last one
    std::atomic<uint64_t> bytes = 0;     // of the last one
    std::atomic<int64_t> took = 0;       // the last time; ns
  };

  // `clock` outlives it.
  SnapshotFile(std::string path, event::Clock& clock) : path_(std::move(path)), clock_(clock) {}
  ~SnapshotFile();
  SnapshotFile(const SnapshotFile&) = delete;
  SnapshotFile& operator=(const SnapshotFile&) = delete;

  const std::string& path() const { return path_; }
  const Totals& totals() const { return totals_; }

  // Main.
  void Put(std::shared_ptr<const Snapshot> snapshot);
  // At once, in the caller's thread; not beside Put.
  void Write(const Snapshot& snapshot);

 private:
  using Bytes = std::shared_ptr<const std::string>;

  void Run();
  Snapshot WithoutSecrets(const Snapshot& snapshot);
  absl::Status Store(std::string_view bytes) const;
  void Fail(const absl::Status& status);

  const std::string path_;
  event::Clock& clock_;
  Totals totals_;
  std::mutex mutex_;  // the two below
  std::shared_ptr<const Snapshot> next_;
  bool stop_ = false;
  std::condition_variable wake_;
  std::thread thread_;
  // Of the writing thread.
  absl::flat_hash_map<Bytes, bool> has_secret_;  // of what the last one held
  bool failing_ = false;
  event::TimePoint logged_at_ = 0;
};

}  // namespace remora::xds
