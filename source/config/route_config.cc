#include "source/config/route_config.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "source/config/config_source_config.h"
#include "source/config/failure_policy_config.h"
#include "source/config/filter_override_config.h"
#include "source/config/format_config.h"
#include "source/config/hash_policy_config.h"
#include "source/config/header_changes_config.h"
#include "source/config/rate_limit_config.h"
#include "source/config/route_action_config.h"
#include "source/config/route_match_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace routes = envoy::config::route::v3;

// RouteConfiguration.max_direct_response_body_size_bytes when it is not set.
constexpr uint64_t kDefaultMaxBody = 4096;

uint64_t MaxBody(const routes::RouteConfiguration& proto) {
  if (!proto.has_max_direct_response_body_size_bytes()) return kDefaultMaxBody;
  const uint32_t given = proto.max_direct_response_body_size_bytes().value();
  return given == 0 ? std::numeric_limits<uint64_t>::max() : given;  // 0: no limit, as in Envoy
}

// Stands where a name is missing, so that the table's builder does not report that a second time.
constexpr char kNoName[] = "?";

// Carries what is the same for all routes of a table.
class RouteTableTranslator final {
 public:
  RouteTableTranslator(const routes::RouteConfiguration& proto, bool validates_clusters,
                       const std::vector<http::FilterFactory>& filters, Translation& translation)
      : filters_(filters),
        translation_(translation),
        validate_clusters_(proto.has_validate_clusters() ? proto.validate_clusters().value()
                                                         : validates_clusters),
        max_body_(MaxBody(proto)) {}

  route::VirtualHostConfig ParseVirtualHost(const routes::VirtualHost& proto,
                                            const FieldPath& path) const;
  bool validate_clusters() const { return validate_clusters_; }

 private:
  route::RouteConfig ParseRoute(const routes::Route& proto, const FieldPath& path) const;
  route::ForwardAction ParseForward(const routes::RouteAction& proto, const FieldPath& path) const;
  void ParseWeightedClusters(const routes::WeightedCluster& proto, const FieldPath& path,
                             route::ForwardAction& action) const;
  void CheckCluster(std::string_view what, const std::string& name, const FieldPath& path) const;
  route::FilterOverrides ParseOverrides(const FilterConfigMap& protos,
                                        const FieldPath& path) const {
    return ParseFilterOverrides(protos, filters_, path.Field("typed_per_filter_config"),
                                translation_);
  }

  const std::vector<http::FilterFactory>& filters_;
  Translation& translation_;
  bool validate_clusters_;
  uint64_t max_body_;
};

void RouteTableTranslator::CheckCluster(std::string_view what, const std::string& name,
                                        const FieldPath& path) const {
  if (!validate_clusters_ || name.empty() || translation_.Knows(name)) return;
  translation_.errors.Add(path, Concat("route: unknown ", what, " '", name, "'"));
}

void RouteTableTranslator::ParseWeightedClusters(const routes::WeightedCluster& proto,
                                                 const FieldPath& path,
                                                 route::ForwardAction& action) const {
  const FieldPath clusters = path.Field("clusters");
  for (int i = 0; i < proto.clusters_size(); ++i) {
    const routes::WeightedCluster::ClusterWeight& given = proto.clusters(i);
    const FieldPath cluster_path = clusters.Index(static_cast<size_t>(i));
    route::WeightedCluster cluster;
    cluster.name = given.name();
    cluster.cluster_header = given.cluster_header();
    cluster.weight = given.weight().value();
    CheckCluster("weighted cluster", given.name(), cluster_path.Field("name"));
    if (given.name().empty() && given.cluster_header().empty()) {
      translation_.errors.Add(cluster_path.Field("name"),
                              "At least one of name or cluster_header need to be specified");
      cluster.name = kNoName;
    } else if (!given.name().empty() && !given.cluster_header().empty()) {
      translation_.errors.Add(cluster_path.Field("cluster_header"),
                              "Only one of name or cluster_header can be specified");
      cluster.cluster_header.clear();
    }
    if (!given.has_weight()) {
      translation_.errors.Add(cluster_path.Field("weight"), "Field 'weight' is missing");
      cluster.weight = 1;
    }
    cluster.overrides = ParseOverrides(given.typed_per_filter_config(), cluster_path);
    cluster.headers = ParseMessageChanges(given, cluster_path, translation_);
    cluster.host_rewrite = given.host_rewrite_literal();
    action.weighted_clusters.push_back(std::move(cluster));
  }
  action.runtime_key_prefix = proto.runtime_key_prefix();
  action.random_value_header = proto.header_name();
}

