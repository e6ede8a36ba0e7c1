#pragma once

// The RBAC filter: asks access rules whether a request may pass, and answers it with 403 otherwise.
//
// envoy.extensions.filters.http.rbac.v3.RBAC; a route's takes the place of the filter's, but for
// the names of the statistics. What rules and shadow rules have decided is left in the dynamic
// metadata `envoy.filters.http.rbac`. The answer is 403 `RBAC: access denied`, details
// `rbac_access_denied_matched_policy[<policy>]`. Measured on Envoy 1.40.
// Source: Envoy source/extensions/filters/http/rbac/rbac_filter.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/config/registry.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/rbac/rules.h"
#include "source/stats/handles.h"

namespace envoy::extensions::filters::http::rbac::v3 {
class RBAC;
class RBACPerRoute;
}  // namespace envoy::extensions::filters::http::rbac::v3

namespace remora::extensions {

class RequestRbacFilter;

struct RequestRbac {
  using Proto = envoy::extensions::filters::http::rbac::v3::RBAC;
  using RouteProto = envoy::extensions::filters::http::rbac::v3::RBACPerRoute;
  using Filter = RequestRbacFilter;
  struct Config {
    std::shared_ptr<const rbac::Rules> rules;   // null: every request passes
    std::shared_ptr<const rbac::Rules> shadow;  // only count; null: none
    // In front of the names of what they count and tell; as written.
    std::string prefix;
    std::string shadow_prefix;
    bool per_policy = false;  // policies count too
  };
  using RouteConfig = Config;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.rbac.<rules_stat_prefix>` and `...<shadow_rules_stat_prefix>`
class RequestRbacState final : public http::FilterWorkerState {
 public:
  RequestRbacState(const RequestRbac::Config& config, const http::WorkerSetup& setup);

  stats::Counter allowed;         // Requests that the rules let pass.
  stats::Counter denied;          // That they refused.
  stats::Counter shadow_allowed;  // That the shadow rules would have let pass.
  stats::Counter shadow_denied;   // That they would have refused.

  // `policy.<policy>.<name>`, made when it first counts.
  void CountPolicy(bool shadow, std::string_view policy, std::string_view name);

 private:
  stats::Scope& scope_;
  stats::Shard& shard_;
  std::string prefix_;
  std::string shadow_prefix_;
  absl::flat_hash_map<std::string, stats::Counter> policies_;
};

class RequestRbacFilter final : public http::Filter {
 public:
  RequestRbacFilter(const RequestRbac::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;

 private:
  // Counts, and leaves in the metadata what was decided.
  void AskShadow(const RequestRbac::Config& config, const rbac::Subject& subject);
  rbac::Rules::Decision Ask(const RequestRbac::Config& config, const rbac::Subject& subject);

  const RequestRbac::Config& config_;
  http::FilterContext& context_;
  http::DynamicMetadata metadata_;
};

}  // namespace remora::extensions
