#include "source/extensions/http_filters/csrf/csrf.h"

#include <algorithm>
#include <utility>

#include "envoy/extensions/filters/http/csrf/v3/csrf.pb.h"
#include "source/config/extension_values.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;
using http::Method;

std::optional<Csrf::Config> Csrf::Parse(const Proto& proto, config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  Config config;
  config.enabled = config::ParseFractionSetting(proto.filter_enabled());
  config.shadow_enabled = config::ParseFractionSetting(proto.shadow_enabled());
  config.additional_origins =
      config::ParseStringMatchers(proto.additional_origins(), "additional_origins", context);
  if (context.errors().size() > errors) return std::nullopt;
  return config;
}

std::optional<Csrf::RouteConfig> Csrf::ParseRoute(const RouteProto& proto,
                                                  config::ConfigContext& context) {
  return Parse(proto, context);
}

http::FilterPtr Csrf::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<CsrfFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> Csrf::CreateWorkerState(const Config&,
                                                                 const http::WorkerSetup& setup) {
  return std::make_unique<CsrfState>(setup);
}

std::string_view OriginHost(std::string_view text) {
  if (text == "null") return {};
  constexpr std::string_view kMark = "://";
  const size_t mark = text.find(kMark);
  if (mark == std::string_view::npos) return text;
  std::string_view host = text.substr(mark + kMark.size());
  host = host.substr(0, host.find_first_of("/?#"));
  const size_t at = host.rfind('@');
  return at == std::string_view::npos ? host : host.substr(at + 1);
}

bool CsrfFilter::Check(const Csrf::Config& policy, const http::RequestHead& head) const {
  const CsrfStats& stats = context_.worker_state<CsrfState>().stats;
  std::string_view source = OriginHost(head.headers.Get(HeaderId::kOrigin));
  if (source.empty()) source = OriginHost(head.headers.Get(HeaderId::kReferer));
  if (source.empty()) {
    stats.missing_source_origin.Inc();
    return false;
  }
  const auto& others = policy.additional_origins;
  const bool valid =
      source == head.authority ||
      std::any_of(others.begin(), others.end(),
                  [&](const route::StringMatcher& other) { return other.Matches(source); });
  (valid ? stats.request_valid : static_cast<const stats::Counter&>(stats.request_invalid)).Inc();
  return valid;
}

Answer CsrfFilter::OnRequestHead(http::RequestHead& head) {
  const Method method = head.method_id;
  if (method != Method::kPost && method != Method::kPut && method != Method::kDelete &&
      method != Method::kPatch) {
    return Answer::kContinue;
  }
  const auto* route = context_.RouteConfig<Csrf::RouteConfig>();
  const Csrf::Config& policy = route != nullptr ? *route : config_;
  const runtime::Snapshot& runtime = context_.runtime();
  const bool enabled = policy.enabled.Matches(runtime, context_.random().Next());
  if (!enabled && !policy.shadow_enabled.Matches(runtime, context_.random().Next())) {
    return Answer::kContinue;
  }
  if (Check(policy, head) || !enabled) return Answer::kContinue;
  http::LocalReply reply;
  reply.status = 403;
  reply.body = "Invalid origin";
  reply.details = "csrf_origin_mismatch";
  context_.SendLocalReply(std::move(reply));
  return Answer::kContinue;
}

}  // namespace remora::extensions