uint16_t NotFoundStatus(routes::RouteAction::ClusterNotFoundResponseCode code) {
  switch (code) {
    case routes::RouteAction::NOT_FOUND:
      return 404;
    case routes::RouteAction::INTERNAL_SERVER_ERROR:
      return 500;
    default:
      return 503;
  }
}

void AddUpgrade(route::Upgrade upgrade, const FieldPath& list, Translation& translation,
                std::vector<route::Upgrade>& upgrades) {
  for (const route::Upgrade& other : upgrades) {
    if (!absl::EqualsIgnoreCase(other.type, upgrade.type)) continue;
    translation.errors.Add(list, Concat("Duplicate upgrade ", upgrade.type));
    return;
  }
  upgrades.push_back(std::move(upgrade));
}

route::MaxStreamDuration ParseMaxStreamDuration(const routes::RouteAction::MaxStreamDuration& proto,
                                                const FieldPath& path, Translation& translation) {
  route::MaxStreamDuration limit;
  if (proto.has_max_stream_duration()) {
    limit.duration =
        ParseDuration(proto.max_stream_duration(), path.Field("max_stream_duration"), translation);
  }
  if (proto.has_grpc_timeout_header_max()) {
    limit.grpc_timeout_header_max = ParseDuration(
        proto.grpc_timeout_header_max(), path.Field("grpc_timeout_header_max"), translation);
  }
  if (proto.has_grpc_timeout_header_offset()) {
    limit.grpc_timeout_header_offset = ParseDuration(
        proto.grpc_timeout_header_offset(), path.Field("grpc_timeout_header_offset"), translation);
  }
  return limit;
}

route::ForwardAction RouteTableTranslator::ParseForward(const routes::RouteAction& proto,
                                                        const FieldPath& path) const {
  route::ForwardAction action;
  if (proto.has_weighted_clusters()) {
    ParseWeightedClusters(proto.weighted_clusters(), path.Field("weighted_clusters"), action);
  } else if (!proto.cluster_header().empty()) {
    action.cluster_header = proto.cluster_header();
  } else {
    action.cluster = proto.cluster();
    CheckCluster("cluster", proto.cluster(), path.Field("cluster"));
    if (proto.cluster().empty()) {
      translation_.errors.Add(path.Field("cluster"), "a cluster is required");
      action.cluster = kNoName;
    }
  }
  action.cluster_not_found_status = NotFoundStatus(proto.cluster_not_found_response_code());
  ParseRewrites(proto, path, translation_, action);
  if (proto.has_timeout()) {
    action.timeout = ParseDuration(proto.timeout(), path.Field("timeout"), translation_);
  }
  if (proto.has_max_grpc_timeout()) {
    action.max_grpc_timeout =
        ParseDuration(proto.max_grpc_timeout(), path.Field("max_grpc_timeout"), translation_);
  }
  if (proto.has_grpc_timeout_offset()) {
    action.grpc_timeout_offset =
        ParseDuration(proto.grpc_timeout_offset(), path.Field("grpc_timeout_offset"), translation_);
  }
  if (proto.priority() == envoy::config::core::v3::HIGH) {
    action.priority = route::RoutePriority::kHigh;
  }
  const FieldPath upgrades = path.Field("upgrade_configs");
  for (int i = 0; i < proto.upgrade_configs_size(); ++i) {
    const routes::RouteAction::UpgradeConfig& upgrade = proto.upgrade_configs(i);
    const bool enabled = !upgrade.has_enabled() || upgrade.enabled().value();
    AddUpgrade({upgrade.upgrade_type(), enabled, upgrade.has_connect_config()}, upgrades,
               translation_, action.upgrades);
    if (upgrade.has_connect_config() &&
        !absl::EqualsIgnoreCase(upgrade.upgrade_type(), "CONNECT")) {
      const FieldPath at = upgrades.Index(static_cast<size_t>(i));
      translation_.errors.Add(
          at.Field("connect_config"),
          Concat("Non-CONNECT upgrade type ", upgrade.upgrade_type(), " has ConnectConfig"));
    }
  }
  action.hash = ParseHashPolicy(proto.hash_policy(), path.Field("hash_policy"), translation_);
  if (proto.has_max_stream_duration()) {
    action.max_stream_duration = ParseMaxStreamDuration(
        proto.max_stream_duration(), path.Field("max_stream_duration"), translation_);
  }
  if (proto.has_idle_timeout()) {
    action.idle_timeout =
        ParseDuration(proto.idle_timeout(), path.Field("idle_timeout"), translation_);
  }
  action.rate_limits = ParseRateLimits(proto.rate_limits(), RateLimitsOwner::kRoute,
                                       path.Field("rate_limits"), translation_);
  action.include_virtual_host_rate_limits = proto.include_vh_rate_limits().value();
  return action;
}

