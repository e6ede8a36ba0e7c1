#include "source/config/config_source_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "source/config/grpc_service_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;

// Envoy's (RateLimitSettings).
constexpr uint64_t kDefaultMaxTokens = 100;
constexpr double kDefaultFillRate = 10;

std::optional<event::TokenBucketSettings> ParseRateLimit(const core::RateLimitSettings& proto,
                                                         const FieldPath& path,
                                                         Translation& translation) {
  event::TokenBucketSettings settings;
  settings.max_tokens = proto.has_max_tokens() ? proto.max_tokens().value() : kDefaultMaxTokens;
  if (settings.max_tokens == 0) {
    translation.errors.Add(path.Field("max_tokens"), "no request could ever be sent");
    return std::nullopt;
  }
  const double rate = proto.has_fill_rate() ? proto.fill_rate().value() : kDefaultFillRate;
  // One token in at most a day and at least a nanosecond.
  constexpr double kLongest = 24.0 * 3600 * event::kSecond;
  const double interval = static_cast<double>(event::kSecond) / rate;
  if (!(interval <= kLongest)) {
    translation.errors.Add(path.Field("fill_rate"), "is less than one request a day");
    return std::nullopt;
  }
  settings.fill_interval = std::max<event::Duration>(1, std::llround(interval));
  return settings;
}

// Whether there is such a cluster when the source is first asked.
void CheckCluster(const std::string& name, const FieldPath& path, const Translation& translation) {
  if (translation.primary_clusters.contains(name)) return;
  translation.errors.Add(path, Concat("must have a statically defined non-EDS cluster: '", name,
                                      "' does not exist, was added via api, or is an EDS cluster"));
}

void ParseServices(const core::ApiConfigSource& proto, const FieldPath& path,
                   Translation& translation, ApiSource& source) {
  if (!proto.cluster_names().empty()) {
    translation.errors.Add(path.Field("cluster_names"),
                           "(DELTA_)GRPC must not have a cluster name specified");
  }
  const FieldPath services = path.Field("grpc_services");
  if (proto.grpc_services().empty()) {
    translation.errors.Add(services, "(DELTA_)GRPC must have a gRPC service specified");
  }
  for (int i = 0; i < proto.grpc_services_size(); ++i) {
    const FieldPath at = services.Index(static_cast<size_t>(i));
    ConfigContext context(translation.errors, path.ToString(), &translation);
    std::optional<grpc::Service> service = ParseGrpcService(
        proto.grpc_services(i), Concat("grpc_services[", i, "]"), context, GoogleGrpc::kAllowed);
    if (!service.has_value()) continue;
    if (!service->google.has_value()) {
      const FieldPath target = at.Field("envoy_grpc");
      CheckCluster(service->cluster, target.Field("cluster_name"), translation);
    }
    service->timeout = 0;  // a stream lasts
    source.services.push_back(*std::move(service));
  }
}

void ParseRest(const core::ApiConfigSource& proto, const FieldPath& path, Translation& translation,
               ApiSource& source) {
  if (!proto.grpc_services().empty()) {
    translation.errors.Add(path.Field("grpc_services"),
                           "if not a gRPC type, must not have a gRPC service specified");
  }
  const FieldPath names = path.Field("cluster_names");
  if (proto.cluster_names_size() != 1) {
    translation.errors.Add(names, "must have a singleton cluster name specified");
  } else {
    CheckCluster(proto.cluster_names(0), names.Index(0), translation);
    source.services.push_back({.cluster = proto.cluster_names(0)});
  }
  if (!proto.has_refresh_delay()) {
    translation.errors.Add(path.Field("refresh_delay"),
                           "refresh_delay is required for REST API configuration sources");
  } else {
    source.refresh_delay =
        ParseDuration(proto.refresh_delay(), path.Field("refresh_delay"), translation);
  }
  if (proto.has_request_timeout()) {
    source.request_timeout =
        ParseDuration(proto.request_timeout(), path.Field("request_timeout"), translation);
  }
}

std::optional<std::string> ParsePath(const std::string& path, const FieldPath& at,
                                     Translation& translation) {
  if (path.empty()) return std::nullopt;  // a rule has told
  struct stat status;
  if (stat(path.c_str(), &status) == 0) return path;
  translation.errors.Add(at, Concat("paths must refer to an existing path in the system: '", path,
                                    "' does not exist"));
  return std::nullopt;
}

}  // namespace

