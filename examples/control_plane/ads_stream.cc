#include "examples/control_plane/ads_stream.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/rpc/status.pb.h"
#include "source/config/text.h"

namespace remora::control_plane {
namespace {

namespace discovery = envoy::service::discovery::v3;
using config::Concat;

constexpr char kIdentifier[] = "remora-control-plane";
constexpr char kWildcard[] = "*";

// Who names none of these wants all of them, and of the state of the world they are sent whole:
// what is missing is removed.
bool IsSentWhole(ResourceType type) {
  return type == ResourceType::kClusters || type == ResourceType::kListeners;
}

std::string VersionOfAll(const Resources& resources) {
  std::string all;
  for (const auto& [name, resource] : resources) all += Concat(name, "\n", resource.version, "\n");
  return VersionOf(all);
}

}  // namespace

absl::Status AdsStream::Receive(std::string_view bytes) {
  return flavour_ == Flavour::kDelta ? ReceiveDelta(bytes) : ReceiveState(bytes);
}

absl::Status AdsStream::ReceiveState(std::string_view bytes) {
  discovery::DiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a DiscoveryRequest");
  }
  if (request.has_node()) TakeNode(request.node());
  const std::optional<ResourceType> type = FindType(request.type_url());
  if (!type.has_value()) return absl::OkStatus();
  Subscription& subscription = of(*type);
  // About an older response: what it says now will come again with the answer to the newest.
  if (!subscription.nonce.empty() && request.response_nonce() != subscription.nonce) {
    return absl::OkStatus();
  }
  subscription.asked = true;
  std::set<std::string, std::less<>> names(request.resource_names().begin(),
                                           request.resource_names().end());
  if (subscription.waiting) {
    TakeAnswer(*type, request.has_error_detail() ? &request.error_detail() : nullptr);
  } else if (!subscription.nonce.empty() && names == subscription.names) {
    // Asked again for the same: it has lost them (a cluster that was replaced).
    subscription.sent.clear();
  }
  subscription.named = subscription.named || !names.empty();
  subscription.wildcard = names.contains(kWildcard) || (!subscription.named && IsSentWhole(*type));
  subscription.names = std::move(names);
  std::erase_if(subscription.sent,
                [&](const auto& item) { return !subscription.Wants(item.first); });
  return absl::OkStatus();
}

absl::Status AdsStream::ReceiveDelta(std::string_view bytes) {
  discovery::DeltaDiscoveryRequest request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("not a DeltaDiscoveryRequest");
  }
  if (request.has_node()) TakeNode(request.node());
  const std::optional<ResourceType> type = FindType(request.type_url());
  if (!type.has_value()) return absl::OkStatus();
  Subscription& subscription = of(*type);
  if (!std::exchange(subscription.asked, true)) {
    subscription.wildcard = request.resource_names_subscribe().empty() && IsSentWhole(*type);
    for (const auto& [name, version] : request.initial_resource_versions()) {
      subscription.sent[name] = {version, nullptr};
    }
  } else {
    // What is asked for again is sent again.
    for (const std::string& name : request.resource_names_subscribe()) {
      subscription.sent.erase(name);
    }
  }
  if (subscription.waiting && request.response_nonce() == subscription.nonce) {
    TakeAnswer(*type, request.has_error_detail() ? &request.error_detail() : nullptr);
  }
  for (const std::string& name : request.resource_names_subscribe()) {
    if (name == kWildcard) subscription.wildcard = true;
    subscription.names.insert(name);
  }
  for (const std::string& name : request.resource_names_unsubscribe()) {
    if (name == kWildcard) subscription.wildcard = false;
    subscription.names.erase(name);
    subscription.sent.erase(name);
  }
  return absl::OkStatus();
}

std::optional<ResourceType> AdsStream::FindType(const std::string& url) {
  for (const ResourceType type : kResourceTypes) {
    if (TypeUrl(type) == url) return type;
  }
  warnings_.push_back(
      Concat("node \"", node_id_, "\" asks for ", url, ", of which there is nothing here"));
  return std::nullopt;
}

void AdsStream::TakeNode(const envoy::config::core::v3::Node& node) {
  node_id_ = node.id();
  node_cluster_ = node.cluster();
}

void AdsStream::TakeAnswer(ResourceType type, const google::rpc::Status* error) {
  Subscription& subscription = of(type);
  v1::SubscriptionState& state = subscription.state;
  subscription.waiting = false;
  subscription.refused = error != nullptr;
  if (error == nullptr) {
    state.set_accepted(state.accepted() + 1);
    state.set_accepted_version(state.sent_version());
    state.clear_refused_version();
    state.clear_refused_because();
    return;
  }
  state.set_refused(state.refused() + 1);
  state.set_refused_version(state.sent_version());
  state.set_refused_because(error->message());
  warnings_.push_back(Concat("node \"", node_id_, "\" refuses ", TypeName(type), " ",
                             state.sent_version(), ": ", error->message()));
}

std::optional<std::string> AdsStream::Next(const Snapshot& snapshot) {
  for (const ResourceType type : kResourceTypes) {
    const Subscription& subscription = of(type);
    if (!subscription.asked || subscription.waiting) continue;
    if (type == ResourceType::kRoutes && RoutesWait(snapshot)) continue;
    const Changes changes = Compare(type, snapshot);
    // Who asks for everything is told also that there is nothing.
    const bool first = subscription.nonce.empty() && subscription.wildcard;
    if (changes.empty() && !first) continue;
    return flavour_ == Flavour::kDelta ? DeltaResponse(type, changes)
                                       : StateResponse(type, changes);
  }
  return std::nullopt;
}

