#include "source/http/router/retry_state.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "source/http/router/upstream_headers.h"

namespace remora::router {

using http::ErrorKind;
using http::HeaderId;
using Resource = upstream::ClusterRuntime::Resource;

namespace {

// Calls `f` for each trimmed, non-empty part of a comma-separated list.
template <class F>
void ForEachPart(std::string_view list, F&& f) {
  while (!list.empty()) {
    std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), part.size() + 1));
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) f(part);
  }
}

bool IsConnectFailure(ErrorKind kind) {
  return kind == ErrorKind::kConnectFailure || kind == ErrorKind::kConnectTimeout ||
         kind == ErrorKind::kLocalConnectFailure;
}

// The bit of a gRPC status that may be tried again; 0 for the others.
uint32_t GrpcBit(uint64_t status) {
  switch (status) {
    case 1:
      return route::kRetryOnGrpcCancelled;
    case 4:
      return route::kRetryOnGrpcDeadlineExceeded;
    case 8:
      return route::kRetryOnGrpcResourceExhausted;
    case 13:
      return route::kRetryOnGrpcInternal;
    case 14:
      return route::kRetryOnGrpcUnavailable;
    default:
      return 0;
  }
}

}  // namespace

bool RetryState::IsAskedFor(const route::RetryPolicy* policy, const http::RequestHead& head) {
  return (policy != nullptr && policy->retry_on != 0) ||
         head.headers.Has(HeaderId::kXEnvoyRetryOn) ||
         head.headers.Has(HeaderId::kXEnvoyRetryGrpcOn);
}

RetryState::RetryState(const Setup& setup, const http::RequestHead& head,
                       event::Timer::Callback on_delay_over, void* argument)
    : policy_(setup.policy),
      cluster_(&setup.cluster),
      priority_(setup.priority),
      counted_in_(setup.counted_in),
      random_(setup.random),
      dispatcher_(setup.dispatcher),
      timer_(setup.dispatcher.timers(), on_delay_over, argument) {
  if (policy_ != nullptr) {
    retry_on_ = policy_->retry_on;
    left_ = policy_->num_retries;
    interval_ = policy_->base_interval;
    max_interval_ = policy_->max_interval;
  }
  ReadRequest(head);
}

void RetryState::ReadRequest(const http::RequestHead& head) {
  bool known = false;  // words that are none are ignored
  const http::HeaderMap& headers = head.headers;
  retry_on_ |= route::ParseRetryOn(headers.Get(HeaderId::kXEnvoyRetryOn), known);
  retry_on_ |= route::ParseRetryGrpcOn(headers.Get(HeaderId::kXEnvoyRetryGrpcOn), known);
  if (policy_ != nullptr && !policy_->RequestAllowed(head)) retry_on_ = 0;
  if (retry_on_ != 0 && headers.Has(HeaderId::kXEnvoyMaxRetries)) {
    left_ = ReadNumber(headers.Get(HeaderId::kXEnvoyMaxRetries)).value_or(left_);
  }
  ForEachPart(headers.Get(HeaderId::kXEnvoyRetriableStatusCodes), [this](std::string_view part) {
    const std::optional<uint64_t> code = ReadNumber(part);
    if (code.has_value()) status_codes_.push_back(static_cast<uint32_t>(*code));
  });
  ForEachPart(headers.Get(HeaderId::kXEnvoyRetriableHeaderNames), [this,
                                                                   &head](std::string_view part) {
    char* name = head.arena().AllocateBytes(part.size());
    std::transform(part.begin(), part.end(), name, [](char c) { return absl::ascii_tolower(c); });
    head_names_.emplace_back(name, part.size());
  });
}

RetryState::Answer RetryState::OnHead(const http::ResponseHead& head) {
  const bool wanted = WantsHead(head);
  if (wanted) ReadResetFields(head);
  return Decide(wanted);
}

RetryState::Answer RetryState::OnFailure(ErrorKind kind, bool began) {
  return Decide(WantsFailure(kind, began));
}

bool RetryState::WantsHead(const http::ResponseHead& head) const {
  using namespace route;  // NOLINT(google-build-using-namespace): the bits
  // An overloaded rate limit must not be met with more requests, unless that is asked for.
  if (head.headers.Find("x-envoy-ratelimited") != nullptr) {
    return (retry_on_ & kRetryOnEnvoyRateLimited) != 0;
  }
  const uint16_t status = head.status;
  if ((retry_on_ & kRetryOn5xx) && status >= 500 && status < 600) return true;
  if ((retry_on_ & kRetryOnGatewayError) && status >= 502 && status <= 504) return true;
  if ((retry_on_ & kRetryOnRetriable4xx) && status == 409) return true;
  if (retry_on_ & kRetryOnStatusCodes) {
    const auto has = [status](const std::vector<uint32_t>& codes) {
      return std::find(codes.begin(), codes.end(), status) != codes.end();
    };
    if (has(status_codes_) || (policy_ != nullptr && has(policy_->status_codes))) return true;
  }
  if (retry_on_ & kRetryOnHeaders) {
    if (policy_ != nullptr && policy_->ResponseMatches(head)) return true;
    for (const std::string_view name : head_names_) {
      if (head.headers.Find(name) != nullptr) return true;
    }
  }
  return (retry_on_ & kRetryOnGrpc) != 0 && WantsGrpc(head);
}

