#include "source/extensions/http_filters/rbac/rbac.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/rbac/v3/rbac.pb.h"
#include "source/config/rbac_config.h"

namespace remora::extensions {
namespace {

using http::MetadataValue;

constexpr const char* kMetadataName = "envoy.filters.http.rbac";
constexpr const char* kCommonMetadataName = "envoy.common";

// Users write a prefix with or without its last dot.
std::string WithDot(const std::string& prefix) {
  return prefix.empty() || prefix.ends_with('.') ? prefix : prefix + ".";
}

void SetText(MetadataValue& space, const std::string& key, std::string_view text) {
  MetadataValue& value = space.fields[key];
  value = {};
  value.kind = MetadataValue::Kind::kString;
  value.text = text;
}

// "<prefix>_effective_policy_id" and "<prefix>_engine_result".
void Tell(MetadataValue& space, const std::string& prefix, const rbac::Rules::Decision& decision) {
  if (!decision.policy.empty()) {
    SetText(space, absl::StrCat(prefix, "_effective_policy_id"), decision.policy);
  }
  SetText(space, absl::StrCat(prefix, "_engine_result"), decision.allowed ? "allowed" : "denied");
}

void TellLog(MetadataValue& space, bool matched) {
  MetadataValue& hint = space.fields["access_log_hint"];
  hint = {};
  hint.kind = MetadataValue::Kind::kBoolean;
  hint.boolean = matched;
}

}  // namespace

std::optional<RequestRbac::Config> RequestRbac::Parse(const Proto& proto,
                                                      config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  if (proto.has_rules()) {
    config.rules = config::ParseRbac(proto.rules(), config::RbacOf::kRequests, "rules", context);
  }
  if (proto.has_shadow_rules()) {
    config.shadow =
        config::ParseRbac(proto.shadow_rules(), config::RbacOf::kRequests, "shadow_rules", context);
  }
  config.prefix = proto.rules_stat_prefix();
  config.shadow_prefix = proto.shadow_rules_stat_prefix();
  config.per_policy = proto.track_per_rule_stats();
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<RequestRbac::RouteConfig> RequestRbac::ParseRoute(const RouteProto& proto,
                                                                config::ConfigContext& context) {
  config::ConfigContext inner(context.errors(), absl::StrCat(context.path(), ".rbac"),
                              context.around());
  return Parse(proto.rbac(), inner);
}

http::FilterPtr RequestRbac::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<RequestRbacFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> RequestRbac::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<RequestRbacState>(config, setup);
}

RequestRbacState::RequestRbacState(const RequestRbac::Config& config,
                                   const http::WorkerSetup& setup)
    : scope_(setup.scope),
      shard_(setup.shard),
      prefix_(absl::StrCat("rbac.", WithDot(config.prefix))),
      shadow_prefix_(absl::StrCat("rbac.", WithDot(config.shadow_prefix))) {
  allowed = scope_.MakeCounter(shard_, prefix_ + "allowed");
  denied = scope_.MakeCounter(shard_, prefix_ + "denied");
  shadow_allowed = scope_.MakeCounter(shard_, shadow_prefix_ + "shadow_allowed");
  shadow_denied = scope_.MakeCounter(shard_, shadow_prefix_ + "shadow_denied");
}

void RequestRbacState::CountPolicy(bool shadow, std::string_view policy, std::string_view name) {
  std::string full = absl::StrCat(shadow ? shadow_prefix_ : prefix_, "policy.", std::string(policy),
                                  ".", std::string(name));
  auto found = policies_.find(full);
  if (found == policies_.end()) {
    const stats::Counter counter = scope_.MakeCounter(shard_, full);
    found = policies_.emplace(std::move(full), counter).first;
  }
  found->second.Inc();
}

void RequestRbacFilter::AskShadow(const RequestRbac::Config& config, const rbac::Subject& subject) {
  auto& state = context_.worker_state<RequestRbacState>();
  const rbac::Rules::Decision decision = config.shadow->Decide(subject);
  (decision.allowed ? state.shadow_allowed : state.shadow_denied).Inc();
  if (config.per_policy && !decision.policy.empty()) {
    state.CountPolicy(true, decision.policy, decision.allowed ? "shadow_allowed" : "shadow_denied");
  }
  Tell(metadata_.Open(context_.stream_info(), kMetadataName),
       absl::StrCat(config.shadow_prefix, "shadow"), decision);
}

rbac::Rules::Decision RequestRbacFilter::Ask(const RequestRbac::Config& config,
                                             const rbac::Subject& subject) {
  auto& state = context_.worker_state<RequestRbacState>();
  http::StreamInfo& info = context_.stream_info();
  const rbac::Rules::Decision decision = config.rules->Decide(subject);
  (decision.allowed ? state.allowed : state.denied).Inc();
  if (config.per_policy && !decision.policy.empty()) {
    state.CountPolicy(false, decision.policy, decision.allowed ? "allowed" : "denied");
  }
  Tell(metadata_.Open(info, kMetadataName), absl::StrCat(config.prefix, "enforced"), decision);
  if (config.rules->only_logs()) {
    TellLog(metadata_.Open(info, kCommonMetadataName), !decision.policy.empty());
  }
  return decision;
}

http::Answer RequestRbacFilter::OnRequestHead(http::RequestHead& head) {
  const auto* route = context_.RouteConfig<RequestRbac::RouteConfig>();
  const RequestRbac::Config& config = route != nullptr ? *route : config_;
  const http::StreamInfo& info = context_.stream_info();
  static constexpr http::ConnectionFacts kUnknown;
  const rbac::Subject subject{info.connection != nullptr ? *info.connection : kUnknown, &head,
                              &info};
  if (config.shadow != nullptr) AskShadow(config, subject);
  if (config.rules == nullptr) return http::Answer::kContinue;
  const rbac::Rules::Decision decision = Ask(config, subject);
  if (!decision.allowed) {
    http::LocalReply reply;
    reply.status = 403;
    reply.body = "RBAC: access denied";
    reply.details = context_.arena().Copy(rbac::DenialText(decision.policy));
    context_.SendLocalReply(std::move(reply));
  }
  return http::Answer::kContinue;
}

}  // namespace remora::extensions
