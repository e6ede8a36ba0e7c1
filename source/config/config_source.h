#pragma once

// ConfigSource: where resources come from: the control plane of the bootstrap (ADS), one of their
// own, or a file.
//
// Plain values, made by the translators of ConfigSource and ApiConfigSource (config_source_config),
// copied freely; any thread. Equal sources are one source: subscriptions to them share a stream.
// Source: envoy.config.core.v3, config_source.proto.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/event/clock.h"
#include "source/event/token_bucket.h"
#include "source/grpc/stream.h"

namespace remora::config {

// envoy.config.core.v3.ApiConfigSource: a server of discovery requests.
struct ApiSource {
  enum class Kind : uint8_t {
    kGrpc,       // state of the world
    kDeltaGrpc,  // what has changed
    kRest,       // state of the world, asked for every now and then
  };
  static constexpr event::Duration kDefaultRequestTimeout = event::kSecond;  // Envoy's

  Kind kind = Kind::kGrpc;
  // Tried in turn, at least one. kRest: one, of which only the cluster's name matters.
  std::vector<grpc::Service> services = {};
  event::Duration refresh_delay = 0;                         // kRest
  event::Duration request_timeout = kDefaultRequestTimeout;  // kRest
  bool node_on_first_message_only = false;
  std::optional<event::TokenBucketSettings> rate_limit = {};  // of requests; none: no limit

  bool operator==(const ApiSource&) const = default;
};

struct ConfigSource {
  static constexpr event::Duration kDefaultFetchTimeout = 15 * event::kSecond;

  enum class Kind : uint8_t {
    kAds,   // the stream of dynamic_resources.ads_config
    kApi,   // `api`, for this type alone
    kPath,  // a file with a DiscoveryResponse
  };

  Kind kind = Kind::kAds;
  ApiSource api = {};                  // kApi
  std::string path = {};               // kPath
  std::string watched_directory = {};  // kPath; empty: the path itself is watched
  // How long what needs a resource waits for it; 0: for ever.
  event::Duration initial_fetch_timeout = kDefaultFetchTimeout;

  bool operator==(const ConfigSource&) const = default;
};

// For messages: "ADS", "the file /x.yaml", "cluster xds".
std::string Describe(const ConfigSource& source);
std::string Describe(const ApiSource& source);

}  // namespace remora::config
