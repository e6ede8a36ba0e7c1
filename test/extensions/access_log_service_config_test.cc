// What a whole configuration with an access log service loads as.

#include <catch2/catch.hpp>

#include "source/config/bootstrap_config.h"
#include "source/extensions/registry.h"

namespace remora::extensions {
namespace {

TEST_CASE("access log service: a timeout of its stream has no effect, and says so") {
  config::Registry registry;
  RegisterAll(registry);
  config::LoadOptions options;
  options.yaml = R"(
static_resources:
  listeners:
  - address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    access_log:
    - name: als
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig
        common_config:
          log_name: l
          grpc_service: {timeout: 5s, envoy_grpc: {cluster_name: als}}
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: t
          cluster: als
  clusters:
  - name: als
)";
  const config::LoadedBootstrap loaded = config::LoadBootstrap(options, {}, registry, 0);
  CHECK(loaded.errors.ToString() == "");
  CHECK(loaded.config.has_value());
  REQUIRE(loaded.warnings.size() == 1);
  const config::ConfigError& warning = loaded.warnings.errors()[0];
  CHECK(warning.path ==
        "static_resources.listeners[0].access_log[0].typed_config.common_config.grpc_service."
        "timeout");
  CHECK(warning.message == "the stream of an access log has no end: accepted without effect");
}

}  // namespace
}  // namespace remora::extensions
