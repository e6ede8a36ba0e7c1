#pragma once

// Translators of envoy.config.core.v3 values that many others need: addresses, socket options,
// durations, data sources.
//
// Pure but for DataSource, which reads the file or environment variable that it names (main thread,
// at start). What is wrong goes to Translation::errors with the field's path, and translating goes
// on with the value's default, so that one run finds every fault. Texts are Envoy's where it has
// one. Source: Envoy source/common/network/{address_impl,utility}.cc,
// source/common/config/datasource.cc.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "source/config/config_error.h"
#include "source/config/config_source.h"
#include "source/config/meaning.h"
#include "source/config/registry.h"
#include "source/config/source_use.h"
#include "source/event/clock.h"
#include "source/net/address.h"
#include "source/net/cidr.h"
#include "source/net/socket.h"
#include "source/tls/context_source.h"
#include "source/tls/secret.h"
#include "source/upstream/host.h"

namespace google::protobuf {
class Duration;
}
namespace envoy::config::core::v3 {
class Address;
class BindConfig;
class CidrRange;
class DataSource;
class Locality;
class SocketOption;
class TcpKeepalive;
class TransportSocket;
}  // namespace envoy::config::core::v3

namespace remora::config {

struct FilterChain;

// What every translator is given besides its message and the message's path.
struct Translation {
  const Registry& registry;
  ErrorList& errors;
  ErrorList& warnings;
  // Names that routes may use.
  absl::flat_hash_set<std::string> clusters = {};
  // And others, of which this knows; null: there are none.
  std::function<bool(std::string_view)> has_cluster = nullptr;
  // Runtime value re2.max_program_size.error_level; absent: its default.
  std::optional<uint32_t> max_regex_program_size = std::nullopt;
  // Name of the service that this process stands beside (node.cluster).
  std::string service_cluster = {};
  std::string service_node = {};  // node.id
  // The node as it stands, a serialized envoy.config.core.v3.Node: services are told who calls.
  std::string node = {};
  // Clusters that a source of configuration may be behind: the bootstrap's own.
  absl::flat_hash_set<std::string> primary_clusters = {};
  // The bootstrap has an ads_config, and it is DELTA_GRPC.
  bool has_ads = false;
  bool ads_is_delta = false;
  // Control planes that secrets come from, each once.
  std::vector<std::shared_ptr<const ConfigSource>> secret_servers = {};
  // Those of static_resources.secrets.
  absl::flat_hash_map<std::string, tls::SecretValue> secrets = {};
  // Every TLS context met, and what they share.
  std::vector<tls::ContextUse> tls_contexts = {};
  tls::PartCache tls_parts = {};
  // Of each EDS cluster met, by its name.
  absl::flat_hash_map<std::string, EndpointSource> endpoint_sources = {};
  // Of each filter chain met that has one.
  std::vector<RouteUse> route_uses = {};
  std::vector<ScopeUse> scope_uses = {};
  std::vector<ExtensionUse> extension_uses = {};
  // Of the route table of a source that is translated: whom it asks for virtual hosts, if it says
  // where more of them come from, which is `hosts_source` then. Null: it must not say so.
  std::shared_ptr<const route::HostFinder> host_finder = nullptr;
  std::optional<ConfigSource> hosts_source = std::nullopt;
  // Filter chains that serve now, by what they mean (MeaningOf): the same objects are used again.
  // None: the new ones will never be compared.
  std::optional<absl::flat_hash_map<Meaning, std::shared_ptr<const FilterChain>>> known_chains =
      std::nullopt;

  bool Knows(std::string_view cluster) const {
    return clusters.contains(absl::string_view(cluster.data(), cluster.size())) ||
           (has_cluster != nullptr && has_cluster(cluster));
  }
};

// Not negative and below 2^63 ns. Values above 100 years mean 100 years, so that sums with a point
// in time stay in range.
event::Duration ParseDuration(const google::protobuf::Duration& proto, const FieldPath& path,
                              Translation& translation);

struct ParsedAddress {
  net::Address address;
  bool ipv4_compat = false;
};

// nullopt after an error.
std::optional<ParsedAddress> ParseAddress(const envoy::config::core::v3::Address& proto,
                                          const FieldPath& path, Translation& translation);

// nullopt after an error.
std::optional<net::CidrRange> ParseCidrRange(const envoy::config::core::v3::CidrRange& proto,
                                             const FieldPath& path, Translation& translation);

std::vector<net::SocketOption> ParseSocketOptions(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::SocketOption>& protos,
    const FieldPath& path, Translation& translation);

// Where connections of clusters come from; null after an error.
std::shared_ptr<const net::Source> ParseSource(const envoy::config::core::v3::BindConfig& proto,
                                               const FieldPath& path, Translation& translation);

net::TcpKeepalive ParseKeepalive(const envoy::config::core::v3::TcpKeepalive& proto);

upstream::Locality ParseLocality(const envoy::config::core::v3::Locality& proto);

// At most `max_size` bytes, read now; an error when they are to be read again later.
std::string ParseDataSource(const envoy::config::core::v3::DataSource& proto, uint64_t max_size,
                            const FieldPath& path, Translation& translation);

// The same whether or not they are to be read again.
std::string ReadDataSource(const envoy::config::core::v3::DataSource& proto, uint64_t max_size,
                           const FieldPath& path, Translation& translation);

// "a.b.C" of "type.googleapis.com/a.b.C", and the other way.
std::string_view TypeName(std::string_view type_url);
std::string TypeUrlOf(std::string_view type);

// Envoy's name of an extension, which its messages use: "envoy.filters.http.router" for
// "envoy.extensions.filters.http.router.v3.Router".
std::string ExtensionName(std::string_view type);

// Envoy's "Didn't find a registered implementation for '<name>' with type URL: '<url>'".
std::string NoImplementation(std::string_view name, std::string_view type_url);

// The same as an error about the extension at `path`, whose configuration is in `typed_config`.
void AddNoImplementation(std::string_view name, std::string_view type_url, const FieldPath& path,
                         Translation& translation);

}  // namespace remora::config
