#pragma once

// WorkerFiles: one worker's side of the log files: a buffer each, handed to the log thread when it
// is full or old; and its sinks of services.
//
//   Logger --Begin, append, End--> FileSink's buffer --64 KiB, or 10 s--> LogFile's queue
//                             \--> ServiceSink
//
// Owner: the worker; it ends before the LogWriter, after the worker's connections. Thread: the
// worker's. A record costs no lock, no system call and, once warm, no allocation.
// Names of the statistics are Envoy's (`filesystem.`).

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/access_log/log_writer.h"
#include "source/access_log/service.h"
#include "source/access_log/sink.h"
#include "source/event/dispatcher.h"
#include "source/stats/group.h"

namespace remora::access_log {

// `filesystem.`
struct FileStats {
  stats::NamedCounter<"write_buffered"> write_buffered;      // Records put into a buffer.
  stats::NamedCounter<"write_completed"> write_completed;    // Writes to a file that succeeded.
  stats::NamedCounter<"write_failed"> write_failed;          // Writes that failed.
  stats::NamedCounter<"flushed_by_timer"> flushed_by_timer;  // Buffers handed over by age.
  stats::NamedCounter<"reopen_failed"> reopen_failed;        // Files that could not be reopened.
  stats::NamedCounter<"write_dropped"> write_dropped;        // Records lost; Remora's own.
  stats::NamedGauge<"write_total_buffered"> write_total_buffered;  // Bytes not written yet.
};

class WorkerFiles {
 public:
  WorkerFiles(LogWriter& writer, event::Dispatcher& dispatcher, const FileStats& stats);
  ~WorkerFiles() { Flush(); }
  WorkerFiles(const WorkerFiles&) = delete;
  WorkerFiles& operator=(const WorkerFiles&) = delete;

  // The worker's sink for a file that the writer has opened. It lives as long as this.
  Sink& Find(std::string_view path);
  // Of a service; EnableServices was called. It lives until EndServices.
  Sink& Find(const std::shared_ptr<const ServiceLog>& log);
  // `setup` refers to what lives until EndServices.
  void EnableServices(const ServiceSetup& setup) { services_.emplace(setup); }
  // Hands what there is to their connections, which send it with the turn.
  void FlushServices();
  void EndServices() { service_sinks_.clear(); }
  // Hands over what there is.
  void Flush();

 private:
  class FileSink final : public Sink {
   public:
    FileSink(WorkerFiles& owner, LogFile& file) : owner_(owner), file_(file) {}
    std::string& Begin() override;
    void End() override;
    void HandOver();
    const LogFile& file() const { return file_; }
    bool empty() const { return chunk_.records == 0; }

   private:
    WorkerFiles& owner_;
    LogFile& file_;
    LogChunk chunk_;
    size_t begin_ = 0;
  };

  static void OnTimer(void* self);

  LogWriter& writer_;
  event::Dispatcher& dispatcher_;
  FileStats stats_;
  std::vector<std::unique_ptr<FileSink>> sinks_;
  struct ServiceEntry {
    std::shared_ptr<const ServiceLog> log;  // what the sink was made of
    std::unique_ptr<ServiceSink> sink;
  };
  std::optional<ServiceSetup> services_;
  std::vector<ServiceEntry> service_sinks_;
  event::Timer timer_;
};

}  // namespace remora::access_log
