#pragma once

// ServiceLog: an access log whose records go to a service and not to a file: what a record is, and
// the sink of a worker that sends it.
//
// Owner: the configuration's Logger; immutable, all workers share it. ServiceSink: owner: the
// worker's WorkerFiles, which ends it before the worker's clusters; thread: that worker. Neither
// fails: what cannot be sent is dropped and counted by the sink.

#include <memory>
#include <string>

#include "source/access_log/sink.h"
#include "source/event/dispatcher.h"
#include "source/http/formatter/format.h"
#include "source/stats/scope.h"

namespace remora::base {
class Random;
}
namespace remora::upstream {
class ClusterSet;
}

namespace remora::access_log {

class ServiceSink : public Sink {
 public:
  virtual ~ServiceSink() = default;
  // Hands what there is to the connection, if there is one.
  virtual void Flush() = 0;
};

// What a worker lends to its sinks; the level above knows the clusters.
struct ServiceSetup {
  event::Dispatcher& dispatcher;
  upstream::ClusterSet& clusters;
  base::Random& random;
  stats::Scope& scope;  // `access_logs.grpc_access_log.`
  stats::Shard& shard;
};

class ServiceLog {
 public:
  virtual ~ServiceLog() = default;
  // Logs of one destination share a worker's sink; `Append` may differ.
  virtual const std::string& destination() const = 0;
  virtual std::unique_ptr<ServiceSink> MakeSink(const ServiceSetup& setup) const = 0;
  virtual void Append(const formatter::Exchange& exchange, std::string& out) const = 0;
};

}  // namespace remora::access_log
