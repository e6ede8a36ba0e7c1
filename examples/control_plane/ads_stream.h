#pragma once

// AdsStream: what one sidecar's stream wants, has and has said, for both flavours of the protocol.
//
// Requests go in, responses come out, both as bytes; no I/O. A type has at most one response that
// waits for its answer, so changes meanwhile become one. Make before break:
//
//   clusters -> endpoints -> listeners -> routes     routes wait until the clusters are answered
//                                                    and their endpoints are there
//   routes accepted -> clusters that are gone        until then a removed cluster stays
//
// What a refused response had goes again with the next change of its type. One thread at a time.
// Source: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "examples/control_plane/route_table.pb.h"
#include "examples/control_plane/snapshot.h"

namespace envoy::config::core::v3 {
class Node;
}
namespace google::rpc {
class Status;
}

namespace remora::control_plane {

enum class Flavour { kStateOfTheWorld, kDelta };

class AdsStream final {
 public:
  explicit AdsStream(Flavour flavour) : flavour_(flavour) {}

  // Takes a request. Not OK: it is none, and the stream has to end.
  absl::Status Receive(std::string_view bytes);
  // The next response that the stream is due, if any. It counts as sent.
  std::optional<std::string> Next(const Snapshot& snapshot);
  // What an operator should see: refusals with the node and its text, each once.
  std::vector<std::string> TakeWarnings();
  v1::Sidecar Describe(const Snapshot& snapshot) const;

 private:
  struct Subscription {
    bool Wants(std::string_view name) const { return wildcard || names.contains(name); }

    bool asked = false;
    bool wildcard = false;
    bool named = false;  // names were sent: from then on none means none
    std::set<std::string, std::less<>> names;
    Resources sent;  // without a version: told that there is none
    std::string nonce;
    bool waiting = false;             // for the answer to the last response
    bool refused = false;             // the last answer
    std::vector<std::string> latest;  // names in the last response
    v1::SubscriptionState state;
  };
  struct Changes {
    bool empty() const { return changed.empty() && removed.empty(); }

    Resources wanted;
    Resources changed;
    std::vector<std::string> removed;
  };

  Subscription& of(ResourceType type) { return subscriptions_[static_cast<size_t>(type)]; }
  const Subscription& of(ResourceType type) const {
    return subscriptions_[static_cast<size_t>(type)];
  }
  absl::Status ReceiveState(std::string_view bytes);
  absl::Status ReceiveDelta(std::string_view bytes);
  std::optional<ResourceType> FindType(const std::string& url);
  void TakeNode(const envoy::config::core::v3::Node& node);
  void TakeAnswer(ResourceType type, const google::rpc::Status* error);
  Changes Compare(ResourceType type, const Snapshot& snapshot) const;
  bool RoutesWait(const Snapshot& snapshot) const;
  bool RoutesAccepted(const Snapshot& snapshot) const;
  std::string StateResponse(ResourceType type, const Changes& changes);
  std::string DeltaResponse(ResourceType type, const Changes& changes);
  // Notes that the response with this content is sent, and what the sidecar has then.
  template <class Response>
  void Seal(ResourceType type, Resources sent, const Resources& content, Response& response);

  const Flavour flavour_;
  std::array<Subscription, kResourceTypes.size()> subscriptions_;
  std::string node_id_;
  std::string node_cluster_;
  uint64_t nonces_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace remora::control_plane
