#pragma once

// Factory: net::TransportFactory over TLS, for filter chains and for clusters.
//
// The factory is immutable and shared; its makers are one worker's each and hold what that worker
// needs: statistics, the sessions kept of hosts, the budget of log lines. A refused or failed
// handshake is logged at most once a second by each maker, with how many were not. Make gives null
// while the context's secrets are not there.

#include <memory>

#include "source/net/transport_factory.h"
#include "source/tls/context_source.h"

namespace remora::tls {

class Factory final : public net::TransportFactory {
 public:
  explicit Factory(std::shared_ptr<const ContextSource> source) : source_(std::move(source)) {}

  std::unique_ptr<net::TransportMaker> ForWorker(stats::Scope& scope,
                                                 stats::Shard& shard) const override;
  const std::shared_ptr<const ContextSource>& source() const { return source_; }

 private:
  std::shared_ptr<const ContextSource> source_;
};

}  // namespace remora::tls
