#pragma once

// LogFiles: the access logs' files of the process: opened on main before anybody writes to them,
// and their statistics, `filesystem.`.
//
// Owner: Server. Thread: main. The log thread counts in cells of its own; Refresh brings the
// statistics up to date. Open fails when a file cannot be opened.

#include <atomic>

#include "absl/status/status.h"
#include "source/access_log/log_file.h"
#include "source/access_log/log_writer.h"
#include "source/config/listener.h"

namespace remora::server {

class LogFiles {
 public:
  // `writer` outlives it.
  LogFiles(access_log::LogWriter& writer, const access_log::FileStats& stats)
      : writer_(writer), stats_(stats) {}
  LogFiles(const LogFiles&) = delete;
  LogFiles& operator=(const LogFiles&) = delete;

  absl::Status Open(const access_log::LoggerList& loggers);
  // All that the listener, its filter chains and their filters log to.
  absl::Status Open(const config::ListenerConfig& listener);
  absl::Status Open(const http::FilterFactory& filter);
  void Refresh();

 private:
  absl::Status OpenFilters(const std::vector<http::FilterFactory>& filters);

  access_log::LogWriter& writer_;
  access_log::FileStats stats_;
  uint64_t seen_[5] = {};  // of the writer's totals: what the statistics have
};

}  // namespace remora::server
