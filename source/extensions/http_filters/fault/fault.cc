#include "source/extensions/http_filters/fault/fault.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;
using http::ResponseFlag;

namespace {

// What may wait of a response when the connection has no limit of its own.
constexpr uint64_t kMostWaiting = 1024 * 1024;
constexpr uint64_t kLongestDelay = uint64_t{100} * 366 * 24 * 3600 * 1000;

}  // namespace

std::optional<Fault::Config> Fault::Parse(const Proto& proto, config::ConfigContext& context) {
  std::optional<FaultSettings> settings = ParseFaultSettings(proto, context);
  if (!settings.has_value()) return std::nullopt;
  return Config{*std::move(settings), std::make_unique<std::atomic<uint64_t>>(0)};
}

std::optional<Fault::RouteConfig> Fault::ParseRoute(const RouteProto& proto,
                                                    config::ConfigContext& context) {
  return ParseFaultSettings(proto, context);
}

http::FilterPtr Fault::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<FaultFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> Fault::CreateWorkerState(const Config&,
                                                                  const http::WorkerSetup& setup) {
  return std::make_unique<FaultState>(setup);
}

FaultFilter::FaultFilter(const Fault::Config& config, http::FilterContext& context)
    : config_(config),
      context_(context),
      delay_timer_(context.dispatcher().timers(), &OnDelayOver, this),
      tick_timer_(context.dispatcher().timers(), &OnTick, this) {}

// --- the request ---

Answer FaultFilter::OnRequestHead(http::RequestHead& head) {
  const auto* route = context_.RouteConfig<Fault::RouteConfig>();
  settings_ = route != nullptr ? route : &config_.settings;
  if (!AppliesTo(head)) return Answer::kContinue;
  head_ = &head;
  downstream_cluster_ = head.headers.Get(HeaderId::kXEnvoyDownstreamServiceCluster);
  MaybeLimitResponse();
  if (MaybeDelay()) return Answer::kPause;
  MaybeAbort();
  return Answer::kContinue;
}

bool FaultFilter::AppliesTo(const http::RequestHead& head) const {
  const FaultSettings& settings = *settings_;
  if (!settings.upstream_cluster.empty()) {
    const route::ClusterChoice* cluster = context_.match().cluster;
    if (cluster == nullptr || cluster->NameFor(head) != settings.upstream_cluster) return false;
  }
  if (!settings.nodes.empty()) {
    const std::string_view node = head.headers.Get(HeaderId::kXEnvoyDownstreamServiceNode);
    if (!settings.nodes.contains(absl::string_view(node.data(), node.size()))) return false;
  }
  return std::all_of(settings.headers.begin(), settings.headers.end(),
                     [&](const route::HeaderMatcher& header) { return header.Matches(head); });
}

std::string FaultFilter::ClusterKey(std::string_view rest) const {
  if (downstream_cluster_.empty()) return {};
  return absl::StrCat("fault.http.", std::string(downstream_cluster_), ".", std::string(rest));
}

bool FaultFilter::Happens(const FaultShare& share, std::string_view key,
                          std::string_view cluster_key) const {
  const std::string own = cluster_key.empty() ? std::string() : ClusterKey(cluster_key);
  const runtime::Fraction fraction =
      context_.runtime().FractionOf(own.empty() ? key : own, share.For(*head_));
  return fraction.Matches(context_.random().Next());
}

uint64_t FaultFilter::Value(std::string_view key, std::string_view cluster_key,
                            uint64_t otherwise) const {
  const uint64_t value = context_.runtime().Integer(key, otherwise);
  const std::string own = ClusterKey(cluster_key);
  return own.empty() ? value : context_.runtime().Integer(own, value);
}

bool FaultFilter::TakeFault() {
  // One a request, however many faults it gets.
  if (active_) return true;
  const uint64_t most =
      context_.runtime().Integer(settings_->keys.max_active_faults, settings_->max_active_faults);
  if (config_.active_faults->load(std::memory_order_relaxed) >= most) {
    state().stats.faults_overflow.Inc();
    return false;
  }
  config_.active_faults->fetch_add(1, std::memory_order_relaxed);
  state().stats.active_faults.Inc();
  active_ = true;
  return true;
}

void FaultFilter::MaybeLimitResponse() {
  const auto& limit = settings_->rate_limit;
  if (!limit.has_value()) return;
  if (!Happens(limit->share, settings_->keys.rate_limit_percent, {})) return;
  const std::optional<uint64_t> rate = limit->KibPerSecondFor(*head_);
  if (!rate.has_value() || !TakeFault()) return;
  state().stats.response_rl_injected.Inc();
  limiter_.emplace(*rate, context_.dispatcher().now(), context_.blocks());
  most_waiting_ = std::min(context_.response_buffer_limit(), kMostWaiting);
}

