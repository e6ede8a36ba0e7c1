#pragma once

// Logger: one access log of a configuration: which exchanges, what is written of them, where to.
// WorkerLoggers: a list of them on one worker, with that worker's sinks.
//
// Logger is an immutable value made by a translator; any thread. WorkerLoggers: owner: whoever logs
// (a connection manager's WorkerConfig, a listener); thread: its worker. Logging does not fail.
// Source: envoy.config.accesslog.v3.AccessLog.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/access_log/filter.h"
#include "source/access_log/service.h"
#include "source/access_log/worker_files.h"
#include "source/http/formatter/template.h"

namespace remora::access_log {

struct Logger {
  std::string path;  // a file, /dev/stdout or /dev/stderr; empty with a service
  formatter::Template text;
  std::optional<Filter> filter;
  std::shared_ptr<const ServiceLog> service = nullptr;  // in place of path and text
};
using LoggerList = std::vector<std::shared_ptr<const Logger>>;

class WorkerLoggers {
 public:
  WorkerLoggers() = default;
  WorkerLoggers(const LoggerList& loggers, WorkerFiles& files);

  bool empty() const { return loggers_.empty(); }
  void Log(const formatter::Exchange& exchange, const Surroundings& around) const;

 private:
  struct Bound {
    std::shared_ptr<const Logger> logger;
    Sink* sink;
  };
  std::vector<Bound> loggers_;
};

// Envoy's format where a configuration gives none.
extern const char kDefaultFormat[];

}  // namespace remora::access_log