AdsStream::Changes AdsStream::Compare(ResourceType type, const Snapshot& snapshot) const {
  const Subscription& subscription = of(type);
  Changes changes;
  for (const auto& [name, resource] : snapshot.of(type)) {
    if (subscription.Wants(name)) changes.wanted.emplace(name, resource);
  }
  if (type == ResourceType::kClusters && !RoutesAccepted(snapshot)) {
    for (const auto& [name, resource] : subscription.sent) {
      if (!resource.version.empty()) changes.wanted.emplace(name, resource);
    }
  }
  for (const auto& [name, resource] : changes.wanted) {
    const auto sent = subscription.sent.find(name);
    if (sent == subscription.sent.end() || sent->second.version != resource.version) {
      changes.changed.emplace(name, resource);
    }
  }
  for (const auto& [name, resource] : subscription.sent) {
    if (!resource.version.empty() && !changes.wanted.contains(name)) {
      changes.removed.push_back(name);
    }
  }
  if (flavour_ == Flavour::kStateOfTheWorld) {
    // What is not there any more is said only by being missing.
    if (!IsSentWhole(type)) changes.removed.clear();
  } else {
    for (const std::string& name : subscription.names) {
      if (name == kWildcard || subscription.sent.contains(name)) continue;
      if (!changes.wanted.contains(name)) changes.removed.push_back(name);
    }
  }
  if (subscription.refused && !changes.empty()) {
    for (const std::string& name : subscription.latest) {
      const auto again = changes.wanted.find(name);
      if (again != changes.wanted.end()) changes.changed.insert(*again);
    }
  }
  return changes;
}

bool AdsStream::RoutesWait(const Snapshot& snapshot) const {
  const Subscription& clusters = of(ResourceType::kClusters);
  const Subscription& endpoints = of(ResourceType::kEndpoints);
  if (clusters.waiting || endpoints.waiting) return true;
  // What it has refused it will not ask endpoints for.
  if (!endpoints.asked || clusters.refused) return false;
  for (const std::string& name : clusters.latest) {
    if (snapshot.of(ResourceType::kClusters).contains(name) && !endpoints.Wants(name)) return true;
  }
  return false;
}

bool AdsStream::RoutesAccepted(const Snapshot& snapshot) const {
  const Subscription& routes = of(ResourceType::kRoutes);
  if (!routes.asked) return true;
  return !routes.waiting && !routes.refused && Compare(ResourceType::kRoutes, snapshot).empty();
}

std::string AdsStream::StateResponse(ResourceType type, const Changes& changes) {
  discovery::DiscoveryResponse response;
  const Resources& content = IsSentWhole(type) ? changes.wanted : changes.changed;
  for (const auto& [name, resource] : content) {
    auto& any = *response.add_resources();
    any.set_type_url(std::string(TypeUrl(type)));
    any.set_value(*resource.bytes);
  }
  of(type).state.set_sent_version(VersionOfAll(changes.wanted));
  response.set_version_info(of(type).state.sent_version());
  Seal(type, changes.wanted, content, response);
  return response.SerializeAsString();
}

std::string AdsStream::DeltaResponse(ResourceType type, const Changes& changes) {
  discovery::DeltaDiscoveryResponse response;
  for (const auto& [name, resource] : changes.changed) {
    auto& entry = *response.add_resources();
    entry.set_name(name);
    entry.set_version(resource.version);
    entry.mutable_resource()->set_type_url(std::string(TypeUrl(type)));
    entry.mutable_resource()->set_value(*resource.bytes);
  }
  Resources told = changes.wanted;
  for (const std::string& name : changes.removed) response.add_removed_resources(name);
  for (const std::string& name : of(type).names) {
    if (name != kWildcard) told.emplace(name, Resource());
  }
  of(type).state.set_sent_version(VersionOfAll(changes.wanted));
  response.set_system_version_info(of(type).state.sent_version());
  Seal(type, std::move(told), changes.changed, response);
  return response.SerializeAsString();
}

template <class Response>
void AdsStream::Seal(ResourceType type, Resources sent, const Resources& content,
                     Response& response) {
  Subscription& subscription = of(type);
  subscription.sent = std::move(sent);
  subscription.latest.clear();
  for (const auto& [name, resource] : content) subscription.latest.push_back(name);
  subscription.nonce = std::to_string(++nonces_);
  subscription.waiting = true;
  response.set_nonce(subscription.nonce);
  response.set_type_url(std::string(TypeUrl(type)));
  response.mutable_control_plane()->set_identifier(kIdentifier);
}

std::vector<std::string> AdsStream::TakeWarnings() { return std::exchange(warnings_, {}); }

v1::Sidecar AdsStream::Describe(const Snapshot& snapshot) const {
  v1::Sidecar sidecar;
  sidecar.set_node_id(node_id_);
  sidecar.set_node_cluster(node_cluster_);
  sidecar.set_flavour(flavour_ == Flavour::kDelta ? "delta" : "sotw");
  bool up_to_date = false;
  for (const ResourceType type : kResourceTypes) {
    const Subscription& subscription = of(type);
    if (!subscription.asked) continue;
    if (sidecar.subscriptions().empty()) up_to_date = true;
    v1::SubscriptionState& state = *sidecar.add_subscriptions();
    state = subscription.state;
    state.set_type(std::string(TypeName(type)));
    if (subscription.waiting || subscription.refused || !Compare(type, snapshot).empty()) {
      up_to_date = false;
    }
  }
  sidecar.set_up_to_date(up_to_date);
  return sidecar;
}

}  // namespace remora::control_plane
