#pragma once

// TlsContexts: every TLS context of the process: those whose secrets change are followed, and all
// of them can be looked at.
//
//   uses of a cluster or filter chain --Follow--> FollowedContexts: as long as its owner holds it
//
// Owner: Server. Thread: main. The translator has built what the configuration itself holds; this
// builds the rest, out of parts that all contexts share (a thousand clusters with one CA hold one
// store of it). Follow fails when a directory cannot be watched, or when what the configuration
// itself holds is wrong.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/admin/environment.h"
#include "source/config/world.h"
#include "source/server/secret_contexts.h"
#include "source/stats/store.h"
#include "source/tls/context_source.h"

namespace remora::server {

class TlsContexts;

// The contexts of one owner, followed.
class FollowedContexts {
 public:
  explicit FollowedContexts(TlsContexts& contexts) : contexts_(contexts) {}
  ~FollowedContexts();
  FollowedContexts(const FollowedContexts&) = delete;
  FollowedContexts& operator=(const FollowedContexts&) = delete;

 private:
  friend class TlsContexts;
  TlsContexts& contexts_;
  std::vector<std::list<tls::ContextUse>::iterator> uses_;
  std::vector<std::unique_ptr<SecretContext>> secrets_;
};

class TlsContexts {
 public:
  // Both outlive it, and whatever was followed does not.
  TlsContexts(tls::PartCache parts, SecretContexts& secrets, stats::Store& store)
      : parts_(std::move(parts)), secrets_(secrets), store_(store) {}
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  // Those of the bootstrap, as long as this lives: listeners and clusters warm until the secrets of
  // their contexts are there.
  absl::Status FollowStatic(const std::vector<tls::ContextUse>& uses, const config::World& world);
  // `who` warms until their secrets are there. Updates are counted in `scope`, which outlives the
  // result. Null where there is nothing to follow.
  absl::StatusOr<std::unique_ptr<FollowedContexts>> Follow(const std::vector<tls::ContextUse>& uses,
                                                           const std::string& who,
                                                           stats::Scope& scope);
  tls::PartCache& parts() { return parts_; }

  // For /certs.
  std::vector<admin::ServedContext> Served() const;
  // Until the first certificate of any context expires; 0: one has, UINT32_MAX: there is none.
  uint32_t DaysLeft(int64_t wall_now) const;
  size_t shared_parts() const { return parts_.size(); }

 private:
  friend class FollowedContexts;
  SecretContext::Setup MakeSetup(const tls::ContextUse& use, stats::Scope& scope,
                                 stats::Shard& shard);
  absl::Status FollowOne(const tls::ContextUse& use, const std::string& who, stats::Scope& scope,
                         FollowedContexts& into);

  std::list<tls::ContextUse> uses_;
  tls::PartCache parts_;
  SecretContexts& secrets_;
  stats::Store& store_;
  std::vector<std::unique_ptr<FollowedContexts>> static_;
};

}  // namespace remora::server
