#include "source/extensions/http_filters/cors/cors.h"

#include <algorithm>
#include <utility>

#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "source/config/extension_values.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;

namespace {

constexpr std::string_view kRequestMethod = "access-control-request-method";
constexpr std::string_view kRequestHeaders = "access-control-request-headers";
constexpr std::string_view kRequestPrivateNetwork = "access-control-request-private-network";
constexpr std::string_view kAllowOrigin = "access-control-allow-origin";
constexpr std::string_view kAllowCredentials = "access-control-allow-credentials";
constexpr std::string_view kAllowMethods = "access-control-allow-methods";
constexpr std::string_view kAllowHeaders = "access-control-allow-headers";
constexpr std::string_view kMaxAge = "access-control-max-age";
constexpr std::string_view kAllowPrivateNetwork = "access-control-allow-private-network";
constexpr std::string_view kExposeHeaders = "access-control-expose-headers";

std::string_view ValueOf(const http::HeaderMap& headers, std::string_view name) {
  const http::HeaderEntry* entry = headers.Find(name);
  return entry == nullptr ? std::string_view() : entry->value();
}

// What is set here came in as a field or was checked when the configuration was loaded.
void SetField(http::HeaderMap& headers, std::string_view name, std::string_view value) {
  [[maybe_unused]] const bool valid = headers.Set(name, value);
}

// `field` of the policy, refused when it cannot be a field's value.
std::string FieldValue(const std::string& text, std::string_view field,
                       config::ConfigContext& context) {
  if (!http::IsValidHeaderValue(text)) {
    context.AddError(field, "a header field cannot hold control characters");
  }
  return text;
}

}  // namespace

std::optional<Cors::Config> Cors::Parse(const Proto&, config::ConfigContext&) { return Config(); }

std::optional<Cors::RouteConfig> Cors::ParseRoute(const RouteProto& proto,
                                                  config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  CorsPolicy policy;
  policy.allow_origins = config::ParseStringMatchers(proto.allow_origin_string_match(),
                                                     "allow_origin_string_match", context);
  policy.any_origin =
      std::any_of(policy.allow_origins.begin(), policy.allow_origins.end(),
                  [](const route::StringMatcher& matcher) { return matcher.Matches("*"); });
  policy.allow_methods = FieldValue(proto.allow_methods(), "allow_methods", context);
  policy.allow_headers = FieldValue(proto.allow_headers(), "allow_headers", context);
  policy.expose_headers = FieldValue(proto.expose_headers(), "expose_headers", context);
  policy.max_age = FieldValue(proto.max_age(), "max_age", context);
  if (proto.has_allow_credentials()) policy.allow_credentials = proto.allow_credentials().value();
  if (proto.has_allow_private_network_access()) {
    policy.allow_private_network = proto.allow_private_network_access().value();
  }
  if (proto.has_forward_not_matching_preflights()) {
    policy.forward_not_matching_preflights = proto.forward_not_matching_preflights().value();
  }
  if (proto.has_filter_enabled()) {
    policy.enabled = config::ParseFractionSetting(proto.filter_enabled());
  }
  if (proto.has_shadow_enabled()) {
    policy.shadow_enabled = config::ParseFractionSetting(proto.shadow_enabled());
  }
  if (context.errors().size() > errors) return std::nullopt;
  return policy;
}

http::FilterPtr Cors::Create(const Config&, http::FilterContext& context) {
  return context.arena().Make<CorsFilter>(context);
}

std::unique_ptr<http::FilterWorkerState> Cors::CreateWorkerState(const Config&,
                                                                 const http::WorkerSetup& setup) {
  return std::make_unique<CorsState>(setup);
}

bool CorsFilter::FindPolicies() {
  const route::Route* route = context_.route();
  if (route == nullptr || route->forward() == nullptr) return false;
  const void* levels[http::FilterContext::kRouteLevels];
  count_ = context_.RouteConfigLevels(levels);
  for (size_t i = 0; i < count_; ++i) {
    policies_[i] = static_cast<const CorsPolicy*>(levels[count_ - 1 - i]);
  }
  return count_ > 0;
}

