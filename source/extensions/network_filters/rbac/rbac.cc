#include "source/extensions/network_filters/rbac/rbac.h"

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "source/config/rbac_config.h"

namespace remora::extensions {
namespace {

// `<stat_prefix>.rbac.`
struct ConnectionRbacStats {
  stats::NamedCounter<"allowed"> allowed;
  stats::NamedCounter<"denied"> denied;
};

// Users write a prefix with or without its last dot.
std::string WithDot(const std::string& prefix) {
  return prefix.empty() || prefix.ends_with('.') ? prefix : prefix + ".";
}

class Guard final : public net::ConnectionGuard {
 public:
  Guard(const ConnectionRbac::Config& config, const net::ChainSetup& setup)
      : config_(config),
        stats_(setup.scope.Make<ConnectionRbacStats>(setup.shard)),
        shadow_allowed_(setup.scope.MakeCounter(
            setup.shard, absl::StrCat(config.shadow_prefix, "shadow_allowed"))),
        shadow_denied_(setup.scope.MakeCounter(
            setup.shard, absl::StrCat(config.shadow_prefix, "shadow_denied"))) {}

  net::Admission OnFirstBytes(net::GuardedConnection& connection) override {
    http::ConnectionFacts facts;
    facts.local = &connection.local;
    facts.remote = &connection.remote;
    facts.direct_remote = &connection.direct_remote;
    facts.requested_server_name = connection.server_name;
    facts.tls = connection.tls;
    const rbac::Subject subject{facts};
    if (config_.shadow != nullptr) {
      (config_.shadow->Decide(subject).allowed ? shadow_allowed_ : shadow_denied_).Inc();
    }
    if (config_.rules == nullptr) return net::Admission::kAdmit;
    const rbac::Rules::Decision decision = config_.rules->Decide(subject);
    if (decision.allowed) {
      stats_.allowed.Inc();
      return net::Admission::kAdmit;
    }
    stats_.denied.Inc();
    connection.refusal = rbac::DenialText(decision.policy);
    return net::Admission::kRefuse;
  }

 private:
  const ConnectionRbac::Config& config_;
  ConnectionRbacStats stats_;
  stats::Counter shadow_allowed_;
  stats::Counter shadow_denied_;
};

}  // namespace

std::optional<ConnectionRbac::Config> ConnectionRbac::Parse(const Proto& proto,
                                                            config::ConfigContext& context) {
  Config config;
  config.stat_prefix = proto.stat_prefix();
  config.shadow_prefix = WithDot(proto.shadow_rules_stat_prefix());
  const size_t errors = context.errors().size();
  if (proto.has_rules()) {
    config.rules = config::ParseRbac(proto.rules(), config::RbacOf::kConnections, "rules", context);
  }
  if (proto.has_shadow_rules()) {
    config.shadow = config::ParseRbac(proto.shadow_rules(), config::RbacOf::kConnections,
                                      "shadow_rules", context);
  }
  // The loader refuses the other enforcement type, which asks again and again.
  if (proto.enforcement_type() != Proto::ONE_TIME_ON_FIRST_BYTE) {
    context.AddError("enforcement_type", "CONTINUOUS is not supported");
  }
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::string ConnectionRbac::StatScope(const Config& config) {
  return absl::StrCat(WithDot(config.stat_prefix), "rbac");
}

std::unique_ptr<net::ConnectionGuard> ConnectionRbac::Create(const Config& config,
                                                             const net::ChainSetup& setup) {
  return std::make_unique<Guard>(config, setup);
}

}  // namespace remora::extensions
