#include "source/http/router/router_filter.h"

#include <utility>

#include "source/http/router/route_action.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::router {

using http::Answer;
using http::ErrorKind;
using http::HeaderId;
using http::Method;
using http::ProxyError;
using http::ResponseFlag;
using http::Side;
using upstream::AddOwn;

namespace {

// RFC 9110 section 9.2.2. What a method outside of it means is not known.
bool IsIdempotent(const http::RequestHead& head) {
  if (head.framing == http::Framing::kTunnel) return false;
  switch (head.method_id) {
    case Method::kGet:
    case Method::kHead:
    case Method::kOptions:
    case Method::kTrace:
    case Method::kPut:
    case Method::kDelete:
      return true;
    default:
      return false;
  }
}

}  // namespace

RouterFilter::RouterFilter(const Config& config, http::FilterContext& context)
    : config_(config),
      context_(context),
      attempt_(*this, context),
      body_(context.blocks()),
      timeout_(context.dispatcher().timers(), &OnTimeout, this) {}

RouterFilter::~RouterFilter() {
  attempt_.End();
  retry_.reset();
  if (cluster_ != nullptr) cluster_->RemoveUser();
}

// --- the request ---

Answer RouterFilter::OnRequestHead(http::RequestHead& head) {
  request_ = &head;
  stats().rq_total.Inc();
  const route::Route* route = context_.route();
  if (route == nullptr) {
    stats().no_route.Inc();
    Reply({Side::kLocal, ErrorKind::kNoRoute});
    return Answer::kContinue;
  }
  if (route->answers()) {
    ReplyDirectly();
    return Answer::kContinue;
  }
  policy_ = route->failure_policy();
  const route::ClusterChoice& choice = *context_.match().cluster;
  const std::string_view name = choice.NameFor(head);
  cluster_ = choice.cluster_header == nullptr
                 ? context_.worker_state<RouterState>().clusters.Find(context_.clusters(), choice)
                 : context_.clusters().Find(name);
  if (cluster_ == nullptr) {
    stats().no_cluster.Inc();
    context_.stream_info().cluster_name = {};  // as in Envoy, logs name those that there are
    Reply({Side::kLocal, ErrorKind::kNoCluster}, ClusterNotFoundStatus(*route));
    return Answer::kContinue;
  }
  cluster_->AddUser();
  context_.stream_info().cluster_name = name;
  if (InMaintenance()) [[unlikely]] {
    cluster_->stats().upstream_rq_maintenance_mode.Inc();
    Reply({Side::kLocal, ErrorKind::kMaintenance});
    return Answer::kContinue;
  }
  // As Envoy: a route that bounds the whole stream has no timeout of its own.
  if (!route->forward()->max_stream_duration.has_value()) {
    timeouts_.global = route->timeout();
    if (route->forward()->max_grpc_timeout.has_value()) [[unlikely]]
      ReadGrpcTimeout(*route->forward(), head, timeouts_);
  }
  attempt_.wish.once = !IsIdempotent(head);
  if (has_body()) {
    keeping_ = true;
    body_limit_ = context_.request_buffer_limit();
  }
  if (const route::RouteExtras* extras = route->extras()) [[unlikely]]
    ReadExtras(*extras, head);
  if (policy_ != nullptr || head.headers.HasAnyOf(kControlFields)) [[unlikely]] {
    if (!Prepare(head)) return Answer::kContinue;
  }
  TellTimeout(config_, timeouts_, 0, head);
  if (policy_ != nullptr && policy_->count_attempts_in_request) {
    head.headers.SetReference(HeaderId::kXEnvoyAttemptCount, "1");
  }
  // Header changes may name it, and a request that finds no host has tried.
  context_.stream_info().upstream_attempts = 1;
  FinalizeRequest(context_, !config_.suppress_envoy_headers, head);
  if (policy_ != nullptr && !policy_->mirrors.empty() && head.framing != http::Framing::kTunnel) {
    StartMirrors(head);
  }
  const bool plain = attempt_.wish.priority == upstream::Priority::kDefault && !hash_.has_value() &&
                     cluster_->takes_any() && !context_.stream_info().connection->names_source &&
                     context_.stream_info().override_host == nullptr;
  BeginTry(plain ? cluster_->PickPool() : cluster_->PickPool(HostFor(head)));
  return Answer::kContinue;
}

