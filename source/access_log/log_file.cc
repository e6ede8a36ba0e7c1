#include "source/access_log/log_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::access_log {
namespace {

void Count(std::atomic<uint64_t>& total, uint64_t n = 1) {
  total.fetch_add(n, std::memory_order_relaxed);
}

// The descriptor that a standard stream's name stands for, or -1.
int StandardStream(const std::string& path) {
  if (path == "/dev/stdout") return STDOUT_FILENO;
  if (path == "/dev/stderr") return STDERR_FILENO;
  return -1;
}

constexpr size_t kMaxSpare = 64;

}  // namespace

LogFile::LogFile(std::string path, size_t max_queued, LogTotals& totals)
    : path_(std::move(path)), max_queued_(max_queued), totals_(totals) {}

LogFile::~LogFile() { CloseDescriptor(); }

void LogFile::CloseDescriptor() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

absl::Status LogFile::Open() {
  // Not blocking even for a FIFO: its open would wait for a reader, its write for one that reads.
  int fd = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0644);
  const int error = errno;
  bool is_socket = false;
  if (fd < 0 && error == ENXIO) {
    // A socket cannot be opened by its name in /dev.
    if (const int stream = StandardStream(path_); stream >= 0) {
      fd = fcntl(stream, F_DUPFD_CLOEXEC, 0);
      is_socket = fd >= 0;
    } else {
      CloseDescriptor();
      return absl::OkStatus();  // a FIFO without a reader
    }
  }
  if (fd < 0) {
    return absl::UnavailableError(
        absl::StrCat("unable to open file '", path_, "': ", std::strerror(error)));
  }
  CloseDescriptor();
  fd_ = fd;
  is_socket_ = is_socket;
  in_line_ = false;
  return absl::OkStatus();
}

void LogFile::Reopen() {
  // With the old file still open nothing is lost when this fails.
  if (!Open().ok()) Count(totals_.reopens_failed);
}

void LogFile::HandOver(LogChunk& chunk) {
  const size_t size = chunk.text.size();
  {
    const std::lock_guard lock(mutex_);
    if (queued_ + size <= max_queued_) {
      queued_ += size;
      queue_.push_back({std::move(chunk.text), std::exchange(chunk.records, 0)});
      chunk.text.clear();
      if (!spare_.empty()) {
        chunk.text.swap(spare_.back());
        spare_.pop_back();
      }
      return;
    }
  }
  Count(totals_.records_dropped, chunk.records);
  Count(totals_.bytes_gone, size);
  chunk.text.clear();
  chunk.records = 0;
}

LogFile::Outcome LogFile::WriteSome(const std::string& text, size_t& offset) {
  while (offset < text.size()) {
    const char* from = text.data() + offset;
    const size_t size = text.size() - offset;
    const ssize_t n =
        is_socket_ ? send(fd_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL) : write(fd_, from, size);
    if (n >= 0) {
      offset += static_cast<size_t>(n);
      if (n > 0) in_line_ = text[offset - 1] != '\n';
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Outcome::kLater;
    return Outcome::kFailed;
  }
  return Outcome::kDone;
}

// How many of the chunk's records were not written whole.
void LogFile::Drop(const LogChunk& chunk, size_t written) {
  uint64_t done = 0;
  for (size_t i = 0; i < written; ++i) done += chunk.text[i] == '\n';
  Count(totals_.records_dropped, done < chunk.records ? chunk.records - done : 0);
}

bool LogFile::Write() {
  if (at_ == writing_.size()) {
    writing_.clear();
    at_ = offset_ = 0;
    const std::lock_guard lock(mutex_);
    writing_.swap(queue_);
  }
  size_t gone = 0;
  bool later = false;
  while (at_ < writing_.size() && !later) {
    LogChunk& chunk = writing_[at_];
    // A FIFO that had no reader, or lost it.
    later = fd_ < 0 && (!Open().ok() || fd_ < 0);
    if (!later && in_line_ && offset_ == 0) {
      // The rest of a line was lost: it must not swallow the next one.
      size_t at = 0;
      later = WriteSome("\n", at) == Outcome::kLater;
    }
    if (later) break;
    switch (WriteSome(chunk.text, offset_)) {
      case Outcome::kLater:
        later = true;
        continue;
      case Outcome::kDone:
        Count(totals_.writes_completed);
        break;
      case Outcome::kFailed:
        Count(totals_.writes_failed);
        Drop(chunk, offset_);
        if (errno == EPIPE) CloseDescriptor();
        break;
    }
    gone += chunk.text.size();
    offset_ = 0;
    ++at_;
  }
  Count(totals_.bytes_gone, gone);
  const std::lock_guard lock(mutex_);
  queued_ -= gone;
  for (size_t i = 0; i < at_ && spare_.size() < kMaxSpare; ++i) {
    std::string& text = writing_[i].text;
    if (text.capacity() < 1024) continue;
    text.clear();
    spare_.push_back(std::move(text));
    text = std::string();
  }
  return later || !queue_.empty();
}

}  // namespace remora::access_log
