#include "source/extensions/registry.h"

#include <string>

#include "envoy/extensions/access_loggers/grpc/v3/als.pb.h"
#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/http/compressor/v3/compressor.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/csrf/v3/csrf.pb.h"
#include "envoy/extensions/filters/http/decompressor/v3/decompressor.pb.h"
#include "envoy/extensions/filters/http/dynamic_modules/v3/dynamic_modules.pb.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "envoy/extensions/filters/http/ext_proc/v3/ext_proc.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/grpc_http1_bridge/v3/config.pb.h"
#include "envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder.pb.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "envoy/extensions/filters/http/grpc_web/v3/grpc_web.pb.h"
#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.pb.h"
#include "envoy/extensions/filters/http/health_check/v3/health_check.pb.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h"
#include "envoy/extensions/filters/http/lua/v3/lua.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/ratelimit/v3/rate_limit.pb.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/http/set_metadata/v3/set_metadata.pb.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/original_src/v3/original_src.pb.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/connection_limit/v3/connection_limit.pb.h"
#include "envoy/extensions/filters/network/direct_response/v3/config.pb.h"
#include "envoy/extensions/filters/network/echo/v3/echo.pb.h"
#include "envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.pb.h"
#include "remora/extensions/filters/http/session_affinity/v1/session_affinity.pb.h"
#include "source/extensions/access_loggers/grpc/grpc_log.h"
#include "source/extensions/http_filters/basic_auth/basic_auth.h"
#include "source/extensions/http_filters/buffer/buffer.h"
#include "source/extensions/http_filters/compressor/compressor.h"
#include "source/extensions/http_filters/cors/cors.h"
#include "source/extensions/http_filters/csrf/csrf.h"
#include "source/extensions/http_filters/decompressor/decompressor.h"
#include "source/extensions/http_filters/dynamic_modules/dynamic_modules.h"
#include "source/extensions/http_filters/ext_authz/ext_authz.h"
#include "source/extensions/http_filters/ext_proc/ext_proc.h"
#include "source/extensions/http_filters/fault/fault.h"
#include "source/extensions/http_filters/grpc_http1_bridge/grpc_http1_bridge.h"
#include "source/extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"
#include "source/extensions/http_filters/grpc_stats/grpc_stats.h"
#include "source/extensions/http_filters/grpc_web/grpc_web.h"
#include "source/extensions/http_filters/header_mutation/header_mutation.h"
#include "source/extensions/http_filters/header_to_metadata/header_to_metadata.h"
#include "source/extensions/http_filters/health_check/health_check.h"
#include "source/extensions/http_filters/jwt_authn/jwt_authn.h"
#include "source/extensions/http_filters/local_ratelimit/local_ratelimit.h"
#include "source/extensions/http_filters/lua/lua.h"
#include "source/extensions/http_filters/on_demand/on_demand.h"
#include "source/extensions/http_filters/ratelimit/ratelimit.h"
#include "source/extensions/http_filters/rbac/rbac.h"
#include "source/extensions/http_filters/router/router.h"
#include "source/extensions/http_filters/session_affinity/session_affinity.h"
#include "source/extensions/http_filters/set_metadata/set_metadata.h"
#include "source/extensions/http_filters/stateful_session/stateful_session.h"
#include "source/extensions/listener_filters/http_inspector/http_inspector.h"
#include "source/extensions/listener_filters/original_dst/original_dst.h"
#include "source/extensions/listener_filters/original_src/original_src.h"
#include "source/extensions/listener_filters/proxy_protocol/proxy_protocol.h"
#include "source/extensions/listener_filters/tls_inspector/tls_inspector.h"
#include "source/extensions/network_filters/answer/answer.h"
#include "source/extensions/network_filters/connection_limit/connection_limit.h"
#include "source/extensions/network_filters/local_ratelimit/local_ratelimit.h"
#include "source/extensions/network_filters/rbac/rbac.h"
#include "source/extensions/network_filters/sni_cluster/sni_cluster.h"

