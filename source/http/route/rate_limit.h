#pragma once

// RateLimits: what a request is counted under by rate limit filters, compiled.
//
// envoy.config.route.v3.RateLimit: each one is a list of actions, each action adds an entry (key
// and value) to one descriptor. An action that finds nothing (no such field, no client address)
// drops the descriptor, unless it is told to leave only its entry out. The local filter compares
// descriptors with its configuration; a global one would send them to a service.
//
// Owner: the configuration (of a route, a virtual host or a filter); immutable, any thread. Texts
// of descriptors live as long as the configuration and the request's arena. Nothing fails. Source:
// Envoy source/common/router/router_ratelimit.cc.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "source/http/message.h"
#include "source/http/route/conditions.h"
#include "source/net/address.h"

namespace remora::route {

struct RateLimitEntry {
  std::string_view key;
  std::string_view value;
  bool operator==(const RateLimitEntry&) const = default;
};

struct RateLimitDescriptor {
  std::vector<RateLimitEntry> entries;
  uint64_t hits = 1;  // how many tokens it takes
};

// What the actions look at.
struct RateLimitRequest {
  const http::RequestHead& head;
  const net::Address* client = nullptr;  // null: not known
  std::string_view source_cluster = {};  // of this process
  std::string_view destination_cluster = {};
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
  using Action = std::variant<SourceCluster, DestinationCluster, RemoteAddress, GenericKey, Field,
                              QueryParameter, MaskedRemoteAddress, HeaderMatches, QueryMatches>;

  uint32_t stage = 0;
  std::string disable_key;
  uint64_t hits = 1;
  std::vector<Action> actions;

  // False: the request has no such descriptor.
  bool Describe(const RateLimitRequest& request, RateLimitDescriptor& descriptor) const;
};

using RateLimits = std::vector<RateLimit>;

// "192.168.1.0/24": the address with only the first `length` bits. IPs only.
std::string MaskedAddress(const net::Address& address, uint32_t length);

}  // namespace remora::route