bool RouterFilter::WantsConnection() const {
  return cluster_->wants_passage() || cluster_->wants_destination() ||
         context_.stream_info().connection->names_source;
}

// As Envoy: another try may go anywhere.
const http::OverrideHost* RouterFilter::NamedHost() const {
  const http::StreamInfo& info = context_.stream_info();
  const http::OverrideHost* named = info.override_host;
  return named != nullptr && (info.upstream_attempts == 1 || named->every_try) ? named : nullptr;
}

upstream::HostWish RouterFilter::HostFor(const http::RequestHead& head) {
  upstream::HostWish wish = cluster_->WishFor(head);
  wish.priority = attempt_.wish.priority;
  wish.hash = hash_;
  wish.named = NamedHost();
  if (!WantsConnection()) [[likely]]
    return wish;
  const http::StreamInfo& info = context_.stream_info();
  if (cluster_->wants_passage() || info.connection->names_source) {
    wish.passage = info.connection->FindPassage();
  }
  if (cluster_->wants_destination()) {
    const std::optional<net::Address> found = cluster_->FindDestination(
        info.dynamic_metadata, &head.headers,
        info.connection->local_restored ? info.connection->FindLocal() : nullptr);
    destination_ = found.has_value() ? arena().New<net::Address>(*found) : nullptr;
    wish.destination = destination_;
  }
  return wish;
}

void RouterFilter::ReadExtras(const route::RouteExtras& extras, http::RequestHead& head) {
  RequestStatsTable& table = context_.worker_state<RouterState>().request_stats;
  http::StreamInfo& info = context_.stream_info();
  if (extras.virtual_clusters != nullptr) {
    const route::VirtualClusters::Entry& entry = extras.virtual_clusters->Find(head);
    info.virtual_cluster_name = entry.name;
    counted_in_.Add(table.Find(entry.stat_prefix));
  }
  if (!extras.stat_prefix.empty()) counted_in_.Add(table.Find(extras.stat_prefix));
  if (extras.hash != nullptr && cluster_->wants_hash()) {
    const route::HashPolicy::Client client{
        info.downstream_remote, [&info] {
          const net::Address* local = info.connection->FindLocal();
          return info.connection->direct_remote->ToString() +
                 (local != nullptr ? local->ToString() : std::string());
        }};
    hash_ = extras.hash->Hash(head, client, [this](const std::string& cookie) {
      cookies_.push_back(arena().Copy(cookie));
    });
  }
  if (extras.ends_connect && head.method_id == Method::kConnect) {
    head.tunnel_ends_here = true;
    attempt_.UseNewConnections();
  }
}

bool RouterFilter::InMaintenance() const {
  const runtime::Snapshot& runtime = context_.runtime();
  if (runtime.values().empty()) return false;
  return runtime.FractionOf(cluster_->maintenance_key(), {.numerator = 0})
      .Matches(context_.random().Next());
}

bool RouterFilter::Prepare(http::RequestHead& head) {
  if (const http::HeaderEntry* field = FindRefusedField(config_, head)) {
    ReplyRefusedField(*field);
    return false;
  }
  const route::RetryPolicy* retry = nullptr;
  if (policy_ != nullptr) {
    retry = policy_->retry.get();
    if (policy_->high_priority) attempt_.wish.priority = upstream::Priority::kHigh;
    if (policy_->body_limit.has_value()) body_limit_ = *policy_->body_limit;
  }
  if (retry != nullptr) {
    timeouts_.per_try = retry->per_try_timeout;
    timeouts_.per_try_idle = retry->per_try_idle_timeout;
  }
  ReadTimeouts(config_, head, timeouts_);
  if (RetryState::IsAskedFor(retry, head)) {
    const RetryState::Setup setup{
        retry,      *cluster_, attempt_.wish.priority, context_.random(), context_.dispatcher(),
        counted_in_};
    retry_ = arena().Make<RetryState>(setup, head, &OnDelayOver, this);
  }
  alt_stat_name_ = head.headers.Get(HeaderId::kXEnvoyUpstreamAltStatName);
  head.headers.RemoveAnyOf(kControlFields);
  return true;
}

