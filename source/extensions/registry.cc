#include "source/extensions/registry.h"

#include "envoy/extensions/access_loggers/grpc/v3/als.pb.h"
#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb.h"
#include "envoy/extensions/filters/http/buffer/v3/buffer.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/csrf/v3/csrf.pb.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
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
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/http/set_metadata/v3/set_metadata.pb.h"
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
#include "source/extensions/access_loggers/grpc/grpc_log.h"
#include "source/extensions/http_filters/basic_auth/basic_auth.h"
#include "source/extensions/http_filters/buffer/buffer.h"
#include "source/extensions/http_filters/cors/cors.h"
#include "source/extensions/http_filters/csrf/csrf.h"
#include "source/extensions/http_filters/ext_authz/ext_authz.h"
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
#include "source/extensions/http_filters/on_demand/on_demand.h"
#include "source/extensions/http_filters/rbac/rbac.h"
#include "source/extensions/http_filters/router/router.h"
#include "source/extensions/http_filters/set_metadata/set_metadata.h"
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

void RegisterAll(config::Registry& registry) {
  registry.AddAccessLogger<HttpGrpcLog>();
  registry.AddAccessLogger<TcpGrpcLog>();

  registry.AddHttpFilter<BasicAuth>();
  registry.AddHttpFilter<Buffer>();
  registry.AddHttpFilter<Cors>();
  registry.AddHttpFilter<Csrf>();
  registry.AddHttpFilter<ExtAuthz>();
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
  registry.AddHttpFilter<OnDemand>();
  registry.AddHttpFilter<RequestRbac>();
  registry.AddHttpFilter<Router>();
  registry.AddHttpFilter<SetMetadata>();

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
