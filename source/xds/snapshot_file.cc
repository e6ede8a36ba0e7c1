#include "source/xds/snapshot_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "source/base/log.h"
#include "source/config/read_file.h"
#include "source/config/text.h"
#include "source/xds/secret_scan.h"

namespace remora::xds {

using config::Concat;

namespace {

constexpr mode_t kOwnerOnly = 0600;

// A descriptor that is closed when it goes.
class Descriptor final {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

absl::Status Failure(std::string_view what, const std::string& path) {
  return absl::UnavailableError(Concat("cannot ", what, " ", path, ": ", strerror(errno)));
}

absl::Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return Failure("write", path);
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
  return absl::OkStatus();
}

absl::Status WriteNew(const std::string& path, std::string_view bytes) {
  // Whatever a process has left there that ended in the middle; a link is not followed.
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return Failure("remove", path);
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
  if (file.fd() < 0) return Failure("open", path);
  absl::Status status = WriteAll(file.fd(), bytes, path);
  if (status.ok() && fsync(file.fd()) != 0) status = Failure("sync", path);
  return status;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string Days(event::Duration age) {
  return Concat(age / (3600 * event::kSecond), " h ", age / (60 * event::kSecond) % 60, " min");
}

}  // namespace

absl::StatusOr<Snapshot> ReadSnapshot(const std::string& path, const SnapshotRules& rules) {
  absl::StatusOr<std::string> bytes = config::ReadFile(path, SnapshotFile::kMaxSize);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Snapshot> snapshot = DecodeSnapshot(*bytes);
  if (!snapshot.ok()) {
    return absl::Status(snapshot.status().code(),
                        Concat("file ", path, ": ", std::string(snapshot.status().message())));
  }
  if (snapshot->node_id != rules.node_id || snapshot->node_cluster != rules.node_cluster) {
    return absl::FailedPreconditionError(Concat(
        "file ", path, ": it is of node '", snapshot->node_id, "' of cluster '",
        snapshot->node_cluster, "', not of '", rules.node_id, "' of '", rules.node_cluster, "'"));
  }
  if (rules.max_age == 0 || snapshot->parts.empty()) return snapshot;
  int64_t newest = snapshot->parts.front().at;
  for (const SnapshotPart& part : snapshot->parts) newest = std::max(newest, part.at);
  std::erase_if(snapshot->parts,
                [&rules](const SnapshotPart& part) { return part.at < rules.now - rules.max_age; });
  if (!snapshot->parts.empty()) return snapshot;
  return absl::FailedPreconditionError(
      Concat("file ", path, ": it is too old: ", Days(rules.now - newest)));
}

void SnapshotFile::Put(std::shared_ptr<const Snapshot> snapshot) {
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(snapshot);
  }
  wake_.notify_one();
  if (thread_.joinable()) return;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "snapshot");
    Run();
  });
}

SnapshotFile::~SnapshotFile() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void SnapshotFile::Run() {
  for (;;) {
    std::shared_ptr<const Snapshot> snapshot;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return next_ != nullptr || stop_; });
      snapshot = std::exchange(next_, nullptr);
    }
    if (snapshot == nullptr) return;
    Write(*snapshot);
  }
}

void SnapshotFile::Write(const Snapshot& snapshot) {
  const event::TimePoint began = clock_.Now();
  const std::string bytes = EncodeSnapshot(WithoutSecrets(snapshot));
  const absl::Status status = Store(bytes);
  totals_.took.store(clock_.Now() - began, std::memory_order_relaxed);
  if (!status.ok()) return Fail(status);
  if (std::exchange(failing_, false)) {
    REMORA_LOG(kConfig, kInfo, "the snapshot ", path_, " is written again");
  }
  totals_.bytes.store(bytes.size(), std::memory_order_relaxed);
  totals_.written.fetch_add(1, std::memory_order_relaxed);
}

Snapshot SnapshotFile::WithoutSecrets(const Snapshot& snapshot) {
  Snapshot clean = {snapshot.node_id, snapshot.node_cluster, {}};
  absl::flat_hash_map<Bytes, bool> known;
  uint64_t left_out = 0;
  for (const SnapshotPart& part : snapshot.parts) {
    SnapshotPart& kept =
        clean.parts.emplace_back(SnapshotPart{part.source, part.type, part.version, part.at, {}});
    for (const SnapshotResource& resource : part.resources) {
      const auto before = has_secret_.find(resource.bytes);
      bool secret = before != has_secret_.end() && before->second;
      if (before == has_secret_.end()) {
        const std::string place = FindSecret(TypeUrl(part.type), *resource.bytes);
        secret = !place.empty();
        if (secret) {
          REMORA_LOG(kConfig, kWarning, std::string(TypeName(part.type)), " ", resource.name,
                     " is left out of the snapshot, because of a secret in it: ", place);
        }
      }
      known[resource.bytes] = secret;
      if (secret) {
        ++left_out;
      } else {
        kept.resources.push_back(resource);
      }
    }
  }
  has_secret_ = std::move(known);
  totals_.left_out.store(left_out, std::memory_order_relaxed);
  return clean;
}

absl::Status SnapshotFile::Store(std::string_view bytes) const {
  if (bytes.size() > kMaxSize) {
    return absl::ResourceExhaustedError(
        Concat(path_, " would have ", bytes.size(), " bytes; maximum is ", kMaxSize));
  }
  const std::string temporary = Concat(path_, ".tmp");
  absl::Status status = WriteNew(temporary, bytes);
  if (status.ok() && rename(temporary.c_str(), path_.c_str()) != 0) {
    status = Failure("rename to", path_);
  }
  if (!status.ok()) {
    // It may not be there, and the reason is told either way.
    unlink(temporary.c_str());
    return status;
  }
  const std::string folder = FolderOf(path_);
  const Descriptor directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd() < 0 || fsync(directory.fd()) != 0) return Failure("sync", folder);
  return absl::OkStatus();
}

void SnapshotFile::Fail(const absl::Status& status) {
  totals_.failed.fetch_add(1, std::memory_order_relaxed);
  const event::TimePoint now = clock_.Now();
  if (std::exchange(failing_, true) && now - logged_at_ < kLogEvery) return;
  logged_at_ = now;
  REMORA_LOG(kConfig, kError, "the snapshot is not written: ", std::string(status.message()));
}

}  // namespace remora::xds
