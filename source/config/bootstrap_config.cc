#include "source/config/bootstrap_config.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/type/v3/semantic_version.pb.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "source/config/access_log_config.h"
#include "source/config/cluster_config.h"
#include "source/config/config_source_config.h"
#include "source/config/core_config.h"
#include "source/config/listener_config.h"
#include "source/config/matcher_config.h"
#include "source/config/runtime_config.h"
#include "source/config/secret_config.h"
#include "source/config/stats_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using StaticResources = Bootstrap::StaticResources;

// What we say that we are: the Envoy whose behaviour is ours.
constexpr std::string_view kUserAgent = "envoy";
constexpr uint32_t kCompatibleMajor = 1;
constexpr uint32_t kCompatibleMinor = 40;

constexpr std::string_view kUnknownCluster = "route: unknown ";
constexpr std::string_view kRequired = " is required";
constexpr std::string_view kNotSet = " must be set";
constexpr std::string_view kClusters = "static_resources.clusters";
constexpr std::string_view kAssignment = ".load_assignment";

NodeConfig ParseNode(const envoy::config::core::v3::Node& proto) {
  return {proto.id(), proto.cluster(), ParseLocality(proto.locality())};
}

AdminConfig ParseAdmin(const envoy::config::bootstrap::v3::Admin& proto, const FieldPath& path,
                       Translation& translation) {
  AdminConfig admin;
  if (proto.has_address()) {
    std::optional<ParsedAddress> parsed =
        ParseAddress(proto.address(), path.Field("address"), translation);
    if (parsed.has_value()) {
      admin.address = std::move(parsed->address);
      admin.ipv4_compat = parsed->ipv4_compat;
    }
  }
  admin.access_log = ParseAccessLogs(proto.access_log(), path.Field("access_log"), translation);
  if (!proto.access_log_path().empty()) {
    admin.access_log.push_back(DefaultFileLog(proto.access_log_path()));
  }
  admin.socket_options =
      ParseSocketOptions(proto.socket_options(), path.Field("socket_options"), translation);
  const FieldPath allow_paths = path.Field("allow_paths");
  for (int i = 0; i < proto.allow_paths_size(); ++i) {
    auto predicate = ParseStatPredicate(proto.allow_paths(i),
                                        allow_paths.Index(static_cast<size_t>(i)), translation);
    if (predicate) admin.allow_paths.push_back(std::move(predicate));
  }
  return admin;
}

// JSON whose strings are patterns, keys in order.
std::string JsonPattern(const google::protobuf::Value& value);

std::string JsonPattern(const google::protobuf::Struct& fields) {
  std::map<std::string_view, const google::protobuf::Value*> sorted;
  for (const auto& [key, value] : fields.fields()) sorted.emplace(key, &value);
  std::string text = "{";
  for (const auto& [key, value] : sorted) {
    google::protobuf::Value name;
    name.set_string_value(std::string(key));
    text += Concat(text.size() == 1 ? "" : ",", JsonPattern(name), ":", JsonPattern(*value));
  }
  return text + "}";
}

std::string JsonPattern(const google::protobuf::Value& value) {
  if (value.kind_case() == google::protobuf::Value::kStructValue) {
    return JsonPattern(value.struct_value());
  }
  std::string text;
  // Numbers, strings, truth values and lists of them: nothing that could not be printed.
  const auto status = google::protobuf::util::MessageToJsonString(value, &text);
  return status.ok() ? text : "null";
}

std::string ParseLogFormat(const Bootstrap::ApplicationLogConfig::LogFormat& proto,
                           const FieldPath& path, Translation& translation) {
  if (proto.has_text_format()) return proto.text_format();
  if (!proto.has_json_format()) return "";
  std::string pattern = JsonPattern(proto.json_format());
  for (const std::string_view flag : {"%v", "%_"}) {
    if (pattern.find(flag) == std::string::npos) continue;
    translation.errors.Add(
        path.Field("json_format"),
        Concat("setJsonLogFormat error: Usage of ", flag, " is unavailable for JSON log formats"));
  }
  return pattern;
}

// Types of extensions that are no HTTP filters.
constexpr std::string_view kOtherExtensions[] = {
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
    "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
    "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
    "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
};

