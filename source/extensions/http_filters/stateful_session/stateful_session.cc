#include "source/extensions/http_filters/stateful_session/stateful_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb.h"

namespace remora::extensions {

using http::Answer;

std::optional<StatefulSession::Config> StatefulSession::Parse(const Proto& proto,
                                                              config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  if (proto.has_session_state()) {
    config.state = SessionState::Parse(proto.session_state(), "session_state", context);
  }
  config.strict = proto.strict();
  config.stat_prefix = proto.stat_prefix();
  const uint32_t status = proto.status_on_strict_destination_not_found();
  if (status != 0 && (status < 200 || status > 599)) {
    context.AddError("status_on_strict_destination_not_found", "must be 0 or from 200 to 599");
  }
  config.status = static_cast<uint16_t>(status);
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<StatefulSession::RouteConfig> StatefulSession::ParseRoute(
    const RouteProto& proto, config::ConfigContext& context) {
  RouteConfig route;
  if (proto.disabled()) return route;
  config::ConfigContext inner(context.errors(), context.path() + ".stateful_session",
                              context.around());
  route.session = Parse(proto.stateful_session(), inner);
  if (!route.session.has_value()) return std::nullopt;
  return route;
}

http::FilterPtr StatefulSession::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<StatefulSessionFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> StatefulSession::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<StatefulSessionState>(config, setup);
}

StatefulSessionState::StatefulSessionState(const StatefulSession::Config& config,
                                           const http::WorkerSetup& setup)
    : own_(config), root_(setup.scope.root()), shard_(setup.shard) {
  if (!config.stat_prefix.empty()) own_stats_ = Make(setup.scope, config.stat_prefix);
}

StatefulSessionStats StatefulSessionState::Make(stats::Scope& scope,
                                                const std::string& prefix) const {
  const auto counter = [&](const char* name) {
    return scope.MakeCounter(shard_, absl::StrCat("stateful_session.", prefix, ".", name));
  };
  return {counter("routed"), counter("failed_open"), counter("failed_closed"),
          counter("no_session")};
}

const StatefulSessionStats* StatefulSessionState::StatsOf(const StatefulSession::Config& config) {
  if (config.stat_prefix.empty()) return nullptr;
  if (&config == &own_) return &*own_stats_;
  auto found = of_routes_.find(config.stat_prefix);
  if (found == of_routes_.end()) {
    found = of_routes_.emplace(config.stat_prefix, Make(root_, config.stat_prefix)).first;
  }
  return &found->second;
}

void StatefulSessionFilter::Count(stats::Counter StatefulSessionStats::* counter) const {
  const StatefulSessionStats* stats =
      context_.worker_state<StatefulSessionState>().StatsOf(*session_);
  if (stats != nullptr) (stats->*counter).Inc();
}

Answer StatefulSessionFilter::OnRequestHead(http::RequestHead& head) {
  const auto* const route = context_.RouteConfig<StatefulSession::RouteConfig>();
  session_ = route == nullptr ? &config_ : route->session.has_value() ? &*route->session : nullptr;
  if (session_ == nullptr) return Answer::kContinue;
  covered_ = session_->state.has_value() && session_->state->CoversPath(head.path);
  if (!covered_) return Answer::kContinue;
  const int64_t now = context_.dispatcher().wall_now() / event::kSecond;
  const std::optional<std::string_view> address = session_->state->Take(head, now);
  if (!address.has_value()) return Answer::kContinue;
  wanted_ = {.name = *address, .strict = session_->strict, .status = session_->status};
  context_.stream_info().override_host = &wanted_;
  return Answer::kContinue;
}

Answer StatefulSessionFilter::OnResponseHead(http::ResponseHead& head) {
  if (session_ == nullptr) return Answer::kContinue;
  const http::StreamInfo& info = context_.stream_info();
  if (info.upstream_host.empty()) {
    // As Envoy: also when the client said no host and there was none at all.
    if (covered_ && session_->strict && info.flags.Has(http::ResponseFlag::kNoHealthyUpstream)) {
      Count(&StatefulSessionStats::failed_closed);
    }
    return Answer::kContinue;
  }
  if (!covered_) {
    Count(&StatefulSessionStats::no_session);
    return Answer::kContinue;
  }
  const int64_t now = context_.dispatcher().wall_now() / event::kSecond;
  const bool known = wanted_.name == info.upstream_host;
  // As Envoy: a host that the client is not told of counts as the one that it wanted.
  if (!session_->state->Give(info.upstream_host, known, now, head)) {
    Count(&StatefulSessionStats::routed);
  } else if (!session_->strict) {
    Count(&StatefulSessionStats::failed_open);
  }
  return Answer::kContinue;
}

}  // namespace remora::extensions
