#include "source/extensions/registry.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "google/protobuf/descriptor.h"
#include "source/config/bootstrap_config.h"

namespace remora::extensions {
namespace {

TEST_CASE("registry: what this binary can do, in order") {
  config::Registry registry;
  RegisterAll(registry);
  std::string text;
  for (const config::HttpFilterEntry& entry : registry.http_filters()) {
    text += entry.type_name + (entry.terminal ? " (terminal)" : "") +
            (entry.route_type_name.empty() ? "" : " per route " + entry.route_type_name) + "\n";
  }
  CHECK(text ==
        "envoy.extensions.filters.http.basic_auth.v3.BasicAuth per route "
        "envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute\n"
        "envoy.extensions.filters.http.buffer.v3.Buffer per route "
        "envoy.extensions.filters.http.buffer.v3.BufferPerRoute\n"
        "envoy.extensions.filters.http.compressor.v3.Compressor per route "
        "envoy.extensions.filters.http.compressor.v3.CompressorPerRoute\n"
        "envoy.extensions.filters.http.cors.v3.Cors per route "
        "envoy.extensions.filters.http.cors.v3.CorsPolicy\n"
        "envoy.extensions.filters.http.csrf.v3.CsrfPolicy per route "
        "envoy.extensions.filters.http.csrf.v3.CsrfPolicy\n"
        "envoy.extensions.filters.http.decompressor.v3.Decompressor\n"
        "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter per route "
        "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute\n"
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz per route "
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute\n"
        "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor per route "
        "envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute\n"
        "envoy.extensions.filters.http.fault.v3.HTTPFault per route "
        "envoy.extensions.filters.http.fault.v3.HTTPFault\n"
        "envoy.extensions.filters.http.grpc_http1_bridge.v3.Config\n"
        "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder per route "
        "envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder\n"
        "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig\n"
        "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb\n"
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation per route "
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute\n"
        "envoy.extensions.filters.http.header_to_metadata.v3.Config per route "
        "envoy.extensions.filters.http.header_to_metadata.v3.Config\n"
        "envoy.extensions.filters.http.health_check.v3.HealthCheck\n"
        "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication per route "
        "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig\n"
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit per route "
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit\n"
        "envoy.extensions.filters.http.lua.v3.Lua per route "
        "envoy.extensions.filters.http.lua.v3.LuaPerRoute\n"
        "envoy.extensions.filters.http.on_demand.v3.OnDemand per route "
        "envoy.extensions.filters.http.on_demand.v3.PerRouteConfig\n"
        "envoy.extensions.filters.http.ratelimit.v3.RateLimit per route "
        "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute\n"
        "envoy.extensions.filters.http.rbac.v3.RBAC per route "
        "envoy.extensions.filters.http.rbac.v3.RBACPerRoute\n"
        "envoy.extensions.filters.http.router.v3.Router (terminal)\n"
        "remora.extensions.filters.http.session_affinity.v1.SessionAffinity per route "
        "remora.extensions.filters.http.session_affinity.v1.SessionAffinityPerRoute\n"
        "envoy.extensions.filters.http.set_metadata.v3.Config per route "
        "envoy.extensions.filters.http.set_metadata.v3.Config\n"
        "envoy.extensions.filters.http.stateful_session.v3.StatefulSession per route "
        "envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute\n");
}

TEST_CASE("registry: what is listed is there, and what is there is listed") {
  config::Registry registry;
  RegisterAll(registry);
  size_t http_filters = 0;
  std::set<std::string> names;
  for (const config::ListedExtension& extension : registry.listed()) {
    INFO(extension.name);
    CHECK(names.insert(extension.category + " " + extension.name).second);
    CHECK(google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
              extension.type_name) != nullptr);
    if (extension.category != "envoy.filters.http") continue;
    ++http_filters;
    const config::HttpFilterEntry* const entry = registry.FindHttpFilter(extension.type_name);
    REQUIRE(entry != nullptr);
    CHECK(extension.route_type_name == entry->route_type_name);
  }
  CHECK(http_filters == registry.http_filters().size());
}

TEST_CASE("registry: names are made of types, where they are Envoy's") {
  CHECK(config::ExtensionName("envoy.extensions.filters.http.fault.v3.HTTPFault") ==
        "envoy.filters.http.fault");
  CHECK(config::ExtensionName("example.filters.KeyAuth") == "example.filters.KeyAuth");
  CHECK(config::ExtensionName("envoy.extensions.Odd") == "envoy.extensions.Odd");
  CHECK(config::ExtensionName("Plain") == "Plain");
}

TEST_CASE("registry: found by type URL, never by a configured name") {
  config::Registry registry;
  RegisterAll(registry);
  CHECK(registry.FindHttpFilter(
            "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router") != nullptr);
  CHECK(registry.FindHttpFilter("envoy.filters.http.router") == nullptr);
}

TEST_CASE("use_original_dst brings its listener filter with it, behind the others") {
  config::Registry registry;
  RegisterAll(registry);
  config::LoadOptions options;
  options.yaml =
      "static_resources: {listeners: [{name: l, use_original_dst: true, address: {socket_address: "
      "{address: 127.0.0.1, port_value: 0}}, listener_filters: [{name: src, typed_config: "
      "{\"@type\": type.googleapis.com/envoy.extensions.filters.listener.original_src.v3."
      "OriginalSrc, mark: 7}}], default_filter_chain: {filters: [{name: e, typed_config: "
      "{\"@type\": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]}}]}";
  const config::LoadedBootstrap loaded = config::LoadBootstrap(options, {}, registry, 0);
  REQUIRE(loaded.errors.ToString() == "");
  const config::ListenerConfig& listener = *loaded.config->listeners.at(0);
  CHECK(listener.hands_over);
  REQUIRE(listener.listener_filters.size() == 2);
  CHECK(listener.listener_filters[0].name == "src");
  CHECK(listener.listener_filters[1].name == "envoy.filters.listener.original_dst");
}

}  // namespace
}  // namespace remora::extensions