route::RouteConfig RouteTableTranslator::ParseRoute(const routes::Route& proto,
                                                    const FieldPath& path) const {
  route::RouteConfig route;
  route.name = proto.name();
  route.stat_prefix = proto.stat_prefix();
  ParseRouteMatch(proto.match(), path.Field("match"), translation_, route);
  switch (proto.action_case()) {
    case routes::Route::kRoute: {
      route::ForwardAction action = ParseForward(proto.route(), path.Field("route"));
      action.failure = ParseRouteFailure(proto, validate_clusters_, path, translation_);
      route.action = std::move(action);
      break;
    }
    case routes::Route::kDirectResponse: {
      route::DirectResponseAction action;
      action.status = proto.direct_response().status();
      const FieldPath response = path.Field("direct_response");
      action.body = ParseDataSource(proto.direct_response().body(), max_body_,
                                    response.Field("body"), translation_);
      if (proto.direct_response().has_body_format()) {
        auto format = ParseFormatString(proto.direct_response().body_format(), FormatUse::kBody,
                                        response.Field("body_format"), translation_);
        if (format.has_value()) {
          action.content_type = std::move(format->content_type);
          action.body_format = std::make_shared<const formatter::Template>(std::move(format->text));
        }
      }
      route.action = std::move(action);
      break;
    }
    case routes::Route::kRedirect:
      route.action = ParseRedirect(proto.redirect(), path.Field("redirect"), translation_);
      break;
    case routes::Route::ACTION_NOT_SET:
      translation_.errors.Add(path, "an action is required");
      route.action = route::DirectResponseAction();
  }
  route.overrides = ParseOverrides(proto.typed_per_filter_config(), path);
  route.header_changes = ParseMessageChanges(proto, path, translation_);
  if (proto.has_metadata()) route.metadata = ParseMetadata(proto.metadata());
  return route;
}

route::VirtualClusterConfig ParseVirtualCluster(const routes::VirtualCluster& proto,
                                                const FieldPath& path, Translation& translation) {
  route::VirtualClusterConfig cluster;
  cluster.name = proto.name();
  const FieldPath headers = path.Field("headers");
  if (proto.headers().empty()) {
    translation.errors.Add(headers, "virtual clusters must define 'headers'");
  }
  for (int i = 0; i < proto.headers_size(); ++i) {
    cluster.headers.push_back(
        ParseHeaderMatch(proto.headers(i), headers.Index(static_cast<size_t>(i)), translation));
  }
  return cluster;
}

