#pragma once

// LogFile: one file (or stream) that log records are written to, and the queue in front of it.
//
//   workers --HandOver(chunk)--> [ queue, bounded ] --log thread: Write--> descriptor
//
// Owner: LogWriter. HandOver: any thread; it holds a lock for as long as it takes to move a string,
// and no thread holds that lock while it does I/O. Everything else: the log thread, but Open before
// that runs. The descriptor never blocks (but for a disk that hangs): a FIFO or pipe that nobody
// reads leaves the queue to fill, and what does not fit is dropped and counted. A write that fails
// drops its chunk and is counted; the next record begins a line of its own.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace remora::access_log {

// What happened since the start, over all files. Read by main.
struct LogTotals {
  std::atomic<uint64_t> writes_completed{0};
  std::atomic<uint64_t> writes_failed{0};
  std::atomic<uint64_t> reopens_failed{0};
  std::atomic<uint64_t> records_dropped{0};
  std::atomic<uint64_t> bytes_gone{0};  // written or dropped
};

struct LogChunk {
  std::string text;
  uint64_t records = 0;
};

class LogFile {
 public:
  LogFile(std::string path, size_t max_queued, LogTotals& totals);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  const std::string& path() const { return path_; }
  // Of a FIFO without a reader: not an error, tried again before each write.
  absl::Status Open();

  // Takes the chunk's text and gives an empty one with memory back. Without room in the queue the
  // records are dropped.
  void HandOver(LogChunk& chunk);

  // Writes what is queued, as far as the descriptor takes it. True when something is left.
  bool Write();
  // The name may stand for another file now. What is queued goes to that one.
  void Reopen();

 private:
  enum class Outcome : uint8_t { kDone, kLater, kFailed };
  Outcome WriteSome(const std::string& text, size_t& offset);
  void Drop(const LogChunk& chunk, size_t written);
  void CloseDescriptor();

  const std::string path_;
  const size_t max_queued_;
  LogTotals& totals_;

  std::mutex mutex_;  // the three below
  std::vector<LogChunk> queue_;
  std::vector<std::string> spare_;
  size_t queued_ = 0;  // bytes, with those in writing_

  // The log thread's.
  int fd_ = -1;
  bool is_socket_ = false;
  bool in_line_ = false;  // what was written last does not end a line
  std::vector<LogChunk> writing_;
  size_t at_ = 0;      // in writing_
  size_t offset_ = 0;  // in writing_[at_]
};

}  // namespace remora::access_log
