#pragma once

// RateLimits: what a request is counted under by rate limit filters, compiled.
//
// envoy.config.route.v3.RateLimit: each one is a list of actions, each action adds an entry (key
// and value) to one descriptor. An action that finds nothing (no such field, no client address)
// drops the descriptor, unless it is told to leave only its entry out. The local filter compares
// descriptors with its configuration, the global one sends them to a service.
//
// Owner: the configuration (of a route, a virtual host or a filter); immutable, any thread. Texts
// of descriptors live as long as the configuration and the request's arena. Nothing fails. Source:
// Envoy source/common/router/router_ratelimit.cc,
// source/extensions/filters/common/ratelimit_config/ratelimit_config.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "source/http/formatter/format.h"
#include "source/http/message.h"
#include "source/http/metadata.h"
#include "source/http/route/conditions.h"
#include "source/http/stream_info.h"
#include "source/net/address.h"

namespace remora::route {

struct RateLimitEntry {
  std::string_view key;
  std::string_view value;
  bool operator==(const RateLimitEntry&) const = default;
};

// So many requests in each unit of time.
struct RateLimitOverride {
  uint32_t requests = 0;
  uint8_t unit = 0;  // as envoy.type.v3.RateLimitUnit numbers them
};

struct RateLimitDescriptor {
  std::vector<RateLimitEntry> entries;
  std::optional<uint64_t> hits = {};            // how many requests it counts as; nothing: one
  bool gives_back = false;                      // so many
  std::optional<RateLimitOverride> limit = {};  // in place of the service's own
};

// What the actions look at.
struct RateLimitRequest {
  const http::RequestHead& head;
  const http::StreamInfo& info;
  std::string_view source_cluster = {};  // of this process
  std::string_view destination_cluster = {};
};

// A place in metadata.
struct MetadataPlace {
  std::string name_space;
  std::vector<std::string> path;

  // Null: nothing is there. `metadata` may be null.
  const http::MetadataValue* Find(const http::Metadata* metadata) const;
};

struct RateLimit {
  struct SourceCluster {};
  struct DestinationCluster {};
  struct RemoteAddress {};
  struct GenericKey {
    std::string key;
    std::string value;
  };
  // The first field, or query parameter, of that name.
  struct Field {
    std::string name;  // lower-case
    std::string key;
    bool skip_if_absent = false;
  };
  struct QueryParameter {
    std::string name;
    std::string key;
    bool skip_if_absent = false;
  };
  struct MaskedRemoteAddress {
    uint32_t v4_length = 32;
    uint32_t v6_length = 128;
  };
  struct HeaderMatches {
    std::string key;
    std::string value;
    bool expected = true;
    std::vector<HeaderMatcher> headers;
  };
  struct QueryMatches {
    std::string key;
    std::string value;
    bool expected = true;
    std::vector<QueryParameterMatcher> parameters;
  };
  // A text that is not empty.
  struct MetadataText {
    std::string key;
    MetadataPlace place;
    std::string otherwise;  // where there is none; empty: nothing
    bool of_route = false;  // else of what filters have left
    bool skip_if_absent = false;
  };
  using Action =
      std::variant<SourceCluster, DestinationCluster, RemoteAddress, GenericKey, Field,
                   QueryParameter, MaskedRemoteAddress, HeaderMatches, QueryMatches, MetadataText>;
  static constexpr double kMaxHits = 1e9;

  uint32_t stage = 0;
  std::string enabled_key;  // runtime value, the share of requests that it is for; empty: all
  std::vector<Action> actions;
  // Of a descriptor; at most one of the two.
  std::optional<uint64_t> hits;
  std::optional<formatter::Format> hits_format;  // no number up to kMaxHits drops the descriptor
  bool gives_back = false;
  bool at_end = false;  // it counts requests when they have ended
  // In place of the service's own limit: none, a fixed one, or what dynamic metadata say.
  std::variant<std::monostate, RateLimitOverride, MetadataPlace> limit;

  // False: the request has no such descriptor.
  bool Describe(const RateLimitRequest& request, RateLimitDescriptor& descriptor) const;
};

using RateLimits = std::vector<RateLimit>;

// "192.168.1.0/24": the address with only the first `length` bits. IPs only.
std::string MaskedAddress(const net::Address& address, uint32_t length);

}  // namespace remora::route
