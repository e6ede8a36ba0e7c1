#include "source/stats/tag_extractor.h"

#include <catch2/catch.hpp>
#include <regex>
#include <string>

namespace remora::stats {
namespace {

// `name {tag=value,tag=value}`
std::string Text(const TagExtractor& extractor, std::string_view name) {
  const TagExtractor::Extracted extracted = extractor.Extract(name);
  std::string text = extracted.name + " {";
  for (const Tag& tag : extracted.tags) {
    if (text.back() != '{') text += ',';
    text += tag.name + "=" + tag.value;
  }
  return text + "}";
}

std::string Default(std::string_view name) {
  absl::StatusOr<TagExtractor> extractor = TagExtractor::Create({});
  REQUIRE(extractor.ok());
  return Text(*extractor, name);
}

TagRule RegexRule(const std::string& name, const std::string& regex) {
  TagRule rule;
  rule.name = name;
  rule.regex = regex;
  rule.match = [compiled = std::regex(regex)](std::string_view text) -> std::optional<TagMatch> {
    std::match_results<std::string_view::const_iterator> match;
    if (!std::regex_search(text.begin(), text.end(), match, compiled)) return std::nullopt;
    const auto& value = match.size() > 2 ? match[2] : match[1];
    return TagMatch{static_cast<size_t>(match.position(1)),
                    static_cast<size_t>(match.position(1) + match.length(1)), value.str()};
  };
  return rule;
}

TEST_CASE("default tags", "[stats]") {
  struct Row {
    const char* name;
    const char* expected;
  };
  const Row rows[] = {
      {"server.uptime", "server.uptime {}"},
      {"cluster.up.upstream_rq_total", "cluster.upstream_rq_total {envoy.cluster_name=up}"},
      {"cluster.up.upstream_rq_200",
       "cluster.upstream_rq {envoy.response_code=200,envoy.cluster_name=up}"},
      {"cluster.up.upstream_rq_2xx",
       "cluster.upstream_rq_xx {envoy.response_code_class=2,envoy.cluster_name=up}"},
      {"cluster.up.external.upstream_rq_503",
       "cluster.external.upstream_rq {envoy.response_code=503,envoy.cluster_name=up}"},
      // A name with a dot is cut at the first one, as in Envoy.
      {"cluster.a.b.upstream_cx_total", "cluster.b.upstream_cx_total {envoy.cluster_name=a}"},
      {"cluster_manager.cluster_added", "cluster_manager.cluster_added {}"},
      {"http.in.downstream_rq_2xx",
       "http.downstream_rq_xx {envoy.response_code_class=2,envoy.http_conn_manager_prefix=in}"},
      {"http.in.fault.down.aborts_injected",
       "http.fault.aborts_injected "
       "{envoy.fault_downstream_cluster=down,envoy.http_conn_manager_prefix=in}"},
      {"http.in.rds.route.v1.config_reload",
       "http.rds.config_reload "
       "{envoy.rds_route_config=route.v1,envoy.http_conn_manager_prefix=in}"},
      {"http.in.rbac.policy.p1.allowed",
       "http.rbac.policy.allowed {envoy.rbac_policy_name=p1,envoy.http_conn_manager_prefix=in}"},
      {"http.in.rbac.rules.allowed",
       "http.rbac.allowed {envoy.rbac_http_prefix=rules,envoy.http_conn_manager_prefix=in}"},
      {"http.in.ext_authz.az.ok",
       "http.ext_authz.ok {envoy.ext_authz_prefix=az,envoy.http_conn_manager_prefix=in}"},
      {"listener.127.0.0.1_80.downstream_cx_total",
       "listener.downstream_cx_total {envoy.listener_address=127.0.0.1_80}"},
      {"listener.[__1]_80.downstream_cx_total",
       "listener.downstream_cx_total {envoy.listener_address=[__1]_80}"},
      {"listener.admin.downstream_cx_total", "listener.admin.downstream_cx_total {}"},
      {"listener.0.0.0.0_80.worker_3.downstream_cx_active",
       "listener.worker_downstream_cx_active "
       "{envoy.worker_id=3,envoy.listener_address=0.0.0.0_80}"},
      {"listener.0.0.0.0_80.http.in.downstream_rq_5xx",
       "listener.http.downstream_rq_xx {envoy.response_code_class=5,"
       "envoy.http_conn_manager_prefix=in,envoy.listener_address=0.0.0.0_80}"},
      {"listener.0.0.0.0_443.ssl.ciphers.ECDHE-RSA-AES128-GCM-SHA256",
       "listener.ssl.ciphers "
       "{envoy.ssl_cipher=ECDHE-RSA-AES128-GCM-SHA256,envoy.listener_address=0.0.0.0_443}"},
      {"cluster.up.ssl.versions.TLSv1.3",
       "cluster.ssl.versions {envoy.ssl_version=TLSv1.3,envoy.cluster_name=up}"},
      {"cluster.up.ssl.ciphers.AES",
       "cluster.ssl.ciphers {cipher_suite=AES,envoy.cluster_name=up}"},
      {"server.worker_0.watchdog_miss", "server.worker_watchdog_miss {envoy.worker_id=0}"},
      {"tcp.t.downstream_cx_total", "tcp.downstream_cx_total {envoy.tcp_prefix=t}"},
      {"vhost.v.vcluster.c.upstream_rq_total",
       "vhost.vcluster.upstream_rq_total {envoy.virtual_cluster=c,envoy.virtual_host=v}"},
      {"vhost.v.route.r.upstream_rq_timeout",
       "vhost.route.upstream_rq_timeout {envoy.virtual_host=v,envoy.route=r}"},
      {"rl.http_local_rate_limit.ok",
       "http_local_rate_limit.ok {envoy.local_http_ratelimit_prefix=rl}"},
      {"proxy_proto.versions.v2.found", "proxy_proto.found {envoy.proxy_protocol_version=2}"},
      {"sds.cert.key_rotation_failed", "sds.key_rotation_failed {envoy.xds_resource_name=cert}"},
      {"cluster.up", "cluster.up {}"},
      {"", " {}"},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    CHECK(Default(row.name) == row.expected);
  }
}

// The order of labels that Envoy 1.40 printed for the same rules.
TEST_CASE("the operator's rules stand between the general and the particular ones", "[stats]") {
  TagRules rules;
  TagRule fixed;
  fixed.name = "fixed.one";
  fixed.fixed_value = "f";
  rules.rules = {fixed, RegexRule("mine", "^cluster\\.(([^.]+)_suffix\\.)"),
                 RegexRule("anyrq", "(_rq(?=_total))")};
  absl::StatusOr<TagExtractor> extractor = TagExtractor::Create(rules);
  REQUIRE(extractor.ok());
  CHECK(Text(*extractor, "cluster.x_suffix.upstream_rq_total") ==
        "cluster.upstream_total {fixed.one=f,anyrq=_rq,envoy.cluster_name=x_suffix,mine=x}");
  CHECK(Text(*extractor, "cluster.up.upstream_rq_200") ==
        "cluster.upstream_rq {envoy.response_code=200,fixed.one=f,envoy.cluster_name=up}");
  CHECK(Text(*extractor, "server.live") == "server.live {fixed.one=f}");
}

TEST_CASE("without the defaults only named ones apply", "[stats]") {
  TagRules rules;
  rules.use_all_default_tags = false;
  rules.rules.emplace_back().name = "envoy.cluster_name";
  absl::StatusOr<TagExtractor> extractor = TagExtractor::Create(rules);
  REQUIRE(extractor.ok());
  CHECK(Text(*extractor, "cluster.up.upstream_rq_200") ==
        "cluster.upstream_rq_200 {envoy.cluster_name=up}");
  CHECK(Text(*extractor, "http.in.downstream_rq_total") == "http.in.downstream_rq_total {}");
}

TEST_CASE("of two rules for one tag the first match counts", "[stats]") {
  TagRules rules;
  rules.rules = {RegexRule("envoy.response_code", "(_r(q)_)")};
  absl::StatusOr<TagExtractor> extractor = TagExtractor::Create(rules);
  REQUIRE(extractor.ok());
  CHECK(Text(*extractor, "x.upstream_rq_200") == "x.upstream_rq {envoy.response_code=200}");
  CHECK(Text(*extractor, "x.upstream_rq_a") == "x.upstreama {envoy.response_code=q}");
}

TEST_CASE("a rule that says nothing is refused", "[stats]") {
  TagRules rules;
  rules.rules.emplace_back().name = "unheard.of";
  CHECK(TagExtractor::Create(rules).status().message() ==
        "No regex specified for tag specifier and no default regex for name: 'unheard.of'");
  rules.rules = {RegexRule("", "(a)")};
  CHECK(TagExtractor::Create(rules).status().message() == "tag_name cannot be empty");
}

}  // namespace
}  // namespace remora::stats
