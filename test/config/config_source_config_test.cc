#include "source/config/config_source_config.h"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "absl/strings/match.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "source/config/load_bootstrap.h"
#include "test/config/printed_config.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;

// A source as values and what is wrong with it.
struct Translated {
  std::optional<ConfigSource> source;
  std::string errors;
};

Translated Translate(const std::string& yaml, bool has_ads = true) {
  core::ConfigSource proto;
  LoadOptions options;
  options.yaml = "{" + yaml + "}";
  const LoadResult read = LoadMessage(options, proto);
  INFO(read.errors.ToString());
  REQUIRE(read.ok());
  const Registry registry;
  ErrorList errors;
  ErrorList warnings;
  Translation translation{registry, errors, warnings};
  translation.primary_clusters = {"xds", "other"};
  translation.has_ads = has_ads;
  Translated out;
  out.source = ParseConfigSource(proto, FieldPath(), translation);
  out.errors = errors.ToString();
  CHECK(out.source.has_value() == out.errors.empty());
  return out;
}

ConfigSource Good(const std::string& yaml) {
  Translated translated = Translate(yaml);
  INFO(translated.errors);
  REQUIRE(translated.source.has_value());
  return *std::move(translated.source);
}

constexpr const char* kService = "{envoy_grpc: {cluster_name: xds}}";

std::string Api(const std::string& rest) { return "api_config_source: {" + rest + "}"; }

TEST_CASE("the kinds of sources") {
  const ConfigSource ads = Good("ads: {}");
  CHECK(ads.kind == ConfigSource::Kind::kAds);
  CHECK(ads.initial_fetch_timeout == 15 * event::kSecond);
  CHECK(Describe(ads) == "ADS");
  CHECK(
      Good("ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3").initial_fetch_timeout ==
      0);
  const ConfigSource api =
      Good(Api("api_type: DELTA_GRPC, transport_api_version: V3, set_node_on_first_message_only: "
               "true, grpc_services: [{envoy_grpc: {cluster_name: xds, authority: a}, timeout: 1s, "
               "initial_metadata: [{key: x-token, value: t}]}, "
               "{envoy_grpc: {cluster_name: other}}]"));
  CHECK(api.kind == ConfigSource::Kind::kApi);
  CHECK(api.api.kind == ApiSource::Kind::kDeltaGrpc);
  CHECK(api.api.node_on_first_message_only);
  REQUIRE(api.api.services.size() == 2);
  CHECK(api.api.services[0].authority == "a");
  CHECK(api.api.services[0].timeout == 0);
  CHECK(api.api.services[0].initial_metadata.size() == 1);
  CHECK_FALSE(api.api.rate_limit.has_value());
  CHECK(Describe(api) == "cluster xds, other");
  const ConfigSource file =
      Good("path_config_source: {path: /dev/null, watched_directory: {path: /w}}");
  CHECK(file.kind == ConfigSource::Kind::kPath);
  CHECK(file.path == "/dev/null");
  CHECK(file.watched_directory == "/w");
  CHECK(Describe(file) == "the file /dev/null");
  CHECK(Good("path: /dev/null").path == "/dev/null");
}

TEST_CASE("the rate limit of requests") {
  const auto limit = [](const std::string& settings) {
    return *Good(Api("api_type: GRPC, grpc_services: [" + std::string(kService) +
                     "], rate_limit_settings: {" + settings + "}"))
                .api.rate_limit;
  };
  CHECK(limit("") == event::TokenBucketSettings{100, 1, event::kSecond / 10});
  CHECK(limit("max_tokens: 7, fill_rate: 0.5") ==
        event::TokenBucketSettings{7, 1, 2 * event::kSecond});
}

TEST_CASE("what is wrong with a source") {
  const struct {
    std::string yaml;
    std::string errors;
  } cases[] = {
      {Api("api_type: GRPC"),
       "api_config_source.grpc_services: (DELTA_)GRPC must have a gRPC service specified\n"},
      {Api("api_type: GRPC, cluster_names: [xds], grpc_services: [" + std::string(kService) + "]"),
       "api_config_source.cluster_names: (DELTA_)GRPC must not have a cluster name specified\n"},
      {Api("api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: nowhere}}]"),
       "api_config_source.grpc_services[0].envoy_grpc.cluster_name: must have a statically defined "
       "non-EDS cluster: 'nowhere' does not exist, was added via api, or is an EDS cluster\n"},
      {Api("api_type: GRPC, grpc_services: [" + std::string(kService) +
           "], rate_limit_settings: {max_tokens: 0}"),
       "api_config_source.rate_limit_settings.max_tokens: no request could ever be sent\n"},
      {Api("api_type: GRPC, grpc_services: [" + std::string(kService) +
           "], rate_limit_settings: {fill_rate: 0.000001}"),
       "api_config_source.rate_limit_settings.fill_rate: is less than one request a day\n"},
      {"path: /no/such",
       "path: paths must refer to an existing path in the system: '/no/such' does not exist\n"},
  };
  for (const auto& c : cases) {
    INFO(c.yaml);
    CHECK(Translate(c.yaml).errors == c.errors);
  }
  CHECK(Translate("ads: {}", /*has_ads=*/false).errors ==
        "ads: the bootstrap has no dynamic_resources.ads_config\n");
}

TEST_CASE("dynamic_resources of the bootstrap") {
  const std::string clusters =
      "static_resources: {clusters: [{name: xds, load_assignment: {cluster_name: xds}}]}\n";
  CHECK(Printed(clusters + "dynamic_resources: {cds_config: {ads: {}}}") ==
        "2: dynamic_resources.cds_config.ads: the bootstrap has no dynamic_resources.ads_config\n");
  CHECK(Printed(clusters + "dynamic_resources: {ads_config: {api_type: GRPC, grpc_services: "
                           "[{envoy_grpc: {cluster_name: up}}]}}") ==
        "2: dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name: must have a "
        "statically defined non-EDS cluster: 'up' does not exist, was added via api, or is an EDS "
        "cluster\n");
  const std::string without_library =
      Printed(clusters +
              "dynamic_resources: {ads_config: {api_type: GRPC, grpc_services: "
              "[{google_grpc: {target_uri: x, stat_prefix: plane}}]}}");
  CAPTURE(without_library);
  CHECK(absl::StrContains(without_library,
                          ".google_grpc: google_grpc needs libremora_google_grpc.so of the same "
                          "build beside"));
}

}  // namespace
}  // namespace remora::config