// What may be needed before there are any clusters from elsewhere.
absl::flat_hash_set<std::string> PrimaryClusters(const StaticResources& proto) {
  absl::flat_hash_set<std::string> names;
  for (const auto& cluster : proto.clusters()) {
    if (cluster.type() != envoy::config::cluster::v3::Cluster::EDS) names.insert(cluster.name());
  }
  return names;
}

// After the static clusters.
void ParseDynamicResources(const Bootstrap::DynamicResources& proto, const FieldPath& path,
                           Translation& translation, BootstrapConfig& config) {
  if (proto.has_ads_config()) {
    const FieldPath ads = path.Field("ads_config");
    config.ads = ParseApiSource(proto.ads_config(), ads, translation);
    if (config.ads.has_value() && config.ads->kind == ApiSource::Kind::kRest) {
      translation.errors.Add(ads.Field("api_type"),
                             "ADS is a stream: the type has to be GRPC or DELTA_GRPC");
    }
  }
  if (proto.has_cds_config()) {
    config.cds = ParseConfigSource(proto.cds_config(), path.Field("cds_config"), translation);
  }
  if (proto.has_lds_config()) {
    config.lds = ParseConfigSource(proto.lds_config(), path.Field("lds_config"), translation);
  }
}

// A stream of a control plane needs HTTP/2, whether or not its cluster says so: Diego's does not.
void SpeakHttp2(const Translation& translation, BootstrapConfig& config) {
  absl::flat_hash_set<std::string> servers;
  const auto add = [&servers](const ApiSource& source) {
    if (source.kind == ApiSource::Kind::kRest) return;
    for (const grpc::Service& service : source.services) {
      if (!service.google.has_value()) servers.insert(service.cluster);
    }
  };
  if (config.ads.has_value()) add(*config.ads);
  if (config.cds.has_value()) add(config.cds->api);
  if (config.lds.has_value()) add(config.lds->api);
  for (const RuntimeLayerConfig& layer : config.runtime) add(layer.source.api);
  for (const auto& source : translation.secret_servers) add(source->api);
  for (upstream::ClusterConfig& cluster : config.clusters) {
    if (cluster.protocol == upstream::Protocol::kHttp1 && servers.contains(cluster.name)) {
      cluster.protocol = upstream::Protocol::kHttp2;
    }
  }
}

// Also tells the translation which clusters there are.
std::vector<upstream::ClusterConfig> ParseClusters(const StaticResources& proto,
                                                   const FieldPath& path,
                                                   Translation& translation) {
  std::vector<upstream::ClusterConfig> clusters;
  for (int i = 0; i < proto.clusters_size(); ++i) {
    const FieldPath cluster = path.Index(static_cast<size_t>(i));
    clusters.push_back(ParseCluster(proto.clusters(i), cluster, translation));
    const std::string& name = proto.clusters(i).name();
    if (!translation.clusters.insert(name).second) {
      translation.errors.Add(cluster.Field("name"),
                             Concat("cluster manager: duplicate cluster '", name, "'"));
    }
  }
  return clusters;
}

std::vector<std::shared_ptr<const ListenerConfig>> ParseListeners(const StaticResources& proto,
                                                                  const FieldPath& path,
                                                                  Translation& translation) {
  std::vector<std::shared_ptr<const ListenerConfig>> listeners;
  absl::flat_hash_set<std::string> addresses;
  for (int i = 0; i < proto.listeners_size(); ++i) {
    const FieldPath listener_path = path.Index(static_cast<size_t>(i));
    auto listener = ParseListener(proto.listeners(i), listener_path, translation);
    if (listener == nullptr) continue;
    const net::Address& address = listener->address;
    // With port 0 the kernel chooses another one each time.
    const bool fixed = !address.is_ip() || address.port() != 0;
    if (fixed && !addresses.insert(address.ToString()).second) {
      translation.errors.Add(
          listener_path.Field("address"),
          Concat("error adding listener: '", listener->name, "' has duplicate address '",
                 address.ToString(),
                 "' as existing listener, to check if the listener has duplicated addresses with "
                 "other listeners or 'enable_reuse_port' is set to 'false' for the listener"));
    }
    listeners.push_back(std::move(listener));
  }
  return listeners;
}