std::optional<ApiSource> ParseApiSource(const core::ApiConfigSource& proto, const FieldPath& path,
                                        Translation& translation) {
  const size_t errors_before = translation.errors.size();
  ApiSource source;
  switch (proto.api_type()) {
    case core::ApiConfigSource::GRPC:
      source.kind = ApiSource::Kind::kGrpc;
      ParseServices(proto, path, translation, source);
      break;
    case core::ApiConfigSource::DELTA_GRPC:
      source.kind = ApiSource::Kind::kDeltaGrpc;
      ParseServices(proto, path, translation, source);
      break;
    case core::ApiConfigSource::REST:
      source.kind = ApiSource::Kind::kRest;
      ParseRest(proto, path, translation, source);
      break;
    default:
      translation.errors.Add(path.Field("api_type"), "has to be GRPC, DELTA_GRPC or REST");
  }
  source.node_on_first_message_only = proto.set_node_on_first_message_only();
  if (proto.has_rate_limit_settings()) {
    source.rate_limit =
        ParseRateLimit(proto.rate_limit_settings(), path.Field("rate_limit_settings"), translation);
  }
  if (translation.errors.size() != errors_before) return std::nullopt;
  return source;
}

std::optional<ConfigSource> ParseConfigSource(const core::ConfigSource& proto,
                                              const FieldPath& path, Translation& translation) {
  ConfigSource source;
  if (proto.has_initial_fetch_timeout()) {
    source.initial_fetch_timeout = ParseDuration(proto.initial_fetch_timeout(),
                                                 path.Field("initial_fetch_timeout"), translation);
  }
  if (proto.has_ads()) {
    source.kind = ConfigSource::Kind::kAds;
    if (translation.has_ads) return source;
    translation.errors.Add(path.Field("ads"), "the bootstrap has no dynamic_resources.ads_config");
    return std::nullopt;
  }
  if (proto.has_api_config_source()) {
    source.kind = ConfigSource::Kind::kApi;
    std::optional<ApiSource> api =
        ParseApiSource(proto.api_config_source(), path.Field("api_config_source"), translation);
    if (!api.has_value()) return std::nullopt;
    source.api = *std::move(api);
    return source;
  }
  source.kind = ConfigSource::Kind::kPath;
  std::optional<std::string> file;
  if (proto.has_path_config_source()) {
    const FieldPath at = path.Field("path_config_source");
    file = ParsePath(proto.path_config_source().path(), at.Field("path"), translation);
    source.watched_directory = proto.path_config_source().watched_directory().path();
  } else {
    file = ParsePath(proto.path(), path.Field("path"), translation);
  }
  if (!file.has_value()) return std::nullopt;
  source.path = *std::move(file);
  return source;
}

std::optional<ConfigSource> ParseDeltaSource(const core::ConfigSource& proto, const FieldPath& path,
                                             Translation& translation) {
  std::optional<ConfigSource> source = ParseConfigSource(proto, path, translation);
  if (!source.has_value()) return std::nullopt;
  const bool is_delta = source->kind == ConfigSource::Kind::kAds
                            ? translation.ads_is_delta
                            : source->kind == ConfigSource::Kind::kApi &&
                                  source->api.kind == ApiSource::Kind::kDeltaGrpc;
  if (is_delta) return source;
  translation.errors.Add(path, "has to be DELTA_GRPC: names are added as requests need them");
  return std::nullopt;
}

std::shared_ptr<const ConfigSource> ParseDeltaSource(const core::ConfigSource& proto,
                                                     std::string_view field,
                                                     ConfigContext& context) {
  const FieldPath root;
  const std::string place = Concat(context.path(), ".", field);
  const Registry none;
  ErrorList warnings;
  Translation alone{none, context.errors(), warnings};
  if (context.around() != nullptr) {
    alone.primary_clusters = context.around()->primary_clusters;
    alone.has_ads = context.around()->has_ads;
    alone.ads_is_delta = context.around()->ads_is_delta;
  }
  std::optional<ConfigSource> source = ParseDeltaSource(proto, root.Field(place), alone);
  if (!source.has_value()) return nullptr;
  return std::make_shared<const ConfigSource>(*std::move(source));
}

std::string Describe(const ApiSource& source) {
  std::string text;
  std::string_view kind;
  for (const grpc::Service& service : source.services) {
    const std::string_view own = service.google.has_value() ? "target " : "cluster ";
    text += Concat(text.empty() ? "" : ", ", std::exchange(kind, own) == own ? "" : own,
                   service.name());
  }
  return text;
}

std::string Describe(const ConfigSource& source) {
  switch (source.kind) {
    case ConfigSource::Kind::kAds:
      return "ADS";
    case ConfigSource::Kind::kApi:
      return Describe(source.api);
    case ConfigSource::Kind::kPath:
      return Concat("the file ", source.path);
  }
  return "";
}

}  // namespace remora::config
