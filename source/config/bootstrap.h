#pragma once

// BootstrapConfig: everything the bootstrap says, as plain values. Made by the bootstrap translator
// from envoy.config.bootstrap.v3.Bootstrap, read by the server once at start.
// Owner: Server, which takes parts out of it while it starts. Thread: main. Plain values: whatever
// is wrong in a configuration was found before one of these exists. Durations are nanoseconds.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "source/config/config_source.h"
#include "source/config/listener.h"
#include "source/runtime/runtime.h"
#include "source/stats/matcher.h"
#include "source/stats/tag_extractor.h"
#include "source/tls/context_source.h"
#include "source/tls/secret.h"
#include "source/upstream/cluster.h"

namespace remora::config {

class Registry;

struct AdminConfig {
  access_log::LoggerList access_log;
  std::optional<net::Address> address;  // none: no admin listener
  bool ipv4_compat = false;             // SocketAddress.ipv4_compat of the address
  std::vector<net::SocketOption> socket_options;
  // A path, with its query, is allowed if one of them says so; none: every path.
  std::vector<std::function<bool(std::string_view)>> allow_paths;
};

struct NodeConfig {
  std::string id;
  std::string cluster;
  upstream::Locality locality;
};

// envoy.config.bootstrap.v3.RuntimeLayer.
struct RuntimeLayerConfig {
  enum class Kind : uint8_t { kStatic, kDisk, kAdmin, kRtds };

  std::string name;
  Kind kind = Kind::kStatic;
  runtime::Snapshot::Values values = {};  // kStatic; of kRtds, what has come
  std::string link = {};                  // kDisk: what is swapped to replace the tree
  std::string subdirectory = {};          // below it; may be empty
  ConfigSource source = {};               // kRtds
  std::string resource = {};              // kRtds: what the source calls it
};

// What translating resources of sources needs to know of the bootstrap.
struct ResourceContext {
  const Registry* registry = nullptr;  // outlives the process's work; null: there are no resources
  std::optional<uint32_t> max_regex_program_size;
  std::string service_cluster;
  std::string service_node;
  std::string node;
  absl::flat_hash_map<std::string, tls::SecretValue> secrets;  // static_resources.secrets
  std::shared_ptr<const net::Source> cluster_source;  // cluster_manager.upstream_bind_config
  absl::flat_hash_set<std::string> primary_clusters;
  bool has_ads = false;
  bool ads_is_delta = false;
};

struct BootstrapConfig {
  NodeConfig node;
  std::string node_proto;  // what control planes are told: a serialized envoy.config.core.v3.Node
  // Of dynamic_resources: where clusters and listeners come from besides those below.
  std::optional<ConfigSource> cds;
  std::optional<ConfigSource> lds;
  std::optional<ApiSource> ads;  // what kAds stands for; never kRest
  // Names of the clusters that sources of configuration may be behind.
  absl::flat_hash_set<std::string> primary_clusters;
  AdminConfig admin;
  std::vector<std::shared_ptr<const ListenerConfig>> listeners;
  std::vector<upstream::ClusterConfig> clusters;
  // Those of all listeners and clusters; the ones that wait for secrets are empty.
  std::vector<tls::ContextUse> tls_contexts;
  tls::PartCache tls_parts;  // what they share
  // Of the EDS clusters among `clusters`, by name.
  absl::flat_hash_map<std::string, EndpointSource> endpoint_sources;
  ResourceContext resources;
  std::string log_format;  // a pattern for base::StartLog; empty: not given
  event::Duration stats_flush_interval = 5 * event::kSecond;
  bool stats_flush_on_admin = false;  // histograms are brought up to date when they are asked for
  stats::Matcher stats_matcher;
  std::vector<RuntimeLayerConfig> runtime;  // the weakest first
  stats::TagRules stats_tags;
};

}  // namespace remora::config