void RouterFilter::StartMirrors(http::RequestHead& head) {
  mirrors_ = arena().Make<Mirrors>();
  Shadows& shadows = context_.worker_state<RouterState>().shadows;
  for (const route::MirrorPolicy& mirror : policy_->mirrors) {
    std::string_view name = mirror.cluster;
    if (!mirror.cluster_header.empty()) {
      const http::HeaderEntry* field = head.headers.Find(mirror.cluster_header);
      name = field != nullptr ? field->value() : std::string_view();
    }
    if (name.empty() || !mirror.fraction.Matches(context_.runtime(), context_.random().Next())) {
      continue;
    }
    upstream::ClusterRuntime* cluster = context_.clusters().Find(name);
    if (cluster == nullptr) continue;
    const Shadow::Setup setup{shadows, *cluster, body_limit_, timeouts_.global, mirror.host_suffix};
    auto shadow = std::make_unique<Shadow>(setup, head);
    Shadow& started = *shadow;
    shadows.Add(std::move(shadow));
    mirrors_->Add(started);
    started.Start();
    if (!has_body() && request_ended_) started.SendEnd(nullptr);
  }
}

void RouterFilter::BeginTry(upstream::Pool* pool) {
  if (pool == nullptr) {
    const http::OverrideHost* named = NamedHost();
    const bool missing =
        named != nullptr && named->strict && cluster_->FindNamed(*named) == nullptr;
    Reply({Side::kLocal, ErrorKind::kNoHealthyHost}, missing ? named->status : uint16_t{0});
    return;
  }
  if (pool->held() != nullptr) host_ = pool->held();
  if (retry_ != nullptr) retry_->Tried(pool->host());
  const bool first = context_.stream_info().upstream_attempts == 1;
  RewriteHost(context_, pool->host().config().hostname, first && !config_.suppress_envoy_headers,
              *request_);
  attempt_.Begin(*pool);
}

void RouterFilter::OnTryWaits() {
  if (source_paused_) return;
  source_paused_ = true;
  context_.request_source().Pause(http::PauseReason::kSinkFull);
}

void RouterFilter::OnTryReady() {
  counted_in_.Inc(&RequestStats::total);
  http::ClientCodecStream& stream = attempt_.stream();
  stream.OnHead(*request_);
  // A tunnel that ends here is answered at once, which may end it all.
  if (!attempt_.active()) return;
  if (request_->framing == http::Framing::kTunnel && !request_->tunnel_ends_here) [[unlikely]] {
    tunnel_asked_ = true;
    return;
  }
  if (!body_.empty()) {
    attempt_.CountSent(body_.length());
    if (keeping_ && WantsBody()) {
      buffer::Buffer copy(context_.blocks());
      copy.AppendShared(body_);
      stream.OnData(copy);
    } else {
      keeping_ = false;
      stream.OnData(body_);
    }
  }
  if (request_ended_) EndRequestUpstream();
  ResumeSource();
}

void RouterFilter::ResumeSource() {
  if (!source_paused_) return;
  source_paused_ = false;
  context_.request_source().Resume(http::PauseReason::kSinkFull);
}

Answer RouterFilter::OnRequestData(buffer::Buffer& data) {
  if (mirrors_ != nullptr) mirrors_->SendData(data);
  if (done_) {
    data.Clear();
  } else if (attempt_.active() && !keeping_ && !tunnel_asked_) {
    attempt_.Touch();
    attempt_.CountSent(data.length());
    attempt_.stream().OnData(data);
  } else {
    SendBody(data);
  }
  return Answer::kContinue;
}

// Body that may be needed again, or for which there is no stream yet.
void RouterFilter::SendBody(buffer::Buffer& data) {
  if (keeping_ && body_.length() + data.length() > body_limit_) {
    GiveUpKeeping();
    if (done_) {
      data.Clear();
      return;
    }
  }
  if (!attempt_.active()) {
    body_.MoveFrom(data);
    return;
  }
  if (tunnel_asked_) {
    if (response_started_) {
      data.Clear();
    } else {
      body_.MoveFrom(data);
      OnTryWaits();
    }
    return;
  }
  if (keeping_ && WantsBody()) {
    body_.AppendShared(data);
  } else if (keeping_) {
    keeping_ = false;
    body_.Clear();
  }
  attempt_.Touch();
  attempt_.CountSent(data.length());
  attempt_.stream().OnData(data);
}

void RouterFilter::GiveUpKeeping() {
  keeping_ = false;
  if (retry_ != nullptr) cluster_->stats().retry_or_shadow_abandoned.Inc();
  if (attempt_.active()) {
    if (!tunnel_asked_) body_.Clear();
  } else if (!attempt_.waiting()) {
    // Between two tries: there is nowhere to put it.
    Reply({Side::kLocal, ErrorKind::kRetryBufferLimit});
    return;
  }
  retry_.reset();
}

