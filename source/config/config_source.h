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
  // Envoy's: one request of a REST source, and between two of them.
  static constexpr event::Duration kDefaultRequestTimeout = event::kSecond;
  // Envoy's: the first and the longest pause before a lost stream is opened again.
  static constexpr event::Duration kFirstBackOff = 500 * event::kMillisecond;
  static constexpr event::Duration kLastBackOff = 30 * event::kSecond;

  Kind kind = Kind::kGrpc;
  // The first one that answers. REST: only the cluster's name is used.
  std::vector<grpc::Service> services = {};
  event::Duration first_back_off = kFirstBackOff;
  event::Duration last_back_off = kLastBackOff;
  event::Duration refresh_delay = 0;  // kRest
  event::Duration request_timeout = kDefaultRequestTimeout;
  bool node_on_first_message_only = false;
  std::optional<event::TokenBucketSettings> rate_limit = {};  // of requests; none: no limit

  bool operator==(const ApiSource& other) const;
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

}  // namespace remora::config
