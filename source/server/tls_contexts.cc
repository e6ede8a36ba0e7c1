#include "source/server/tls_contexts.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "source/base/check.h"

namespace remora::server {
namespace {

constexpr int64_t kDay = 24 * 3600 * event::kSecond;

// Who warms for a context, and where its updates are counted.
struct Owner {
  std::string target;
  stats::Scope* scope = nullptr;
};

// By what the translator calls the owners of contexts.
absl::flat_hash_map<std::string, Owner> FindOwners(const config::World& world,
                                                   stats::Store& store) {
  absl::flat_hash_map<std::string, Owner> owners;
  for (const auto& listener : *world.listeners) {
    const std::string address = listener->address.ToString();
    stats::Scope& scope = store.AddScope(
        absl::StrCat("listener.", listener->stat_prefix.empty() ? address : listener->stat_prefix));
    owners[absl::StrCat("listener '", address, "'")] = {ListenerTarget(*listener), &scope};
  }
  for (const auto& [name, cluster] : *world.clusters) {
    owners[absl::StrCat("cluster '", name, "'")] = {ClusterTarget(name), &cluster->scope()};
  }
  return owners;
}

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

absl::Status TlsContexts::Follow(const config::World& world, stats::Store& store) {
  if (uses_.empty()) return absl::OkStatus();
  const absl::flat_hash_map<std::string, Owner> owners = FindOwners(world, store);
  absl::Status status;
  for (const tls::ContextUse& use : uses_) {
    const auto owner = owners.find(use.owner);
    CHECK(owner != owners.end());
    const stats::Counter updates = owner->second.scope->MakeCounter(
        store.main_shard(), use.source->server()
                                ? "server_ssl_socket_factory.ssl_context_update_by_sds"
                                : "client_ssl_socket_factory.ssl_context_update_by_sds");
    const tls::SecretNeeds& needs = use.source->needs();
    const std::shared_ptr<const tls::Context> context = use.source->Get();
    if (context != nullptr) {
      ShowExpirations({needs.certificates, needs.validation, needs.ticket_keys}, *context,
                      *owner->second.scope, store.main_shard());
    }
    if (!SecretContext::Changes(needs)) continue;
    SecretContext::Setup setup = MakeSetup(use, *owner->second.scope, store.main_shard());
    setup.updates = updates;
    status.Update(secrets_.Add(std::move(setup), owner->second.target));
  }
  return status;
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
