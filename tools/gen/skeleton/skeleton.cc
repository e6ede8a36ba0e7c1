#include "tools/gen/skeleton/skeleton.h"

#include <memory>
#include <optional>
#include <string>

#include "source/http/filter/filter_context.h"
#include "tools/gen/skeleton/skeleton.pb.h"

namespace my_filters {
namespace {

using remora::http::Answer;
using remora::http::FilterContext;

// One a worker: what its thread alone changes.
struct SkeletonState final : remora::http::FilterWorkerState {
  explicit SkeletonState(const remora::http::WorkerSetup& setup)
      : told(setup.scope.MakeCounter(setup.shard, "skeleton.told")) {}
  remora::stats::Counter told;  // http.<stat_prefix>.skeleton.told
};

class SkeletonFilter;

struct Skeleton {
  using Proto = ::my_filters::v1::Skeleton;
  using RouteProto = ::my_filters::v1::SkeletonPerRoute;
  using Filter = SkeletonFilter;  // hooks that it does not override cost nothing
  // Immutable, shared by all workers.
  struct Config {
    std::string value;
  };
  struct RouteConfig {
    bool disabled = false;
  };

  // Pure. Every mistake is reported with AddError, then there is no value.
  static std::optional<Config> Parse(const Proto& proto, remora::config::ConfigContext& context) {
    if (!remora::http::IsValidHeaderValue(proto.value())) {
      context.AddError("value", "a header field cannot hold control characters");
      return std::nullopt;
    }
    return Config{proto.value()};
  }
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               remora::config::ConfigContext&) {
    return RouteConfig{proto.disabled()};
  }
  static std::unique_ptr<remora::http::FilterWorkerState> CreateWorkerState(
      const Config&, const remora::http::WorkerSetup& setup) {
    return std::make_unique<SkeletonState>(setup);
  }
  static remora::http::FilterPtr Create(const Config& config, FilterContext& context);
};

// One a request, in its arena.
class SkeletonFilter final : public remora::http::Filter {
 public:
  SkeletonFilter(const Skeleton::Config& config, FilterContext& context)
      : config_(config), context_(context) {}

  Answer OnResponseHead(remora::http::ResponseHead& head) override {
    const auto* const route = context_.RouteConfig<Skeleton::RouteConfig>();
    if (route != nullptr && route->disabled) return Answer::kContinue;
    head.headers.Set("x-skeleton", config_.value);
    context_.worker_state<SkeletonState>().told.Inc();
    return Answer::kContinue;
  }

 private:
  const Skeleton::Config& config_;
  FilterContext& context_;
};

remora::http::FilterPtr Skeleton::Create(const Config& config, FilterContext& context) {
  return context.arena().Make<SkeletonFilter>(config, context);
}

}  // namespace

void AddSkeleton(remora::config::Registry& registry) { registry.AddHttpFilter<Skeleton>(); }

}  // namespace my_filters
