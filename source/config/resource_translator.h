#pragma once

// ResourceTranslator: single resources of sources, from their bytes to plain values, by the same
// translators that the bootstrap goes through.
//
// Owner: the server. Thread: main. Each call gives the value, or every fault that was found, as one
// line: `field.path: what is wrong; other.path: ...`, which is what a control plane is told. Fields
// that this version does not have are refused, warned of or passed over, as the policy says.
// Nothing is started or changed but the cache of what TLS contexts share.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/config/bootstrap.h"
#include "source/config/proto_reader.h"
#include "source/config/scoped_routes_config.h"
#include "source/config/validate_rules.h"
#include "source/http/route/route_table.h"
#include "source/tls/part_cache.h"

namespace remora::config {

struct Translation;  // core_config.h

// A cluster, and what it needs from elsewhere.
struct ClusterResource {
  upstream::ClusterConfig config;
  std::optional<EndpointSource> endpoints;  // none: it has its own
  std::vector<tls::ContextUse> tls_contexts;
};

// The endpoints of one service, checked but not yet those of any cluster.
struct EndpointsResource {
  std::string service_name;
  std::vector<upstream::HostConfig> hosts;
};

// A route table, and where more virtual hosts of it come from.
struct RoutesResource {
  std::shared_ptr<const route::RouteTable> table;
  std::optional<ConfigSource> hosts_source;  // none: it has all that there are
};

class ResourceTranslator {
 public:
  struct Setup {
    ResourceContext context;
    UnknownFieldPolicy unknown_fields = UnknownFieldPolicy::kWarn;
    // Told how many fields were not known, and of warnings, each a line.
    std::function<void(size_t)> on_unknown_fields;
    std::function<void(const std::string&)> on_warning;
    // Whether there is a cluster of that name.
    std::function<bool(std::string_view)> has_cluster;
  };
  // `parts` outlives it.
  ResourceTranslator(Setup setup, tls::PartCache& parts)
      : setup_(std::move(setup)), parts_(parts) {}
  ResourceTranslator(const ResourceTranslator&) = delete;
  ResourceTranslator& operator=(const ResourceTranslator&) = delete;

  absl::StatusOr<ClusterResource> Cluster(std::string_view bytes);
  // `matches`: those of the cluster whose endpoints they are to be.
  absl::StatusOr<EndpointsResource> Endpoints(std::string_view bytes,
                                              const std::vector<upstream::TransportMatch>& matches);
  // `serving`: the version that there is; filter chains that did not change are its own. Null:
  // none.
  absl::StatusOr<std::shared_ptr<const ListenerConfig>> Listener(std::string_view bytes,
                                                                 const ListenerConfig* serving);
  // For a connection manager with these filters. `hosts`: serialized virtual hosts that it has
  // besides its own. `finder`: whom requests ask for more, if it has a source of them.
  absl::StatusOr<RoutesResource> Routes(std::string_view bytes,
                                        const std::vector<std::string>& hosts,
                                        const std::vector<http::FilterFactory>& filters,
                                        std::shared_ptr<const route::HostFinder> finder);
  // A scope, for a connection manager with these filters.
  absl::StatusOr<ScopedRoute> ScopedRoutes(std::string_view bytes,
                                           const std::vector<http::FilterFactory>& filters);
  // A filter's configuration, for the chain of `use`.
  absl::StatusOr<http::FilterSlot::Version> HttpFilter(std::string_view bytes,
                                                       const ExtensionUse& use);
  // A layer of the runtime.
  absl::StatusOr<runtime::Snapshot::Values> RuntimeValues(std::string_view bytes);

 private:
  // Reads and checks `bytes`, then translates the message; `translate` returns whether it could.
  template <class Proto, class Translate>
  absl::Status Run(std::string_view bytes, const Translate& translate);

  // Lends what resources may refer to, or takes it back.
  void ExchangeContext(Translation& translation);

  Setup setup_;
  tls::PartCache& parts_;
  RulePlans rules_;
};

}  // namespace remora::config
