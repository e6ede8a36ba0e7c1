#include "source/http/filter/filter_chain.h"

#include <algorithm>
#include <new>
#include <utility>

#include "source/base/check.h"
#include "source/http/ascii.h"
#include "source/http/grpc_status.h"
#include "source/http/route/header_changes.h"

namespace remora::http {

FilterChain::FilterChain(const Environment& environment, const WorkerFilters& filters,
                         const RequestHead* request)
    : env_(environment), request_head_(request), deferred_(&RunDeferred, this) {
  grpc_request_ = request != nullptr && IsGrpcRequest(*request);
  if (request != nullptr && env_.routes != nullptr) {
    MatchRoute();
  }
  CreateFilters(filters);
}

void FilterChain::MatchRoute() {
  StreamInfo& info = env_.stream_info;
  match_ = env_.routes->Match(*request_head_, env_.random.Next(), &*env_.clusters.worker().runtime,
                              info.dynamic_metadata);
  info.route_name = {};
  info.route_metadata = nullptr;
  info.cluster_name = {};
  if (match_.virtual_host == nullptr) return;
  info.virtual_host_name = match_.virtual_host->name();
  info.virtual_host_metadata = match_.virtual_host->metadata();
  if (match_.route == nullptr) return;
  info.route_name = match_.route->name();
  info.route_metadata = match_.route->metadata();
  // Known before the router is asked: logs of filters' own answers name it too. One that a header
  // names may not exist; the router says.
  if (match_.cluster != nullptr && match_.cluster->cluster_header == nullptr) {
    info.cluster_name = match_.cluster->NameFor(*request_head_);
  }
}

FilterChain::~FilterChain() {
  CompleteNow();
  if (reply_ != nullptr) reply_->~LocalReply();
  for (uint32_t i = count_; i > 0; --i) entries_[i - 1].~Entry();
}

const route::FilterOverride* FindOverride(const route::FilterOverrides* overrides,
                                          const FilterFactory& factory) {
  if (overrides == nullptr) return nullptr;
  for (const route::FilterOverride& override : *overrides) {
    if (override.filter_name == factory.name) return &override;
  }
  return nullptr;
}

bool IsDisabled(const FilterFactory& factory, const route::FilterOverride* override) {
  return override != nullptr ? override->disabled : factory.disabled;
}

const route::FilterOverride* FilterChain::OverrideFor(const FilterFactory& factory) const {
  return FindOverride(match_.overrides, factory);
}

void FilterChain::CreateFilters(const WorkerFilters& filters) {
  const std::vector<FilterFactory>& factories = *filters.factories;
  entries_ =
      static_cast<Entry*>(env_.arena.Allocate(sizeof(Entry) * factories.size(), alignof(Entry)));
  for (size_t i = 0; i < factories.size(); ++i) {
    const FilterFactory& factory = factories[i];
    const route::FilterOverride* override = OverrideFor(factory);
    if (IsDisabled(factory, override)) continue;
    auto* context = env_.arena.New<FilterContext>(*this, count_);
    // The type was checked when the configuration was parsed: a wrong one never gets here.
    if (override != nullptr) context->route_config_ = override->config.get();
    context->worker_state_ = filters.worker_states[i].get();
    new (&entries_[count_]) Entry{FilterPtr(), context, &factory};
    ++count_;
  }
  CHECK(count_ > 0 && entries_[count_ - 1].factory->terminal);
  request_.emplace(request_hooks_, env_.arena, env_.blocks, count_, nullptr);
  response_.emplace(response_hooks_, env_.arena, env_.blocks, count_ - 1, &env_.downstream);
  request_->set_limit(env_.buffer_limit);
  response_->set_limit(env_.buffer_limit);
  // Last, because a filter may already ask for things when it is created.
  for (uint32_t i = 0; i < count_; ++i) {
    Entry& entry = entries_[i];
    const Hooks hooks = entry.factory->hooks;
    request_->SetWanted(i, hooks.request());
    if (i + 1 < count_) response_->SetWanted(ResponsePosition(i), hooks.response());
    entry.filter = entry.factory->create(entry.factory->config.get(), *entry.context);
  }
}

void FilterChain::RefreshRouteConfigs() {
  for (uint32_t i = 0; i < count_; ++i) {
    const route::FilterOverride* override = OverrideFor(*entries_[i].factory);
    entries_[i].context->route_config_ = override != nullptr ? override->config.get() : nullptr;
  }
}

// --- the request enters ---

void FilterChain::OnHead(RequestHead& head) {
  if (phase_ != Phase::kOpen) return;
  const Scope scope(*this);
  request_->Begin(head);
}

void FilterChain::OnData(buffer::Buffer& data) {
  if (phase_ != Phase::kOpen) {
    data.Clear();
    return;
  }
  const Scope scope(*this);
  request_->Data(data);
}

void FilterChain::OnEnd(HeaderMap* trailers) {
  if (phase_ != Phase::kOpen) return;
  const Scope scope(*this);
  request_->End(trailers);
}

void FilterChain::OnReset(const ProxyError&) {
  phase_ = Phase::kClosed;
  request_->Reset();
  response_->Reset();
  Complete();
}

Answer FilterChain::RequestHooks::CallHead(size_t position, RequestHead& head) {
  return chain_.entries_[position].filter->OnRequestHead(head);
}
Answer FilterChain::RequestHooks::CallData(size_t position, buffer::Buffer& data) {
  return chain_.entries_[position].filter->OnRequestData(data);
}
Answer FilterChain::RequestHooks::CallEnd(size_t position, HeaderMap* trailers) {
  return chain_.entries_[position].filter->OnRequestEnd(trailers);
}

void FilterChain::RequestHooks::OnOverLimit() {
  chain_.SendLocalReply(ReplyTo({Side::kLocal, ErrorKind::kRequestTooLarge}));
}

void FilterChain::RequestHooks::SetPaused(bool paused) {
  if (paused) {
    chain_.env_.request_source.Pause(PauseReason::kFilterPaused);
  } else {
    chain_.env_.request_source.Resume(PauseReason::kFilterPaused);
  }
}

// --- the response enters ---

// Filters see the one response that counts.
void FilterChain::ResponseEntry::OnInterim(ResponseHead& head) {
  if (chain_.phase_ != Phase::kOpen || chain_.response_->started()) return;
  chain_.env_.downstream.OnInterim(head);
}

void FilterChain::ResponseEntry::OnHead(ResponseHead& head) {
  if (chain_.phase_ != Phase::kOpen) return;
  const Scope scope(chain_);
  chain_.response_->Begin(head);
}

void FilterChain::ResponseEntry::OnData(buffer::Buffer& data) {
  if (chain_.phase_ != Phase::kOpen) {
    data.Clear();
    return;
  }
  const Scope scope(chain_);
  chain_.response_->Data(data);
}

void FilterChain::ResponseEntry::OnEnd(HeaderMap* trailers) {
  if (chain_.phase_ != Phase::kOpen) return;
  const Scope scope(chain_);
  chain_.response_->End(trailers);
}

void FilterChain::ResponseEntry::OnReset(const ProxyError& error) {
  // A reply or reset that is on its way takes the place of this one.
  if (chain_.phase_ != Phase::kOpen || chain_.response_->end_delivered()) return;
  chain_.phase_ = Phase::kClosed;
  chain_.request_->Reset();
  chain_.response_->Reset();
  chain_.env_.downstream.OnReset(error);
}

Answer FilterChain::ResponseHooks::CallHead(size_t position, ResponseHead& head) {
  return chain_.entries_[chain_.ResponsePosition(position)].filter->OnResponseHead(head);
}
Answer FilterChain::ResponseHooks::CallData(size_t position, buffer::Buffer& data) {
  return chain_.entries_[chain_.ResponsePosition(position)].filter->OnResponseData(data);
}
Answer FilterChain::ResponseHooks::CallEnd(size_t position, HeaderMap* trailers) {
  return chain_.entries_[chain_.ResponsePosition(position)].filter->OnResponseEnd(trailers);
}

void FilterChain::ResponseHooks::OnOverLimit() {
  chain_.SendLocalReply(ReplyTo({Side::kLocal, ErrorKind::kResponseTooLarge}));
}

void FilterChain::ResponseHooks::SetPaused(bool paused) {
  if (paused) {
    chain_.PauseResponse(PauseReason::kFilterPaused);
  } else {
    chain_.ResumeResponse(PauseReason::kFilterPaused);
  }
}

void FilterChain::PauseResponse(PauseReason reason) {
  response_pauses_.Set(reason);
  if (response_source_ != nullptr) response_source_->Pause(reason);
}

void FilterChain::ResumeResponse(PauseReason reason) {
  response_pauses_.Clear(reason);
  if (response_source_ != nullptr) response_source_->Resume(reason);
}

// --- what hooks ask for ---

bool FilterChain::SendLocalReply(LocalReply reply) {
  if (phase_ != Phase::kOpen || response_->end_delivered()) return false;
  reply_ = env_.arena.New<LocalReply>(std::move(reply));
  phase_ = Phase::kInterrupted;
  LeaveForTurnEnd();
  return true;
}

void FilterChain::ResetFromFilter() {
  if (phase_ == Phase::kClosed || response_->end_delivered()) return;
  reset_asked_ = true;
  phase_ = Phase::kInterrupted;
  LeaveForTurnEnd();
}

// Inside a hook Settle will come by itself; outside of one the end of the turn is the moment.
void FilterChain::LeaveForTurnEnd() {
  if (depth_ == 0) env_.dispatcher.AtTurnEnd(deferred_);
}

void FilterChain::RunDeferred(void* self) { const Scope scope(*static_cast<FilterChain*>(self)); }

void FilterChain::Settle() {
  while (true) {
    if (complete_asked_) return CompleteNow();
    if (phase_ == Phase::kInterrupted) {
      if (reset_asked_) return ResetNow();
      SendReplyNow();
      continue;
    }
    if (phase_ == Phase::kClosed || !(request_->asked() || response_->asked())) return;
    ++depth_;
    request_->RunAsked();
    if (!stopped()) response_->RunAsked();
    --depth_;
  }
}

void FilterChain::ResetNow() {
  phase_ = Phase::kClosed;
  request_->Reset();
  response_->Reset();
  env_.downstream.OnReset({Side::kLocal, ErrorKind::kLocalReset});
}

void FilterChain::SendReplyNow() {
  replied_ = true;
  request_->Reset();
  env_.stream_info.flags.Set(reply_->flag);
  if (!reply_->details.empty()) env_.stream_info.response_code_details = reply_->details;
  // The upstream's answer is of no use any more; the terminal filter lets go of it now.
  response_source_ = nullptr;
  entries_[count_ - 1].filter->OnComplete();
  if (response_->head_delivered()) {
    phase_ = Phase::kClosed;
    response_->Reset();
    env_.downstream.OnReset({Side::kLocal, ErrorKind::kLocalReset, reply_->details});
    return;
  }
  auto* head = env_.arena.New<ResponseHead>(env_.arena);
  for (const auto& [id, value] : std::exchange(reply_->headers, {})) head->headers.Set(id, value);
  if (const route::HeaderPlan* plan = match_.response_headers(); plan != nullptr) {
    plan->Apply(head->headers,
                {.info = env_.stream_info, .request = request_head_, .response = head});
  }
  // As Envoy: what a filter says goes before what the route says, and a mapper before both.
  SetReplyFields(*reply_, head->headers);
  reply_->fields.clear();
  if (env_.local_replies != nullptr) {
    const access_log::Surroundings around{*env_.clusters.worker().runtime, env_.random};
    env_.local_replies->Apply(request_head_, around, env_.stream_info, *head, *reply_);
  }
  const std::string_view body = FillLocalReply(*reply_, request_head_, grpc_request_, *head);
  buffer::Buffer data(env_.blocks);
  data.Append(body);
  phase_ = Phase::kReplying;
  ++depth_;
  if (response_->started()) {
    // Some filters have already seen the upstream's head: they must not see a second one.
    response_->Reset();
    phase_ = Phase::kClosed;
    env_.downstream.OnHead(*head);
    if (!data.empty()) env_.downstream.OnData(data);
    env_.downstream.OnEnd(nullptr);
  } else {
    response_->Begin(*head);
    if (!stopped() && !data.empty()) response_->Data(data);
    if (!stopped()) response_->End(nullptr);
  }
  --depth_;
}

void FilterChain::Complete() {
  phase_ = Phase::kClosed;
  // The downstream says so when it is given the end, and a hook may still be on the stack: Settle
  // comes when it is not.
  complete_asked_ = true;
  if (depth_ == 0) CompleteNow();
}

void FilterChain::CompleteNow() {
  if (completed_) return;
  completed_ = true;
  phase_ = Phase::kClosed;
  deferred_.Unlink();
  response_source_ = nullptr;
  for (uint32_t i = 0; i < count_; ++i) {
    // After a local reply the terminal filter has had its OnComplete.
    if (replied_ && i + 1 == count_) continue;
    if (entries_[i].factory->hooks.complete()) entries_[i].filter->OnComplete();
  }
}

// --- FilterContext ---

void FilterContext::ResumeRequest() {
  chain_.request_->AskRelease(index_);
  chain_.LeaveForTurnEnd();
}
void FilterContext::ResumeResponse() {
  if (index_ + 1 < chain_.count_) chain_.response_->AskRelease(chain_.ResponsePosition(index_));
  chain_.LeaveForTurnEnd();
}
bool FilterContext::SendLocalReply(LocalReply reply) {
  return chain_.SendLocalReply(std::move(reply));
}
void FilterContext::AddRequestData(buffer::Buffer& data) {
  chain_.request_->Add(index_, data);
  chain_.LeaveForTurnEnd();
}
void FilterContext::AddResponseData(buffer::Buffer& data) {
  if (index_ + 1 < chain_.count_) chain_.response_->Add(chain_.ResponsePosition(index_), data);
  chain_.LeaveForTurnEnd();
}
void FilterContext::ResetStream() { chain_.ResetFromFilter(); }
void FilterContext::SetRequestBufferLimit(uint64_t bytes) { chain_.request_->set_limit(bytes); }
void FilterContext::SetResponseBufferLimit(uint64_t bytes) { chain_.response_->set_limit(bytes); }
uint64_t FilterContext::request_buffer_limit() const { return chain_.request_->limit(); }
uint64_t FilterContext::response_buffer_limit() const { return chain_.response_->limit(); }
void FilterContext::Reroute() {
  if (chain_.env_.routes == nullptr || chain_.request_head_ == nullptr) return;
  chain_.MatchRoute();
  chain_.RefreshRouteConfigs();
}
namespace {

std::string_view LowerCase(std::string_view text, base::Arena& arena) {
  auto* const copy = static_cast<char*>(arena.Allocate(text.size(), 1));
  std::transform(text.begin(), text.end(), copy, ToLower);
  return {copy, text.size()};
}

}  // namespace

bool FilterContext::AwaitRoutes(http::Waiter& waiter) {
  RouteSource* const source = chain_.env_.route_source;
  if (source == nullptr || chain_.request_head_ == nullptr) return false;
  const std::string_view host = LowerCase(chain_.request_head_->authority, arena());
  return !host.empty() && source->AwaitHost(host, waiter);
}
void FilterContext::RefreshRoutes() {
  if (chain_.env_.route_source == nullptr) return;
  chain_.env_.routes = chain_.env_.route_source->NewestRoutes();
  Reroute();
  if (route() != nullptr) chain_.env_.route_source->OnRoute(*route());
}
size_t FilterContext::RouteConfigLevels(const void* (&levels)[kRouteLevels]) const {
  const route::MatchResult& match = chain_.match_;
  const route::FilterOverrides* const merged[] = {
      match.virtual_host != nullptr ? chain_.env_.routes->overrides() : nullptr,
      match.virtual_host != nullptr ? match.virtual_host->overrides() : nullptr,
      match.route != nullptr ? match.route->overrides() : nullptr, match.overrides};
  size_t count = 0;
  for (const route::FilterOverrides* overrides : merged) {
    const route::FilterOverride* found = FindOverride(overrides, *chain_.entries_[index_].factory);
    if (found == nullptr || found->config == nullptr) continue;
    // The same value as one level above: this level has none of its own.
    if (count > 0 && levels[count - 1] == found->config.get()) continue;
    levels[count++] = found->config.get();
  }
  return count;
}
std::string_view FilterContext::filter_name() const {
  return chain_.entries_[index_].factory->name;
}
const route::Route* FilterContext::route() const { return chain_.match_.route; }
const route::MatchResult& FilterContext::match() const { return chain_.match_; }
ConnectionStates& FilterContext::connection_states() const { return chain_.env_.connection_states; }
bool FilterContext::saw_request() const { return chain_.request_->saw_head(index_); }
const RequestHead* FilterContext::request_head() const { return chain_.request_head_; }
StreamInfo& FilterContext::stream_info() const { return chain_.env_.stream_info; }
event::Dispatcher& FilterContext::dispatcher() const { return chain_.env_.dispatcher; }
base::Arena& FilterContext::arena() const { return chain_.env_.arena; }
base::Random& FilterContext::random() const { return chain_.env_.random; }
buffer::BlockPool& FilterContext::blocks() const { return chain_.env_.blocks; }
upstream::ClusterSet& FilterContext::clusters() const { return chain_.env_.clusters; }
const runtime::Snapshot& FilterContext::runtime() const {
  return *chain_.env_.clusters.worker().runtime;
}
const runtime::ProcessState& FilterContext::process() const {
  return chain_.env_.clusters.worker().process;
}
ResponseSink& FilterContext::response_sink() const { return chain_.response_entry_; }
MessageSource& FilterContext::request_source() const { return chain_.env_.request_source; }
void FilterContext::SetResponseSource(MessageSource* source) {
  chain_.response_source_ = source;
  if (source == nullptr) return;
  for (const PauseReason reason :
       {PauseReason::kSinkFull, PauseReason::kFilterPaused, PauseReason::kConnectionFull}) {
    if (chain_.response_pauses_.bits() & static_cast<uint8_t>(reason)) source->Pause(reason);
  }
}
bool FilterContext::response_started() const { return chain_.response_->started(); }

}  // namespace remora::http