void ApplyNodeFlags(const NodeFlags& flags, Bootstrap& bootstrap) {
  envoy::config::core::v3::Node& node = *bootstrap.mutable_node();
  if (node.id().empty()) node.set_id(flags.id);
  if (node.cluster().empty()) node.set_cluster(flags.cluster);
  // Control planes look at the name and the version to tell what a proxy can do.
  node.set_user_agent_name(std::string(kUserAgent));
  auto& version = *node.mutable_user_agent_build_version();
  version.mutable_version()->set_major_number(kCompatibleMajor);
  version.mutable_version()->set_minor_number(kCompatibleMinor);
  (*version.mutable_metadata()->mutable_fields())["build.type"].set_string_value("remora");
  if (node.locality().zone().empty() && !flags.zone.empty()) {
    node.mutable_locality()->set_zone(flags.zone);
  }
}

// Tells which errors of the translators only follow from what the loader has reported. A value that
// could not be read is missing, which would be told again by whatever needs it or what it holds; a
// value that breaks a rule is there, and only the rule itself would be told twice.
class ConsequenceFilter final {
 public:
  explicit ConsequenceFilter(const LoadResult& read) : unreadable_above_(read.reported) {
    for (const ConfigError& error : read.errors.errors()) {
      reported_.insert(error.path);
      reported_above_.Add(error.path);
      if (read.reported.Covers(error.path)) unreadable_.insert(error.path);
    }
  }

  // Not a document, or nothing that could be translated.
  bool Everything() const { return reported_.contains(""); }

  bool Covers(const ConfigError& error) const {
    if (reported_.contains(error.path) || unreadable_above_.Covers(error.path)) return true;
    // What is missing here may be what was refused: `connect_matcher: {}` is no path condition.
    const bool missing = error.message.ends_with(kRequired) || error.message.ends_with(kNotSet);
    if (missing && reported_above_.Covers(error.path)) return true;
    for (size_t end = error.path.find_first_of(".["); end != std::string::npos;
         end = error.path.find_first_of(".[", end + 1)) {
      if (unreadable_.contains(ToAbsl(std::string_view(error.path).substr(0, end)))) return true;
    }
    return IsUnreadCluster(error) || IsNameOfOtherKind(error);
  }

 private:
  // A cluster whose name could not be read is not among the known ones.
  bool IsUnreadCluster(const ConfigError& error) const {
    return error.message.starts_with(kUnknownCluster) &&
           std::any_of(reported_.begin(), reported_.end(), [](const std::string& path) {
             return path == kClusters || (path.starts_with(kClusters) &&
                                          (path.ends_with("]") || path.ends_with("].name")));
           });
  }

  // An address may be a name in the kind of cluster that the unsupported cluster_type states.
  bool IsNameOfOtherKind(const ConfigError& error) const {
    if (!error.path.starts_with(kClusters)) return false;
    const size_t end = error.path.find(']');
    if (end == std::string::npos ||
        error.path.compare(end + 1, kAssignment.size(), kAssignment) != 0) {
      return false;
    }
    const std::string cluster = error.path.substr(0, end + 1);
    // The loader reports a field that it does not know as it is written.
    return reported_.contains(Concat(cluster, ".cluster_type")) ||
           reported_.contains(Concat(cluster, ".clusterType"));
  }

  absl::flat_hash_set<std::string> reported_;    // paths of all errors
  ReportedPaths reported_above_;                 // and everything that holds them
  absl::flat_hash_set<std::string> unreadable_;  // of those, what could not be read
  const ReportedPaths& unreadable_above_;        // and everything that holds it
};

}  // namespace