namespace remora::extensions {
namespace {

using config::Stability;

// What works without an entry here, because the core reads it.
void ListCore(config::Registry& registry) {
  const auto list = [&](const char* category, const std::string& type,
                        const config::Listing& listing = {}) {
    registry.ListCore(category, "envoy.extensions." + type, listing);
  };
  list("envoy.access_loggers", "access_loggers.file.v3.FileAccessLog");
  list("envoy.access_loggers", "access_loggers.stream.v3.StdoutAccessLog",
       {.name = "envoy.access_loggers.stdout"});
  list("envoy.access_loggers", "access_loggers.stream.v3.StderrAccessLog",
       {.name = "envoy.access_loggers.stderr"});
  list("envoy.compression.compressor", "compression.brotli.compressor.v3.Brotli",
       {.name = "envoy.compression.brotli.compressor"});
  list("envoy.compression.compressor", "compression.gzip.compressor.v3.Gzip",
       {.name = "envoy.compression.gzip.compressor"});
  list("envoy.compression.compressor", "compression.zstd.compressor.v3.Zstd",
       {.name = "envoy.compression.zstd.compressor"});
  list("envoy.compression.decompressor", "compression.brotli.decompressor.v3.Brotli",
       {.name = "envoy.compression.brotli.decompressor"});
  list("envoy.compression.decompressor", "compression.gzip.decompressor.v3.Gzip",
       {.name = "envoy.compression.gzip.decompressor"});
  list("envoy.compression.decompressor", "compression.zstd.decompressor.v3.Zstd",
       {.name = "envoy.compression.zstd.decompressor"});
  list("envoy.filters.network", "filters.network.http_connection_manager.v3.HttpConnectionManager");
  list("envoy.filters.network", "filters.network.tcp_proxy.v3.TcpProxy");
  list("envoy.formatter", "formatter.metadata.v3.Metadata");
  list("envoy.formatter", "formatter.req_without_query.v3.ReqWithoutQuery");
  list("envoy.http.stateful_header_formatters",
       "http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig",
       {.name = "envoy.http.stateful_header_formatters.preserve_case"});
  for (const char* policy :
       {"least_request.v3.LeastRequest", "maglev.v3.Maglev", "random.v3.Random",
        "ring_hash.v3.RingHash", "round_robin.v3.RoundRobin"}) {
    list("envoy.load_balancing_policies", std::string("load_balancing_policies.") + policy);
  }
  list("envoy.regex_engines", "regex_engines.v3.GoogleRE2",
       {.name = "envoy.regex_engines.google_re2"});
  list("envoy.request_id", "request_id.uuid.v3.UuidRequestIdConfig");
  list("envoy.retry_host_predicates", "retry.host.previous_hosts.v3.PreviousHostsPredicate",
       {.name = "envoy.retry_host_predicates.previous_hosts"});
  list("envoy.tls.cert_validator", "transport_sockets.tls.v3.SPIFFECertValidatorConfig",
       {.name = "envoy.tls.cert_validator.spiffe"});
  list("envoy.transport_sockets.downstream", "transport_sockets.raw_buffer.v3.RawBuffer");
  list("envoy.transport_sockets.downstream", "transport_sockets.tls.v3.DownstreamTlsContext");
  list("envoy.transport_sockets.upstream", "transport_sockets.raw_buffer.v3.RawBuffer");
  list("envoy.transport_sockets.upstream", "transport_sockets.tls.v3.UpstreamTlsContext");
  list("envoy.transport_sockets.upstream",
       "transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
       {.name = "envoy.transport_sockets.upstream_proxy_protocol"});
  list("envoy.upstream_options", "upstreams.http.v3.HttpProtocolOptions",
       {.name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"});
}

}  // namespace

void RegisterAll(config::Registry& registry) {
  ListCore(registry);

  registry.AddAccessLogger<HttpGrpcLog>({.name = "envoy.access_loggers.http_grpc"});
  registry.AddAccessLogger<TcpGrpcLog>({.name = "envoy.access_loggers.tcp_grpc"});

  registry.AddHttpFilter<BasicAuth>();
  registry.AddHttpFilter<Buffer>();
  registry.AddHttpFilter<Compressor>();
  registry.AddHttpFilter<Cors>();
  registry.AddHttpFilter<Csrf>();
  registry.AddHttpFilter<Decompressor>();
  registry.AddHttpFilter<DynamicModules>({.stability = Stability::kAlpha});
  registry.AddHttpFilter<ExtAuthz>();
  registry.AddHttpFilter<ExtProc>();
  registry.AddHttpFilter<Fault>();
  registry.AddHttpFilter<GrpcHttp1Bridge>();
  registry.AddHttpFilter<GrpcJsonTranscoder>();
  registry.AddHttpFilter<GrpcStats>();
  registry.AddHttpFilter<GrpcWeb>();
  registry.AddHttpFilter<HeaderMutation>();
  registry.AddHttpFilter<HeaderToMetadata>();
  registry.AddHttpFilter<HealthCheck>();
  registry.AddHttpFilter<JwtAuthn>();
  registry.AddHttpFilter<LocalRateLimit>();
  registry.AddHttpFilter<Lua>({.stability = Stability::kAlpha});
  registry.AddHttpFilter<OnDemand>();
  registry.AddHttpFilter<RateLimit>();
  registry.AddHttpFilter<RequestRbac>();
  registry.AddHttpFilter<Router>();
  registry.AddHttpFilter<SessionAffinity>();
  registry.AddHttpFilter<SetMetadata>();
  registry.AddHttpFilter<StatefulSession>();

  registry.AddListenerFilter<HttpInspector>();
  registry.AddListenerFilter<OriginalDst>();
  registry.AddListenerFilter<OriginalSrc>();
  registry.AddListenerFilter<ProxyProtocol>();
  registry.AddListenerFilter<TlsInspector>();

  registry.AddNetworkGuard<ConnectionLimit>();
  registry.AddNetworkGuard<ConnectionRateLimit>();
  registry.AddNetworkGuard<ConnectionRbac>();
  registry.AddNetworkGuard<SniCluster>();
  registry.AddNetworkSession<DirectResponse>();
  registry.AddNetworkSession<Echo>();
}

}  // namespace remora::extensions
