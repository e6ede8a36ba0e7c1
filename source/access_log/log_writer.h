#pragma once

// LogWriter: the log thread and the files that it writes.
//
// Owner: Server; it outlives the workers. Open, Start, Stop and Reopen: main's thread. Notify: any.
// A slow or full disk stops this thread alone: workers hand over and go on (log_file.h). Stop
// writes what is queued, but does not wait for a FIFO that nobody reads.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "source/access_log/log_file.h"
#include "source/event/clock.h"

namespace remora::access_log {

struct LogOptions {
  // Envoy's --file-flush-interval-msec and --file-flush-min-size-kb. A worker hands over what it
  // has when it is this much or this old.
  event::Duration flush_interval = 10 * event::kSecond;
  size_t flush_bytes = 64 * 1024;
  // What may wait in front of one file.
  size_t max_queued_bytes = 16 * 1024 * 1024;
};

class LogWriter {
 public:
  explicit LogWriter(const LogOptions& options) : options_(options) {}
  ~LogWriter() { Stop(); }
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  const LogOptions& options() const { return options_; }
  const LogTotals& totals() const { return totals_; }

  // The file of that name, opened when it is the first call for it. It lives as long as the writer.
  // Main thread, also while it writes: listeners come later that log to others.
  absl::StatusOr<LogFile*> Open(std::string_view path);
  // The file of that name when it was opened, or null. Any thread.
  LogFile* Find(std::string_view path) const;

  void Start();
  void Stop();
  // Opens all files anew under their names (SIGUSR1), in the log thread.
  void Reopen();
  // There is something to write.
  void Notify();

 private:
  void Run();

  const LogOptions options_;
  LogTotals totals_;
  mutable std::mutex files_mutex_;  // the list, not the files
  std::vector<std::unique_ptr<LogFile>> files_;
  bool started_ = false;
  std::mutex mutex_;  // the three below
  bool work_ = false;
  bool reopen_ = false;
  bool stop_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace remora::access_log