route::VirtualHostConfig RouteTableTranslator::ParseVirtualHost(const routes::VirtualHost& proto,
                                                                const FieldPath& path) const {
  route::VirtualHostConfig host;
  host.name = proto.name();
  host.domains.assign(proto.domains().begin(), proto.domains().end());
  host.routes.reserve(static_cast<size_t>(proto.routes_size()));
  const FieldPath list = path.Field("routes");
  for (int i = 0; i < proto.routes_size(); ++i) {
    host.routes.push_back(ParseRoute(proto.routes(i), list.Index(static_cast<size_t>(i))));
  }
  host.overrides = ParseOverrides(proto.typed_per_filter_config(), path);
  host.failure = ParseVirtualHostFailure(proto, validate_clusters_, path, translation_);
  host.rate_limits = ParseRateLimits(proto.rate_limits(), RateLimitsOwner::kRoute,
                                     path.Field("rate_limits"), translation_);
  host.header_changes = ParseMessageChanges(proto, path, translation_);
  const FieldPath clusters = path.Field("virtual_clusters");
  for (int i = 0; i < proto.virtual_clusters_size(); ++i) {
    const FieldPath cluster = clusters.Index(static_cast<size_t>(i));
    host.virtual_clusters.push_back(
        ParseVirtualCluster(proto.virtual_clusters(i), cluster, translation_));
  }
  if (proto.has_metadata()) host.metadata = ParseMetadata(proto.metadata());
  switch (proto.require_tls()) {
    case routes::VirtualHost::EXTERNAL_ONLY:
      host.require_tls = route::TlsRequirement::kExternalOnly;
      break;
    case routes::VirtualHost::ALL:
      host.require_tls = route::TlsRequirement::kAll;
      break;
    default:
      break;
  }
  return host;
}

}  // namespace

std::shared_ptr<const route::RouteTable> ParseRouteTable(
    const routes::RouteConfiguration& proto, const std::vector<http::FilterFactory>& filters,
    bool validates_clusters, const FieldPath& path, Translation& translation) {
  const size_t errors_before = translation.errors.size();
  const RouteTableTranslator translator(proto, validates_clusters, filters, translation);
  route::RouteTableConfig config;
  config.name = proto.name();
  if (translation.max_regex_program_size.has_value()) {
    config.max_regex_program_size = *translation.max_regex_program_size;
  }
  const FieldPath hosts = path.Field("virtual_hosts");
  for (int i = 0; i < proto.virtual_hosts_size(); ++i) {
    config.virtual_hosts.push_back(
        translator.ParseVirtualHost(proto.virtual_hosts(i), hosts.Index(static_cast<size_t>(i))));
  }
  config.failure = ParseTableFailure(proto, translator.validate_clusters(), path, translation);
  config.header_changes = ParseMessageChanges(proto, path, translation);
  config.most_specific_header_changes_win = proto.most_specific_header_mutations_wins();
  config.ignore_port_in_host_matching = proto.ignore_port_in_host_matching();
  config.ignore_path_parameters_in_path_matching = proto.ignore_path_parameters_in_path_matching();
  config.internal_only_headers.assign(proto.internal_only_headers().begin(),
                                      proto.internal_only_headers().end());
  config.overrides = ParseFilterOverrides(proto.typed_per_filter_config(), filters,
                                          path.Field("typed_per_filter_config"), translation);
  if (proto.has_vhds()) {
    const FieldPath vhds = path.Field("vhds");
    config.host_finder = translation.host_finder;
    if (config.host_finder == nullptr) {
      translation.errors.Add(vhds, "only a route table that is from a source itself can have it");
    } else {
      translation.hosts_source =
          ParseDeltaSource(proto.vhds().config_source(), vhds.Field("config_source"), translation);
    }
  }
  // Built even after an error: the builder finds faults of its own.
  std::vector<route::RouteTableProblem> problems;
  auto table = route::RouteTable::Build(std::move(config), problems);
  const std::string table_path = path.ToString();
  for (const route::RouteTableProblem& problem : problems) {
    translation.errors.Add(
        table_path.empty() ? problem.path : Concat(table_path, ".", problem.path), problem.message);
  }
  if (!table.ok() && problems.empty()) {
    translation.errors.Add(path, std::string(table.status().message()));
  }
  if (translation.errors.size() != errors_before || !table.ok()) return nullptr;
  return *std::move(table);
}

}  // namespace remora::config