Answer RouterFilter::OnRequestEnd(http::HeaderMap* trailers) {
  request_ended_ = true;
  trailers_ = trailers;
  request_end_ = context_.dispatcher().now();
  if (mirrors_ != nullptr) mirrors_->SendEnd(trailers);
  if (done_) return Answer::kContinue;
  if (attempt_.active() && !tunnel_asked_) EndRequestUpstream();
  ArmTimeout();
  return Answer::kContinue;
}

void RouterFilter::EndRequestUpstream() {
  attempt_.stream().OnEnd(trailers_);
  context_.stream_info().upstream_request_end = context_.dispatcher().now();
  if (timeouts_.per_try > 0 || timeouts_.per_try_idle > 0) attempt_.StartTimers(timeouts_);
}

// --- another try ---

bool RouterFilter::ActOn(RetryState::Answer answer) {
  switch (answer) {
    case RetryState::Answer::kNo:
      return false;
    case RetryState::Answer::kLimit:
      context_.stream_info().flags.Set(ResponseFlag::kUpstreamRetryLimitExceeded);
      return false;
    case RetryState::Answer::kOverflow:
      context_.stream_info().flags.Set(ResponseFlag::kUpstreamOverflow);
      return false;
    case RetryState::Answer::kYes:
      break;
  }
  OnTryWaits();
  retry_->StartDelay();
  return true;
}

void RouterFilter::OnDelayOver(void* self) { static_cast<RouterFilter*>(self)->TryAgain(); }

void RouterFilter::TryAgain() {
  if (done_) return;
  attempt_.End();
  // The cluster may have gone, or been replaced, since the last try.
  upstream::ClusterRuntime* cluster = context_.clusters().Find(context_.stream_info().cluster_name);
  if (cluster == nullptr) {
    Reply({Side::kLocal, ErrorKind::kNoHealthyHost});
    return;
  }
  if (cluster != cluster_) {
    attempt_.Forget();
    retry_->MoveTo(*cluster);
    cluster->AddUser();
    std::exchange(cluster_, cluster)->RemoveUser();
  }
  const uint32_t attempts = ++context_.stream_info().upstream_attempts;
  if (policy_ != nullptr && policy_->count_attempts_in_request) {
    request_->headers.SetReference(HeaderId::kXEnvoyAttemptCount, NumberText(arena(), attempts));
  }
  const event::Duration elapsed = request_ended_ ? context_.dispatcher().now() - request_end_ : 0;
  TellTimeout(config_, timeouts_, elapsed, *request_);
  upstream::HostWish wish = HostFor(*request_);
  retry_->Avoid(wish);
  BeginTry(cluster_->PickPool(wish));
}

// --- the response ---

void RouterFilter::OnTryInterim(http::ResponseHead& head) {
  CountResponse(head.status);
  context_.response_sink().OnInterim(head);
}

void RouterFilter::OnTryHead(http::ResponseHead& head) {
  http::StreamInfo& info = context_.stream_info();
  info.upstream_first_byte = context_.dispatcher().now();
  info.upstream_version = head.version;
  if (retry_ != nullptr && ActOn(retry_->OnHead(head))) {
    cluster_->CountRetriedResponse(head.status);
    upstream::HostCounters& counters = attempt_.host()->counters(cluster_->worker().index);
    AddOwn<uint64_t>(counters.rq_error, 1);
    attempt_.Discard(head);
    return;
  }
  response_started_ = true;
  if (keeping_) {
    keeping_ = false;
    // What waits for the answer of a tunnel has not been sent.
    if (!tunnel_asked_) body_.Clear();
  }
  CountResponse(head.status);
  CountHostResult(head.status);
  // The request of a tunnel has no end to count from.
  if (!config_.suppress_envoy_headers &&
      (request_ended_ || request_->framing != http::Framing::kTunnel)) {
    // An early answer has waited for nothing yet.
    const event::Duration waited = request_ended_ ? info.upstream_first_byte - request_end_ : 0;
    head.headers.SetReference(HeaderId::kXEnvoyUpstreamServiceTime,
                              NumberText(arena(), waited / event::kMillisecond));
  }
  if (policy_ != nullptr && policy_->count_attempts_in_response) {
    head.headers.SetReference(HeaderId::kXEnvoyAttemptCount,
                              NumberText(arena(), info.upstream_attempts));
  }
  for (const std::string_view cookie : cookies_) {
    head.headers.AddReference(HeaderId::kSetCookie, cookie);
  }
  // Header changes may name it.
  if (info.response_code_details.empty()) info.response_code_details = "via_upstream";
  FinalizeResponse(context_, head);
  if (tunnel_asked_) [[unlikely]]
    OnTunnelAnswer(head);
  context_.response_sink().OnHead(head);
}

