#include "source/extensions/http_filters/ext_authz/stats.h"

#include "source/config/text.h"

namespace remora::extensions {
namespace {

std::string PrefixOf(std::string_view stat_prefix) {
  return stat_prefix.empty() ? "ext_authz." : config::Concat("ext_authz.", stat_prefix, ".");
}

}  // namespace

ExtAuthzState::ExtAuthzState(std::string_view stat_prefix, const http::WorkerSetup& setup)
    : of_clusters(PrefixOf(stat_prefix)) {
  const auto counter = [&](std::string_view name) {
    return setup.scope.MakeCounter(setup.shard, config::Concat(of_clusters.prefix(), name));
  };
  ok = counter("ok");
  denied = counter("denied");
  error = counter("error");
  disabled = counter("disabled");
  failure_mode_allowed = counter("failure_mode_allowed");
  invalid = counter("invalid");
  ignored_dynamic_metadata = counter("ignored_dynamic_metadata");
}

}  // namespace remora::extensions