bool RetryState::WantsGrpc(const http::ResponseHead& head) const {
  if (!head.headers.Has(HeaderId::kGrpcStatus)) return false;
  const std::optional<uint64_t> status = ReadNumber(head.headers.Get(HeaderId::kGrpcStatus));
  return status.has_value() && (retry_on_ & GrpcBit(*status)) != 0;
}

bool RetryState::WantsFailure(ErrorKind kind, bool began) const {
  // A full breaker is not helped by more requests.
  if (kind == ErrorKind::kOverflow) return false;
  if (retry_on_ & (route::kRetryOnReset | route::kRetryOn5xx | route::kRetryOnGatewayError)) {
    return true;
  }
  if ((retry_on_ & route::kRetryOnResetBeforeRequest) && !began) return true;
  if ((retry_on_ & route::kRetryOnRefusedStream) && kind == ErrorKind::kRemoteRefused) return true;
  return (retry_on_ & route::kRetryOnConnectFailure) && IsConnectFailure(kind);
}

RetryState::Answer RetryState::Decide(bool wanted) {
  const upstream::ClusterStats& stats = cluster_->stats();
  if (!wanted && holds_place_) {
    stats.upstream_rq_retry_success.Inc();
    counted_in_.Inc(&RequestStats::retry_success);
  }
  Release();
  if (!wanted) return Answer::kNo;
  if (left_ == 0) {
    stats.upstream_rq_retry_limit_exceeded.Inc();
    counted_in_.Inc(&RequestStats::retry_limit_exceeded);
    return Answer::kLimit;
  }
  --left_;
  if (!cluster_->Allows(Resource::kRetry, priority_)) {
    stats.upstream_rq_retry_overflow.Inc();
    counted_in_.Inc(&RequestStats::retry_overflow);
    return Answer::kOverflow;
  }
  cluster_->Take(Resource::kRetry, priority_);
  holds_place_ = true;
  stats.upstream_rq_retry.Inc();
  counted_in_.Inc(&RequestStats::retry);
  return Answer::kYes;
}

// The first field that says a time within the limit.
void RetryState::ReadResetFields(const http::ResponseHead& head) {
  asked_delay_ = 0;
  if (policy_ == nullptr) return;
  constexpr uint64_t kMostSeconds = INT64_MAX / event::kSecond;
  for (const route::ResetHeader& field : policy_->reset_headers) {
    const http::HeaderEntry* entry = head.headers.Find(field.name);
    if (entry == nullptr) continue;
    const std::optional<uint64_t> number = ReadNumber(entry->value());
    if (!number.has_value() || *number > kMostSeconds) continue;
    event::Duration delay = static_cast<event::Duration>(*number) * event::kSecond;
    if (field.format == route::ResetHeader::Format::kUnixTimestamp) {
      delay -= dispatcher_.wall_now();
    }
    if (delay < 0 || delay > policy_->reset_max_interval) continue;
    if (delay > event::kMillisecond) asked_delay_ = delay;
    return;
  }
}

void RetryState::StartDelay() {
  event::Duration delay = 0;
  if (asked_delay_ > 0) {
    // Not before it, and not all at once after it.
    delay = asked_delay_ +
            static_cast<event::Duration>(random_.Below(static_cast<uint64_t>(asked_delay_ / 2)));
    asked_delay_ = 0;
    cluster_->stats().upstream_rq_retry_backoff_ratelimited.Inc();
  } else {
    // Exponential with full jitter.
    delay = static_cast<event::Duration>(random_.Below(static_cast<uint64_t>(interval_)));
    interval_ = std::min(interval_ * 2, max_interval_);
    cluster_->stats().upstream_rq_retry_backoff_exponential.Inc();
  }
  timer_.Arm(dispatcher_.now() + delay);
}

void RetryState::Avoid(upstream::HostWish& wish) const {
  if (policy_ == nullptr || !policy_->avoid_previous_hosts) return;
  wish.avoid = tried_.data();
  wish.avoid_count = tried_.size();
  wish.more_picks = policy_->more_picks;
}

void RetryState::MoveTo(upstream::ClusterRuntime& cluster) {
  const bool held = holds_place_;
  Release();
  cluster_ = &cluster;
  tried_.clear();
  if (!held) return;
  cluster_->Take(Resource::kRetry, priority_);
  holds_place_ = true;
}

void RetryState::Release() {
  if (!holds_place_) return;
  holds_place_ = false;
  cluster_->Give(Resource::kRetry, priority_);
}

}  // namespace remora::router
