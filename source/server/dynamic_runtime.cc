#include "source/server/dynamic_runtime.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::server {

using config::RuntimeLayerConfig;

DynamicRuntime::DynamicRuntime(const Services& services,
                               const std::vector<RuntimeLayerConfig>& layers, Put put)
    : services_(services), put_(std::move(put)) {
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].kind != RuntimeLayerConfig::Kind::kRtds) continue;
    subscriptions_.push_back(std::make_unique<RuntimeSubscription>(*this, i, layers[i]));
  }
}

DynamicRuntime::~DynamicRuntime() = default;

void DynamicRuntime::Start() {
  for (const auto& subscription : subscriptions_) subscription->Start();
}

// All layers count in the same place, as in Envoy.
RuntimeSubscription::RuntimeSubscription(const DynamicRuntime& runtime, size_t layer,
                                         const RuntimeLayerConfig& config)
    : runtime_(runtime),
      layer_(layer),
      target_(absl::StrCat("target RTDS ", config.resource)),
      resource_(config.resource, xds::ResourceType::kRuntime, runtime.services_.journal,
                runtime.services_.dispatcher),
      subscription_(runtime.services_.sources.Subscribe(config.source, xds::ResourceType::kRuntime,
                                                        false, "runtime.", *this)) {}

void RuntimeSubscription::Start() {
  runtime_.services_.warmer.Wait(kRuntimeTarget, target_);
  subscription_->SetNames({resource_.name()});
  subscription_->Start();
}

absl::Status RuntimeSubscription::Take(std::string_view message) const {
  absl::StatusOr<runtime::Snapshot::Values> values =
      runtime_.services_.translator.RuntimeValues(message);
  if (!values.ok()) return values.status();
  runtime_.put_(layer_, *std::move(values));
  return absl::OkStatus();
}

std::vector<xds::ResourceError> RuntimeSubscription::OnUpdate(const xds::ResourceUpdate& update) {
  if (resource_.Withdraw(update)) runtime_.put_(layer_, {});
  std::vector<xds::ResourceError> errors =
      resource_.Offer(update, [this](std::string_view message) { return Take(message); });
  // Also what was refused: as in Envoy nobody waits for a better one.
  Settle();
  return errors;
}

void RuntimeSubscription::OnFetchTimeout(absl::Span<const std::string>) { Settle(); }

void RuntimeSubscription::Settle() const {
  runtime_.services_.warmer.Arrived(kRuntimeTarget, target_);
}

}  // namespace remora::server