std::optional<uint64_t> FaultFilter::DelayMilliseconds() const {
  const auto& delay = settings_->delay;
  if (!delay.has_value()) return std::nullopt;
  const FaultSettings::Keys& keys = settings_->keys;
  if (!Happens(delay->share, keys.delay_percent, "delay.fixed_delay_percent")) return std::nullopt;
  const std::optional<uint64_t> configured = delay->MillisecondsFor(*head_);
  if (!configured.has_value()) return std::nullopt;
  const uint64_t length = Value(keys.delay_duration, "delay.fixed_duration_ms", *configured);
  if (length == 0) return std::nullopt;
  return std::min(length, kLongestDelay);
}

bool FaultFilter::MaybeDelay() {
  const std::optional<uint64_t> milliseconds = DelayMilliseconds();
  if (!milliseconds.has_value() || !TakeFault()) return false;
  state().stats.delays_injected.Inc();
  if (settings_->count_by_downstream_cluster && !downstream_cluster_.empty()) {
    state().CountDelayFrom(downstream_cluster_);
  }
  context_.stream_info().flags.Set(ResponseFlag::kDelayInjected);
  delay_timer_.Arm(context_.dispatcher().now() +
                   static_cast<event::Duration>(*milliseconds) * event::kMillisecond);
  return true;
}

void FaultFilter::OnDelayOver(void* self) {
  auto* filter = static_cast<FaultFilter*>(self);
  if (!filter->MaybeAbort()) filter->context_.ResumeRequest();
}

bool FaultFilter::MaybeAbort() {
  const auto& abort = settings_->abort;
  if (!abort.has_value()) return false;
  const FaultSettings::Keys& keys = settings_->keys;
  if (!Happens(abort->share, keys.abort_percent, "abort.abort_percent")) return false;
  http::LocalReply reply;
  if (const auto grpc = abort->GrpcStatusFor(*head_); grpc.has_value()) {
    reply.status = 200;
    reply.grpc_status =
        static_cast<uint32_t>(Value(keys.abort_grpc_status, "abort.grpc_status", *grpc));
  } else if (const auto http = abort->HttpStatusFor(*head_); http.has_value()) {
    const uint64_t status = Value(keys.abort_http_status, "abort.http_status", *http);
    // A runtime value is not checked before it comes here.
    reply.status = static_cast<uint16_t>(status >= 200 && status < 600 ? status : *http);
  } else {
    return false;
  }
  if (!TakeFault()) return false;
  state().stats.aborts_injected.Inc();
  if (settings_->count_by_downstream_cluster && !downstream_cluster_.empty()) {
    state().CountAbortFrom(downstream_cluster_);
  }
  reply.body = "fault filter abort";
  reply.details = "fault_filter_abort";
  reply.flag = ResponseFlag::kFaultInjected;
  context_.SendLocalReply(std::move(reply));
  return true;
}

// --- the response ---

Answer FaultFilter::OnResponseData(buffer::Buffer& data) {
  if (!limiter_.has_value()) return Answer::kContinue;
  const event::TimePoint now = context_.dispatcher().now();
  limiter_->Pass(data, now);
  if (limiter_->waiting() == 0) return Answer::kContinue;
  if (!tick_timer_.armed()) tick_timer_.Arm(now + ResponseLimiter::kTick);
  // A pause keeps what is in `data`. Where something waits already there is nothing in it.
  if (!data.empty() || limiter_->waiting() <= most_waiting_) return Answer::kContinue;
  paused_ = true;
  return Answer::kPause;
}

Answer FaultFilter::OnResponseEnd(http::HeaderMap*) {
  if (!limiter_.has_value() || limiter_->waiting() == 0) return Answer::kContinue;
  ended_ = true;
  return Answer::kPause;
}

void FaultFilter::OnTick(void* self) {
  auto& filter = *static_cast<FaultFilter*>(self);
  const event::TimePoint now = filter.context_.dispatcher().now();
  buffer::Buffer out(filter.context_.blocks());
  filter.limiter_->Release(out, now);
  if (!out.empty()) filter.context_.AddResponseData(out);
  const uint64_t waiting = filter.limiter_->waiting();
  if (waiting > 0) {
    filter.tick_timer_.Arm(now + ResponseLimiter::kTick);
  } else if (filter.ended_) {
    filter.context_.ResumeResponse();
  }
  if (filter.paused_ && waiting <= filter.most_waiting_ / 2) {
    filter.paused_ = false;
    filter.context_.ResumeResponse();
  }
}

// --- the end ---

void FaultFilter::OnComplete() {
  delay_timer_.Disarm();
  tick_timer_.Disarm();
  if (limiter_.has_value()) limiter_->Clear();
  if (!active_) return;
  active_ = false;
  config_.active_faults->fetch_sub(1, std::memory_order_relaxed);
  state().stats.active_faults.Dec();
}

}  // namespace remora::extensions
