#include "source/http/filter/request_limits.h"

#include <utility>

namespace remora::http {

std::vector<route::RateLimitDescriptor> DescribeRequest(
    const LimitsChoice& choice, const route::MatchResult& match, const StreamInfo& info,
    const RequestHead& head, absl::FunctionRef<bool(const route::RateLimit&)> counts) {
  std::vector<route::RateLimitDescriptor> descriptors;
  const auto describe = [&](const route::RateLimits* limits) {
    if (limits == nullptr) return;
    const route::RateLimitRequest request{
        head, info, choice.source_cluster,
        match.cluster != nullptr ? match.cluster->NameFor(head) : std::string_view()};
    for (const route::RateLimit& limit : *limits) {
      // Lists of filters have no stages.
      if (limits != choice.own && limit.stage != choice.stage) continue;
      route::RateLimitDescriptor descriptor;
      if (counts(limit) && limit.Describe(request, descriptor)) {
        descriptors.push_back(std::move(descriptor));
      }
    }
  };
  if (choice.own != nullptr) {
    describe(choice.own);
    return descriptors;
  }
  const route::ForwardAction* const action =
      match.route != nullptr ? match.route->forward() : nullptr;
  if (action == nullptr) return descriptors;
  const route::RateLimits* const of_route = action->rate_limits.get();
  describe(of_route);
  const VirtualHostLimits option =
      action->include_virtual_host_rate_limits ? VirtualHostLimits::kInclude : choice.virtual_host;
  if (option == VirtualHostLimits::kInclude ||
      (option == VirtualHostLimits::kOverride && of_route == nullptr)) {
    describe(match.virtual_host->rate_limits());
  }
  return descriptors;
}

}  // namespace remora::http