std::optional<BootstrapConfig> ParseBootstrap(const Bootstrap& proto, const Registry& registry,
                                              ErrorList& errors, ErrorList& warnings) {
  const size_t errors_before = errors.size();
  Translation translation{registry, errors, warnings};
  translation.service_cluster = proto.node().cluster();
  translation.service_node = proto.node().id();
  translation.node = proto.node().SerializeAsString();
  translation.primary_clusters = PrimaryClusters(proto.static_resources());
  translation.has_ads = proto.dynamic_resources().has_ads_config();
  translation.ads_is_delta = proto.dynamic_resources().ads_config().api_type() ==
                             envoy::config::core::v3::ApiConfigSource::DELTA_GRPC;
  const FieldPath root;
  BootstrapConfig config;
  config.node = ParseNode(proto.node());
  config.admin = ParseAdmin(proto.admin(), root.Field("admin"), translation);
  const FieldPath log = root.Field("application_log_config");
  config.log_format = ParseLogFormat(proto.application_log_config().log_format(),
                                     log.Field("log_format"), translation);
  if (proto.has_stats_flush_interval()) {
    config.stats_flush_interval = ParseDuration(proto.stats_flush_interval(),
                                                root.Field("stats_flush_interval"), translation);
  }
  config.stats_flush_on_admin = proto.stats_flush_on_admin();
  const FieldPath stats = root.Field("stats_config");
  config.stats_matcher = ParseStatsMatcher(proto.stats_config(), stats, translation);
  config.stats_tags = ParseStatsTags(proto.stats_config(), stats, translation);
  // All before the listeners, whose routes and chains refer to them.
  config.runtime = ParseRuntime(proto.layered_runtime(), config.node.cluster,
                                root.Field("layered_runtime"), translation);
  const FieldPath resources = root.Field("static_resources");
  ParseStaticSecrets(proto.static_resources().secrets(), resources.Field("secrets"), translation);
  config.clusters =
      ParseClusters(proto.static_resources(), resources.Field("clusters"), translation);
  std::shared_ptr<const net::Source> source;
  if (proto.cluster_manager().has_upstream_bind_config()) {
    const FieldPath manager = root.Field("cluster_manager");
    source = ParseSource(proto.cluster_manager().upstream_bind_config(),
                         manager.Field("upstream_bind_config"), translation);
    for (upstream::ClusterConfig& cluster : config.clusters) {
      if (cluster.source == nullptr) cluster.source = source;
    }
  }
  ParseDynamicResources(proto.dynamic_resources(), root.Field("dynamic_resources"), translation,
                        config);
  ParseRuntimeSources(proto.layered_runtime(), root.Field("layered_runtime"), translation,
                      config.runtime);
  config.listeners =
      ParseListeners(proto.static_resources(), resources.Field("listeners"), translation);
  SpeakHttp2(translation, config);
  if (errors.size() != errors_before) return std::nullopt;
  config.node_proto = translation.node;
  config.primary_clusters = translation.primary_clusters;
  config.tls_contexts = std::move(translation.tls_contexts);
  config.tls_parts = std::move(translation.tls_parts);
  config.endpoint_sources = std::move(translation.endpoint_sources);
  config.resources = {&registry,
                      translation.max_regex_program_size,
                      std::move(translation.service_cluster),
                      std::move(translation.service_node),
                      std::move(translation.node),
                      std::move(translation.secrets),
                      std::move(source),
                      std::move(translation.primary_clusters),
                      translation.has_ads,
                      translation.ads_is_delta};
  return config;
}

LoadedBootstrap LoadBootstrap(LoadOptions options, const NodeFlags& node, const Registry& registry,
                              int64_t wall_now) {
  for (const std::string_view type : kOtherExtensions) {
    options.read.extension_types.emplace_back(type);
  }
  for (const HttpFilterEntry& entry : registry.http_filters()) {
    options.read.extension_types.push_back(entry.type_name);
    if (!entry.route_type_name.empty()) {
      options.read.extension_types.push_back(entry.route_type_name);
    }
  }
  Bootstrap bootstrap;
  LoadResult read = LoadMessage(options, bootstrap);
  LoadedBootstrap loaded;
  loaded.unknown_fields = read.unknown_fields;
  ApplyNodeFlags(node, bootstrap);
  const ConsequenceFilter filter(read);
  if (!filter.Everything()) {
    ErrorList errors;
    loaded.config = ParseBootstrap(bootstrap, registry, errors, read.warnings);
    for (ConfigError& error : errors.mutable_errors()) {
      if (!filter.Covers(error)) read.errors.Add(std::move(error));
    }
  }
  read.positions.Finish(read.errors, LoadResult::kMaxReported);
  read.positions.Finish(read.warnings, LoadResult::kMaxReported);
  loaded.errors = std::move(read.errors);
  loaded.warnings = std::move(read.warnings);
  if (!loaded.errors.empty()) loaded.config.reset();
  if (loaded.config.has_value()) {
    loaded.dumper = std::make_unique<ConfigDumper>(std::move(bootstrap), wall_now);
  }
  return loaded;
}

}  // namespace remora::config