std::string_view CorsFilter::Text(std::string CorsPolicy::* field) const {
  for (size_t i = 0; i < count_; ++i) {
    if (!(policies_[i]->*field).empty()) return policies_[i]->*field;
  }
  return {};
}

bool CorsFilter::Flag(std::optional<bool> CorsPolicy::* field, bool otherwise) const {
  for (size_t i = 0; i < count_; ++i) {
    if ((policies_[i]->*field).has_value()) return *(policies_[i]->*field);
  }
  return otherwise;
}

bool CorsFilter::Allows(std::string_view origin) const {
  for (size_t i = 0; i < count_; ++i) {
    const CorsPolicy& policy = *policies_[i];
    if (policy.allow_origins.empty()) continue;
    return policy.any_origin ||
           std::any_of(
               policy.allow_origins.begin(), policy.allow_origins.end(),
               [&](const route::StringMatcher& matcher) { return matcher.Matches(origin); });
  }
  return false;
}

Answer CorsFilter::OnRequestHead(http::RequestHead& head) {
  const std::string_view origin = head.headers.Get(HeaderId::kOrigin);
  if (origin.empty() || !FindPolicies()) return Answer::kContinue;
  const runtime::Snapshot& runtime = context_.runtime();
  const bool enabled = policies_[0]->enabled.Matches(runtime, context_.random().Next());
  if (!enabled && !policies_[0]->shadow_enabled.Matches(runtime, context_.random().Next())) {
    return Answer::kContinue;
  }
  const CorsStats& stats = context_.worker_state<CorsState>().stats;
  const bool allowed = Allows(origin);
  (allowed ? stats.origin_valid : static_cast<const stats::Counter&>(stats.origin_invalid)).Inc();
  if (!enabled) return Answer::kContinue;
  request_ = &head;
  if (allowed) origin_ = origin;
  const bool preflight =
      head.method_id == http::Method::kOptions && !ValueOf(head.headers, kRequestMethod).empty();
  if (!preflight) return Answer::kContinue;
  if (allowed || !Flag(&CorsPolicy::forward_not_matching_preflights, true)) AnswerPreflight();
  return Answer::kContinue;
}

void CorsFilter::AnswerPreflight() {
  preflight_ = true;
  http::LocalReply reply;
  reply.status = 200;
  reply.details = "cors_response";
  context_.SendLocalReply(std::move(reply));
}

void CorsFilter::AddPreflightFields(http::HeaderMap& headers) const {
  const std::string_view methods = Text(&CorsPolicy::allow_methods);
  if (!methods.empty()) {
    SetField(headers, kAllowMethods,
             methods == "*" ? ValueOf(request_->headers, kRequestMethod) : methods);
  }
  const std::string_view fields = Text(&CorsPolicy::allow_headers);
  if (!fields.empty()) {
    SetField(headers, kAllowHeaders,
             fields == "*" ? ValueOf(request_->headers, kRequestHeaders) : fields);
  }
  const std::string_view max_age = Text(&CorsPolicy::max_age);
  if (!max_age.empty()) SetField(headers, kMaxAge, max_age);
  if (ValueOf(request_->headers, kRequestPrivateNetwork) == "true" &&
      Flag(&CorsPolicy::allow_private_network, false)) {
    SetField(headers, kAllowPrivateNetwork, "true");
  }
}

Answer CorsFilter::OnResponseHead(http::ResponseHead& head) {
  if (origin_.empty() && !preflight_) return Answer::kContinue;
  http::HeaderMap& headers = head.headers;
  if (!origin_.empty()) SetField(headers, kAllowOrigin, origin_);
  if (Flag(&CorsPolicy::allow_credentials, false)) SetField(headers, kAllowCredentials, "true");
  if (preflight_) AddPreflightFields(headers);
  const std::string_view expose = Text(&CorsPolicy::expose_headers);
  if (!origin_.empty() && !expose.empty()) SetField(headers, kExposeHeaders, expose);
  return Answer::kContinue;
}

}  // namespace remora::extensions