// What has waited goes into the tunnel; without one it is nobody's.
void RouterFilter::OnTunnelAnswer(const http::ResponseHead& head) {
  tunnel_asked_ = head.framing != http::Framing::kTunnel;
  if (tunnel_asked_) {
    body_.Clear();
  } else {
    attempt_.CountSent(body_.length());
    if (!body_.empty()) attempt_.stream().OnData(body_);
    if (request_ended_) EndRequestUpstream();
  }
  ResumeSource();
}

void RouterFilter::OnTryEnd(http::HeaderMap* trailers) {
  const event::TimePoint now = context_.dispatcher().now();
  context_.stream_info().upstream_last_byte = now;
  if (request_ended_) {
    const auto time = static_cast<uint64_t>((now - request_end_) / event::kMillisecond);
    cluster_->stats().upstream_rq_time.Record(time);
    counted_in_.ForEach([time](RequestStats& stats) { stats.time.Record(time); });
  }
  done_ = true;
  timeout_.Disarm();
  // The connection's output may have been full: nothing is sent to it any more.
  context_.request_source().Resume(http::PauseReason::kConnectionFull);
  context_.response_sink().OnEnd(trailers);
}

void RouterFilter::OnTryFailed(const ProxyError& error, bool began) {
  if (done_) return;
  if (response_started_) {
    http::StreamInfo& info = context_.stream_info();
    info.response_code_details = arena().Copy(http::UpstreamResetDetails(error.kind, true));
    info.flags.Set(http::ReplyFor(error.kind).flag);
    ResetResponse(error);
    return;
  }
  NoteFailure(error);
  if (retry_ != nullptr && ActOn(retry_->OnFailure(error.kind, began))) return;
  Reply(error);
}

// What is known of the transport, in Envoy's words.
void RouterFilter::NoteFailure(const ProxyError& error) {
  std::string_view& text = context_.stream_info().upstream_failure;
  text = {};
  if (error.from_transport) {
    text = arena().Copy(error.detail);
  } else if (error.kind == ErrorKind::kConnectFailure && !error.detail.empty()) {
    text = arena().Copy("delayed connect error: " + std::string(error.detail));
  }
}

// Too late for another answer.
void RouterFilter::ResetResponse(const ProxyError& error) {
  FinishUpstream();
  stats().rq_reset_after_downstream_response_started.Inc();
  const http::ErrorReply& row = http::ReplyFor(error.kind);
  http::StreamInfo& info = context_.stream_info();
  info.flags.Set(row.flag);
  if (!row.details.empty()) info.response_code_details = row.details;
  context_.response_sink().OnReset(error);
}

void RouterFilter::CountResponse(uint16_t status) {
  if (context_.stream_info().health_check) return;  // as Envoy: it says nothing of the traffic
  cluster_->CountResponse(status, request_->headers.Has(HeaderId::kXEnvoyInternal));
  counted_in_.ForEach([status](RequestStats& stats) { stats.CountResponse(status); });
  if (!alt_stat_name_.empty()) [[unlikely]]
    cluster_->CountResponseAs(alt_stat_name_, status);
}

void RouterFilter::CountHostResult(uint16_t status) {
  upstream::HostCounters& counters = attempt_.host()->counters(cluster_->worker().index);
  AddOwn<uint64_t>(status >= 500 ? counters.rq_error : counters.rq_success, 1);
}

// --- the end ---

void RouterFilter::FinishUpstream() {
  done_ = true;
  timeout_.Disarm();
  if (retry_ != nullptr) retry_->Stop();
  if (!body_.empty()) body_.Clear();
  attempt_.End();
}

void RouterFilter::OnComplete() {
  FinishUpstream();
  if (mirrors_ != nullptr && !request_ended_) mirrors_->Drop();
}

}  // namespace remora::router
