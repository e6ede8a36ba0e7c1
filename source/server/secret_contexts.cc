#include "source/server/secret_contexts.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::server {
namespace {

// As Envoy's /init_dump names it.
std::string TargetName(const std::string& secret) {
  return absl::StrCat("shared target SdsApi ", secret);
}

}  // namespace

std::string ListenerTarget(const config::ListenerConfig& listener) {
  return absl::StrCat(kListenerTarget,
                      listener.name.empty() ? listener.address.ToString() : listener.name);
}

std::string ClusterTarget(const std::string& name) { return absl::StrCat(kClusterTarget, name); }

absl::StatusOr<std::unique_ptr<SecretContext>> SecretContexts::Follow(SecretContext::Setup setup,
                                                                      const std::string& who) {
  const tls::SecretNeeds& needs = setup.needs;
  for (const tls::SecretSource& source : needs.certificate_sources) {
    warmer_.Wait(who, TargetName(source.name));
  }
  for (const auto* source : {&needs.validation_source, &needs.ticket_keys_source}) {
    if (source->has_value()) warmer_.Wait(who, TargetName((*source)->name));
  }
  setup.on_settled = [this, who](const std::string& secret) {
    warmer_.Arrived(who, TargetName(secret));
  };
  auto context = std::make_unique<SecretContext>(std::move(setup), provider_, files_);
  absl::Status status = context->Start();
  if (!status.ok()) return status;
  return context;
}

std::vector<config::ShownSecret> SecretContexts::Shown() const {
  std::vector<config::ShownSecret> shown;
  for (const xds::SecretSubscription* secret : provider_.subscriptions()) {
    shown.push_back(
        {secret->source().name, secret->version(), secret->updated_at(), secret->shown()});
  }
  return shown;
}

}  // namespace remora::server
