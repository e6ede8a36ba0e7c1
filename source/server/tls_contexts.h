#pragma once

// TlsContexts: every TLS context of the process: those whose secrets change are followed, and all
// of them can be looked at.
//
// Owner: Server. Thread: main. The translator has built what the configuration itself holds; this
// builds the rest, out of parts that all contexts share (a thousand clusters with one CA hold one
// store of it). Follow fails when a directory cannot be watched.

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "source/admin/environment.h"
#include "source/config/world.h"
#include "source/server/secret_contexts.h"
#include "source/stats/store.h"
#include "source/tls/context_source.h"

namespace remora::server {

class TlsContexts {
 public:
  // `secrets` outlives it.
  TlsContexts(std::vector<tls::ContextUse> uses, tls::PartCache parts, SecretContexts& secrets)
      : uses_(std::move(uses)), parts_(std::move(parts)), secrets_(secrets) {}
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  // Listeners and clusters warm until the secrets of their contexts are there.
  absl::Status Follow(const config::World& world, stats::Store& store);

  // For /certs.
  std::vector<admin::ServedContext> Served() const;
  // Until the first certificate of any context expires; 0: one has, UINT32_MAX: there is none.
  uint32_t DaysLeft(int64_t wall_now) const;
  size_t shared_parts() const { return parts_.size(); }

 private:
  SecretContext::Setup MakeSetup(const tls::ContextUse& use, stats::Scope& scope,
                                 stats::Shard& shard);

  std::vector<tls::ContextUse> uses_;
  tls::PartCache parts_;
  SecretContexts& secrets_;
};

}  // namespace remora::server
