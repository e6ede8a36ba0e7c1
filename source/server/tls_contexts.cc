#include "source/server/tls_contexts.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "source/base/check.h"

namespace remora::server {
namespace {

constexpr int64_t kDay = 24 * 3600 * event::kSecond;

void ShowExpiration(const std::string& name, const net::CertificateFacts& facts,
                    stats::Scope& scope, stats::Shard& shard) {
  scope.MakeGauge(shard, absl::StrCat("ssl.certificate.", name, ".expiration_unix_time_seconds"))
      .Set(static_cast<uint64_t>(std::max<int64_t>(0, facts.not_after)));
}

// Of the context that was built from `secrets`: our certificates, and the first authority of each
// store. Two of one name show the later one, as in Envoy.
void ShowExpirations(const tls::ContextSecrets& secrets, const tls::Context& context,
                     stats::Scope& scope, stats::Shard& shard) {
  for (size_t i = 0; i < secrets.certificates.size(); ++i) {
    ShowExpiration(secrets.certificates[i].name, context.certificates()[i]->facts(), scope, shard);
  }
  if (!secrets.validation.has_value() || context.check() == nullptr) return;
  const tls::Validation& validation = *secrets.validation;
  const std::vector<const tls::TrustStore*> stores = context.check()->stores();
  for (size_t i = 0; i < stores.size(); ++i) {
    if (stores[i]->facts().empty()) continue;
    ShowExpiration(
        validation.trust_domains.empty() ? validation.name : absl::StrCat("unnamed_ca_cert_", i),
        stores[i]->facts().front(), scope, shard);
  }
}

}  // namespace

SecretContext::Setup TlsContexts::MakeSetup(const tls::ContextUse& use, stats::Scope& scope,
                                            stats::Shard& shard) {
  SecretContext::Setup setup;
  setup.name = use.owner;
  setup.needs = use.source->needs();
  setup.build = [this, source = use.source, &scope, &shard](
                    const tls::ContextSecrets& secrets) -> absl::StatusOr<SecretContext::Publish> {
    absl::StatusOr<std::shared_ptr<const tls::Context>> context = source->Build(secrets, parts_);
    if (!context.ok()) return context.status();
    return SecretContext::Publish([source, context = *std::move(context), secrets, &scope, &shard] {
      source->Put(context);
      ShowExpirations(secrets, *context, scope, shard);
    });
  };
  return setup;
}

absl::Status TlsContexts::FollowOne(const tls::ContextUse& use, const std::string& who,
                                    stats::Scope& scope, FollowedContexts& into) {
  stats::Shard& shard = store_.main_shard();
  const stats::Counter updates = scope.MakeCounter(
      shard, use.source->server() ? "server_ssl_socket_factory.ssl_context_update_by_sds"
                                  : "client_ssl_socket_factory.ssl_context_update_by_sds");
  const tls::SecretNeeds& needs = use.source->needs();
  const std::shared_ptr<const tls::Context> context = use.source->Get();
  if (context != nullptr) {
    ShowExpirations({needs.certificates, needs.validation, needs.ticket_keys}, *context, scope,
                    shard);
  }
  uses_.push_back(use);
  into.uses_.push_back(std::prev(uses_.end()));
  if (!SecretContext::Changes(needs)) return absl::OkStatus();
  SecretContext::Setup setup = MakeSetup(use, scope, shard);
  setup.updates = updates;
  auto followed = secrets_.Follow(std::move(setup), who);
  if (!followed.ok()) return followed.status();
  into.secrets_.push_back(*std::move(followed));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<FollowedContexts>> TlsContexts::Follow(
    const std::vector<tls::ContextUse>& uses, const std::string& who, stats::Scope& scope) {
  if (uses.empty()) return nullptr;
  auto followed = std::make_unique<FollowedContexts>(*this);
  for (const tls::ContextUse& use : uses) {
    absl::Status status = FollowOne(use, who, scope, *followed);
    if (!status.ok()) return status;
  }
  return followed;
}

absl::Status TlsContexts::FollowStatic(const std::vector<tls::ContextUse>& uses,
                                       const config::World& world) {
  absl::Status status;
  const auto follow = [this, &status](const std::vector<tls::ContextUse>& some,
                                      const std::string& who, stats::Scope& scope) {
    auto followed = Follow(some, who, scope);
    status.Update(followed.status());
    if (followed.ok() && *followed != nullptr) static_.push_back(*std::move(followed));
  };
  if (uses.empty()) return status;
  for (const auto& listener : *world.listeners) {
    const std::string prefix =
        listener->stat_prefix.empty() ? listener->address.ToString() : listener->stat_prefix;
    stats::Scope& scope = store_.AddScope(absl::StrCat("listener.", prefix));
    for (const auto& chain : listener->AllChains()) {
      follow(chain->tls_contexts, ListenerTarget(*listener), scope);
    }
  }
  // Clusters' are known by what the translator calls their owners; the others are listeners'.
  absl::flat_hash_map<std::string, std::vector<tls::ContextUse>> by_owner;
  for (const tls::ContextUse& use : uses) by_owner[use.owner].push_back(use);
  world.clusters->ForEach([&](const upstream::Cluster& cluster) {
    const auto own = by_owner.find(absl::StrCat("cluster '", cluster.name(), "'"));
    if (own != by_owner.end()) follow(own->second, ClusterTarget(cluster.name()), cluster.scope());
  });
  return status;
}

FollowedContexts::~FollowedContexts() {
  for (const auto use : uses_) contexts_.uses_.erase(use);
}

std::vector<admin::ServedContext> TlsContexts::Served() const {
  std::vector<admin::ServedContext> all;
  for (const tls::ContextUse& use : uses_) {
    const std::shared_ptr<const tls::Context> context = use.source->Get();
    if (context == nullptr) continue;
    admin::ServedContext& served = all.emplace_back();
    if (context->check() != nullptr) {
      for (const tls::TrustStore* store : context->check()->stores()) {
        if (store->facts().empty()) continue;
        served.authorities.push_back({store->path(), store->facts().front()});
      }
    }
    for (const auto& certificate : context->certificates()) {
      served.certificates.push_back({certificate->path(), certificate->facts()});
    }
  }
  return all;
}

uint32_t TlsContexts::DaysLeft(int64_t wall_now) const {
  int64_t days = UINT32_MAX;
  const auto take = [&](const net::CertificateFacts& facts) {
    days = std::min(days, (facts.not_after * event::kSecond - wall_now) / kDay);
  };
  for (const tls::ContextUse& use : uses_) {
    const std::shared_ptr<const tls::Context> context = use.source->Get();
    if (context == nullptr) continue;
    for (const auto& certificate : context->certificates()) take(certificate->facts());
    if (context->check() == nullptr) continue;
    for (const tls::TrustStore* store : context->check()->stores()) {
      if (!store->facts().empty()) take(store->facts().front());
    }
  }
  return static_cast<uint32_t>(std::max<int64_t>(0, days));
}

}  // namespace remora::server
