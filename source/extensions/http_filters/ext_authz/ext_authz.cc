#include "source/extensions/http_filters/ext_authz/ext_authz.h"

#include <utility>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"

namespace remora::extensions {

using http::Answer;
using http::Framing;

namespace {

constexpr const char* kMetadataName = "envoy.filters.http.ext_authz";

}  // namespace

std::optional<ExtAuthz::Config> ExtAuthz::Parse(const Proto& proto,
                                                config::ConfigContext& context) {
  return ParseExtAuthz(proto, context);
}

std::optional<ExtAuthz::RouteConfig> ExtAuthz::ParseRoute(const RouteProto& proto,
                                                          config::ConfigContext& context) {
  return ParseExtAuthzRoute(proto, context);
}

http::FilterPtr ExtAuthz::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<ExtAuthzFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> ExtAuthz::CreateWorkerState(
    const Config& config, const http::WorkerSetup& setup) {
  return std::make_unique<ExtAuthzState>(config.stat_prefix, setup);
}

// --- the request

bool ExtAuthzFilter::IsEnabled() const {
  const auto& enabled = settings_.enabled;
  if (enabled.has_value() && !enabled->Matches(context_.runtime(), context_.random().Next())) {
    return false;
  }
  return !settings_.enabled_metadata.has_value() ||
         settings_.enabled_metadata->Matches(context_.stream_info().dynamic_metadata);
}

std::optional<BodyLimit> ExtAuthzFilter::BodyWanted(const http::RequestHead& head) const {
  const bool has_body =
      head.framing == Framing::kStreamed || (head.framing == Framing::kLength && head.length > 0);
  const auto* const route = context_.RouteConfig<ExtAuthzRoute>();
  if (!has_body || (route != nullptr && route->without_body)) return std::nullopt;
  return route != nullptr && route->body.has_value() ? route->body : settings_.body;
}

Answer ExtAuthzFilter::OnRequestHead(http::RequestHead& head) {
  const auto* const route = context_.RouteConfig<ExtAuthzRoute>();
  if (context_.route() == nullptr || (route != nullptr && route->disabled)) {
    return Answer::kContinue;
  }
  if (!IsEnabled()) {
    state().disabled.Inc();
    const auto& deny = settings_.deny_at_disable;
    if (deny.has_value() && deny->In(context_.runtime())) {
      Refuse(settings_.status_on_error, "ext_authz_error");
    }
    return Answer::kContinue;
  }
  head_ = &head;
  limit_ = BodyWanted(head);
  if (!limit_.has_value()) {
    Ask();
    return Answer::kPause;
  }
  collecting_ = true;
  if (!limit_->partial) context_.SetRequestBufferLimit(limit_->max_bytes);
  return Answer::kHold;
}

Answer ExtAuthzFilter::OnRequestData(buffer::Buffer& data) {
  if (!collecting_) return Answer::kContinue;
  body_.AppendShared(data);
  if (!limit_->partial || body_.length() < limit_->max_bytes) return Answer::kHold;
  Ask();
  return Answer::kPause;
}

Answer ExtAuthzFilter::OnRequestEnd(http::HeaderMap*) {
  if (!collecting_) return Answer::kContinue;
  Ask();
  return Answer::kPause;
}

void ExtAuthzFilter::Ask() {
  collecting_ = false;
  asked_at_ = context_.dispatcher().now();
  if (context_.match().cluster != nullptr) cluster_ = context_.match().cluster->NameFor(*head_);
  CheckSubject subject{*head_, context_.stream_info(), context_.random().Next()};
  if (limit_.has_value()) {
    subject.body = &body_;
    subject.max_body = limit_->max_bytes;
  }
  const CheckService* service = &settings_.service;
  const void* levels[http::FilterContext::kRouteLevels];
  const size_t count = context_.RouteConfigLevels(levels);
  for (size_t i = 0; i < count; ++i) {
    const auto& level = *static_cast<const ExtAuthzRoute*>(levels[i]);
    for (const auto& [name, value] : level.context_extensions) {
      subject.context_extensions[name] = value;
    }
    // Only the most specific level chooses one.
    service = level.service.has_value() ? &*level.service : &settings_.service;
  }
  check_ = StartCheck(*service, settings_.content, subject, context_.clusters(), *this);
  body_.Clear();
}

// --- the answer

void ExtAuthzFilter::OnVerdict(Verdict verdict) {
  check_.reset();
  if (settings_.validate && verdict.bad_value) return RefuseInvalid();
  KeepMetadata(verdict.metadata, verdict.kind == Verdict::Kind::kAllowed);
  switch (verdict.kind) {
    case Verdict::Kind::kAllowed:
      return Allow(verdict);
    case Verdict::Kind::kDenied:
      return Deny(verdict);
    case Verdict::Kind::kFailed:
      return Fail(verdict);
  }
}

void ExtAuthzFilter::Allow(Verdict& verdict) {
  if (settings_.validate && !IsValid(verdict)) return RefuseInvalid();
  ApplyToRequest(verdict, *head_);
  if (settings_.reroute && ChangesRequest(verdict)) context_.Reroute();
  response_fields_ = std::move(verdict.response_fields);
  state().ok.Inc();
  CountOfCluster("ok");
  context_.ResumeRequest();
}

void ExtAuthzFilter::Deny(Verdict& verdict) {
  if (verdict.status == 0) verdict.status = ExtAuthzSettings::kForbidden;
  state().denied.Inc();
  CountOfCluster("denied");
  if (settings_.charge_cluster) {
    upstream::ClusterRuntime* const cluster = context_.clusters().Find(cluster_);
    if (cluster != nullptr) cluster->CountResponse(verdict.status, /*internal=*/true);
  }
  if (settings_.validate && !IsValid(verdict)) return RefuseInvalid();
  if (settings_.max_denied_body > 0 && verdict.body.size() > settings_.max_denied_body) {
    verdict.body.resize(settings_.max_denied_body);
  }
  Refuse(verdict.status, "ext_authz_denied", std::move(verdict.body),
         std::move(verdict.reply_fields));
}

void ExtAuthzFilter::Fail(Verdict& verdict) {
  state().error.Inc();
  CountOfCluster("error");
  if (!settings_.allow_on_failure) {
    const uint16_t status = verdict.status != 0 ? verdict.status : settings_.status_on_error;
    return Refuse(status, "ext_authz_error", std::move(verdict.body),
                  std::move(verdict.reply_fields));
  }
  state().failure_mode_allowed.Inc();
  CountOfCluster("failure_mode_allowed");
  if (settings_.tell_failure) head_->headers.Add("x-envoy-auth-failure-mode-allowed", "true");
  context_.ResumeRequest();
}

// The service has answered what must not be passed on.
void ExtAuthzFilter::RefuseInvalid() {
  state().invalid.Inc();
  CountOfCluster("invalid");
  Refuse(500, "ext_authz_invalid");
}

void ExtAuthzFilter::Refuse(uint16_t status, std::string_view details, std::string body,
                            std::vector<std::pair<std::string, std::string>> fields) {
  http::LocalReply reply;
  reply.status = status;
  reply.body = std::move(body);
  reply.details = details;
  reply.flag = http::ResponseFlag::kUnauthorizedExternalService;
  reply.fields = std::move(fields);
  context_.SendLocalReply(std::move(reply));
}

void ExtAuthzFilter::KeepMetadata(http::MetadataValue& metadata, bool allowed) {
  if (metadata.kind != http::MetadataValue::Kind::kStruct) return;
  if (!settings_.take_metadata) {
    state().ignored_dynamic_metadata.Inc();
    return;
  }
  if (allowed) {
    http::MetadataValue& duration = metadata.fields["ext_authz_duration"];
    duration = {};
    duration.kind = http::MetadataValue::Kind::kNumber;
    const event::Duration took = (context_.dispatcher().now() - asked_at_) / event::kMillisecond;
    duration.number = static_cast<double>(took);
  }
  metadata_.Merge(context_.stream_info(), kMetadataName, std::move(metadata));
}

void ExtAuthzFilter::CountOfCluster(std::string_view name) {
  if (!cluster_.empty()) state().of_clusters.Inc(context_.clusters(), cluster_, name);
}

// --- the response

Answer ExtAuthzFilter::OnResponseHead(http::ResponseHead& head) {
  ApplyChanges(response_fields_, head.headers);
  return Answer::kContinue;
}

void ExtAuthzFilter::OnComplete() { check_.reset(); }

}  // namespace remora::extensions
