#include "source/stats/default_tags.h"

namespace remora::stats {
namespace {

constexpr DefaultTag Regex(std::string_view name, std::string_view regex,
                           std::string_view substring = {}, std::string_view not_value = {}) {
  return {name, {}, regex, substring, not_value};
}

constexpr DefaultTag Segments(std::string_view name, std::string_view segments) {
  return {name, segments, {}, {}, {}};
}

constexpr DefaultTag kDefaultTags[] = {
    Regex("envoy.response_code", R"(_rq(_(\d{3}))$)", "_rq_"),
    Regex("envoy.response_code_class", R"(_rq_((\d))xx$)", "xx"),
    Regex("envoy.dynamo_partition_id",
          R"(^http\.<NAME>\.dynamodb\.table\.<NAME>\.capacity\.<NAME>(\.__partition_id=(\w{7}))$)",
          ".dynamodb.table."),
    Regex("envoy.dynamo_operation",
          R"(^http\.<NAME>\.dynamodb.(?:operation|table\.<NAME>\.capacity)(\.(<NAME>))(?:\.|$))",
          ".dynamodb."),
    Regex("envoy.dynamo_table", R"(^http\.<NAME>\.dynamodb.(?:table|error)\.((<NAME>)\.))",
          ".dynamodb."),
    Regex("envoy.mongo_callsite",
          R"(^mongo\.<NAME>\.collection\.<NAME>\.callsite\.((<NAME>)\.)query\.)", ".callsite."),
    Regex("envoy.mongo_collection",
          R"(^mongo\.<NAME>\.collection\.((<NAME>)\.)(?:.*\.)?query\.[^.]+$)", ".collection."),
    Regex("envoy.ssl_cipher", R"(^listener\..*?\.ssl\.ciphers(\.(<CIPHER>))$)", ".ssl.ciphers."),
    Regex("envoy.ssl_curve", R"(^(?:listener|cluster)\..*?\.ssl\.curves(\.(<CIPHER>))$)",
          ".ssl.curves."),
    Regex("envoy.ssl_sigalg", R"(^(?:listener|cluster)\..*?\.ssl\.sigalgs(\.(<CIPHER>))$)",
          ".ssl.sigalgs."),
    Regex("envoy.ssl_version", R"(^(?:listener|cluster)\..*?\.ssl\.versions(\.(TLSv\d\.\d))$)",
          ".ssl.versions."),
    Regex("cipher_suite", R"(^cluster\.<NAME>\.ssl\.ciphers(\.(<CIPHER>))$)", ".ssl.ciphers."),
    Regex("envoy.http_conn_manager_prefix", R"(^listener\..*?\.http\.((<NAME>)\.))", ".http."),
    Regex("envoy.worker_id",
          R"(^(?:listener\.(?:<ADDRESS>|<NAME>)|server|listener_manager|)"
          R"(thread_local_cluster_manager)\.worker_((\d+)\.))",
          ".worker_"),
    Regex("envoy.listener_address", R"(^listener\.((<ADDRESS>|<NAME>)\.))", {}, "admin"),
    Regex("envoy.rds_route_config", R"(^http\.<NAME>\.rds\.(([\w-\./]+)\.)\w+?$)", ".rds."),
    Regex("envoy.scoped_rds_config", R"(^http\.<NAME>\.scoped_rds\.(([\w-\.]+)\.)\w+?$)",
          ".scoped_rds."),
    Regex("envoy.rbac_policy_name",
          R"(^http\.<NAME>\.rbac\.(?:<NAME>\.)?policy\.((<NAME>)\.))"
          R"((allowed|shadow_allowed|denied|shadow_denied)$)",
          ".policy."),
    Regex("envoy.rbac_http_prefix", R"(^http\.<NAME>\.rbac\.((<NAME>)\.).*?)", ".rbac.", "policy"),
    Regex("envoy.proxy_protocol_prefix", R"(^proxy_proto\.((<NAME>)\.).+$)", {}, "versions"),
    Regex("envoy.proxy_protocol_version", R"(^proxy_proto\.((?:<NAME>\.)?versions\.v(\d)\.)\w+$)"),
    Regex("envoy.tls_certificate",
          R"(^(?:listener|cluster)\..*?\.ssl\.certificate\.((<NAME>)\.).*$)", ".ssl.certificate"),
    Regex("envoy.xds_resource_name", R"(^sds\.((<NAME>)\.).+)"),
    Segments("envoy.mongo_cmd", "mongo.*.cmd.$.**"),
    Segments("envoy.grpc_bridge_method", "cluster.*.grpc.*.$.**"),
    Segments("envoy.http_user_agent", "http.*.user_agent.$.**"),
    Segments("envoy.virtual_cluster", "vhost.*.vcluster.$.**"),
    Segments("envoy.fault_downstream_cluster", "http.*.fault.$.**"),
    Segments("envoy.grpc_bridge_service", "cluster.*.grpc.$.**"),
    Segments("envoy.tcp_prefix", "tcp.$.**"),
    Segments("envoy.udp_prefix", "udp.$.**"),
    Segments("envoy.clientssl_prefix", "auth.clientssl.$.**"),
    Segments("envoy.ratelimit_prefix", "ratelimit.$.**"),
    Segments("envoy.cluster_name", "cluster.$.**"),
    Segments("envoy.ext_authz_prefix", "cluster.*.ext_authz.$.**"),
    Segments("envoy.ext_authz_prefix", "http.*.ext_authz.$.**"),
    Segments("envoy.http_conn_manager_prefix", "http.$.**"),
    Segments("envoy.virtual_host", "vhost.$.**"),
    Segments("envoy.mongo_prefix", "mongo.$.**"),
    Segments("envoy.route", "vhost.*.route.$.**"),
    Segments("envoy.thrift_prefix", "thrift.$.**"),
    Segments("envoy.redis_prefix", "redis.$.**"),
    Segments("envoy.local_http_ratelimit_prefix", "$.http_local_rate_limit.**"),
    Segments("envoy.local_network_ratelimit_prefix", "local_rate_limit.$.**"),
    Segments("envoy.local_listener_ratelimit_prefix", "listener_local_ratelimit.$.**"),
    Segments("envoy.dns_filter_prefix", "dns_filter.$.**"),
    Segments("envoy.connection_limit_prefix", "connection_limit.$.**"),
    Segments("envoy.rbac_prefix", "$.rbac.**"),
    Segments("envoy.google_grpc_client_prefix", "grpc.$.**"),
};

}  // namespace

std::span<const DefaultTag> DefaultTags() { return kDefaultTags; }

}  // namespace remora::stats
