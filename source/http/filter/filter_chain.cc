#include "source/http/filter/filter_chain.h"

#include <new>
#include <utility>

#include "source/base/check.h"

namespace remora::http {

FilterChain::FilterChain(const Environment& environment, const WorkerFilters& filters,
                         const RequestHead* request)
    : env_(environment), request_head_(request), deferred_(&RunDeferred, this) {
  if (request != nullptr && env_.routes != nullptr) {
    match_ = env_.routes->Match(*request, env_.random.Next());
  }
  CreateFilters(filters);
  request_.emplace(request_hooks_, env_.arena, env_.blocks, count_, nullptr);
  response_.emplace(response_hooks_, env_.arena, env_.blocks, count_ - 1, &env_.downstream);
  request_->set_limit(env_.buffer_limit);
  response_->set_limit(env_.buffer_limit);
}

FilterChain::~FilterChain() {
  Complete();
  if (reply_ != nullptr) reply_->~LocalReply();
  for (uint32_t i = count_; i > 0; --i) entries_[i - 1].~Entry();
}

const route::FilterOverride* FilterChain::OverrideFor(const FilterFactory& factory) const {
  if (match_.overrides == nullptr) return nullptr;
  for (const route::FilterOverride& override : *match_.overrides) {
    if (override.filter_name == factory.name) return &override;
  }
  return nullptr;
}

void FilterChain::CreateFilters(const WorkerFilters& filters) {
  const std::vector<FilterFactory>& factories = *filters.factories;
  entries_ = static_cast<Entry*>(
      env_.arena.Allocate(sizeof(Entry) * factories.size(), alignof(Entry)));
  for (size_t i = 0; i < factories.size(); ++i) {
    const FilterFactory& factory = factories[i];
    const route::FilterOverride* override = OverrideFor(factory);
    if (override != nullptr ? override->disabled : factory.disabled) continue;
    auto* context = env_.arena.New<FilterContext>(*this, count_);
    // The type was checked when the configuration was parsed: a wrong one never gets here.
    if (override != nullptr) context->route_config_ = override->config.get();
    context->worker_state_ = filters.worker_states[i].get();
    new (&entries_[count_]) Entry{FilterPtr(), context, &factory};
    ++count_;
    entries_[count_ - 1].filter = factory.create(factory.config.get(), *context);
  }
  CHECK(count_ > 0 && entries_[count_ - 1].factory->terminal);
}

// --- the request enters ---

void FilterChain::OnHead(RequestHead& head) {
  const Scope scope(*this);
  request_->Begin(head);
}

void FilterChain::OnData(buffer::Buffer& data) {
  if (replied_ || interrupted_) {
    data.Clear();
    return;
  }
  const Scope scope(*this);
  request_->Data(data);
}

void FilterChain::OnEnd(HeaderMap* trailers) {
  if (replied_ || interrupted_) return;
  const Scope scope(*this);
  request_->End(trailers);
}

void FilterChain::OnReset(const ProxyError&) {
  request_->Reset();
  Complete();
}

Answer FilterChain::RequestHooks::CallHead(size_t position, RequestHead& head) {
  Entry& entry = chain_.entries_[position];
  entry.saw_request = true;
  return entry.filter->OnRequestHead(head);
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

void FilterChain::ResponseEntry::OnHead(ResponseHead& head) {
  if (chain_.replied_ || chain_.interrupted_) return;
  const Scope scope(chain_);
  chain_.response_->Begin(head);
}

void FilterChain::ResponseEntry::OnData(buffer::Buffer& data) {
  if (chain_.replied_ || chain_.interrupted_) {
    data.Clear();
    return;
  }
  const Scope scope(chain_);
  chain_.response_->Data(data);
}

void FilterChain::ResponseEntry::OnEnd(HeaderMap* trailers) {
  if (chain_.replied_ || chain_.interrupted_) return;
  const Scope scope(chain_);
  chain_.response_->End(trailers);
}

void FilterChain::ResponseEntry::OnReset(const ProxyError& error) {
  if (chain_.replied_) return;
  chain_.interrupted_ = true;
  chain_.request_->Reset();
  chain_.response_->Reset();
  chain_.env_.downstream.OnReset(error);
}

Answer FilterChain::ResponseHooks::CallHead(size_t position, ResponseHead& head) {
  return chain_.ResponseEntryAt(position).filter->OnResponseHead(head);
}
Answer FilterChain::ResponseHooks::CallData(size_t position, buffer::Buffer& data) {
  return chain_.ResponseEntryAt(position).filter->OnResponseData(data);
}
Answer FilterChain::ResponseHooks::CallEnd(size_t position, HeaderMap* trailers) {
  return chain_.ResponseEntryAt(position).filter->OnResponseEnd(trailers);
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

void FilterChain::SendLocalReply(LocalReply reply) {
  if (reply_ != nullptr || replied_ || completed_) return;
  reply_ = env_.arena.New<LocalReply>(std::move(reply));
  interrupted_ = true;
  LeaveForTurnEnd();
}

void FilterChain::ResetFromFilter() {
  if (completed_) return;
  reset_pending_ = true;
  interrupted_ = true;
  LeaveForTurnEnd();
}

// Inside a hook Settle will come by itself; outside of one the end of the turn is the moment.
void FilterChain::LeaveForTurnEnd() {
  if (depth_ == 0) env_.dispatcher.AtTurnEnd(deferred_);
}

void FilterChain::RunDeferred(void* self) {
  const Scope scope(*static_cast<FilterChain*>(self));
}

void FilterChain::Settle() {
  while (!completed_) {
    if (reset_pending_) {
      reset_pending_ = false;
      request_->Reset();
      response_->Reset();
      env_.downstream.OnReset({Side::kLocal, ErrorKind::kLocalReset});
      return;
    }
    if (reply_ != nullptr && !replied_) {
      SendReplyNow();
      continue;
    }
    if (!resumes_pending_ || interrupted_) return;
    RunResumes();
  }
}

void FilterChain::SendReplyNow() {
  replied_ = true;
  request_->Reset();
  env_.stream_info.flags.Set(reply_->flag);
  if (!reply_->details.empty()) env_.stream_info.response_code_details = reply_->details;
  // The upstream's answer is of no use any more; the terminal filter lets go of it now.
  response_source_ = nullptr;
  if (count_ > 0) entries_[count_ - 1].filter->OnComplete();
  if (response_->head_delivered()) {
    response_->Reset();
    env_.downstream.OnReset({Side::kLocal, ErrorKind::kLocalReset, reply_->details});
    return;
  }
  auto* head = env_.arena.New<ResponseHead>(env_.arena);
  const std::string_view body = FillLocalReply(*reply_, request_head_, *head);
  const bool through_filters = !response_->started();
  if (!through_filters) response_->Reset();
  buffer::Buffer data(env_.blocks);
  data.Append(body);
  ++depth_;
  interrupted_ = false;
  if (through_filters) {
    response_->Begin(*head);
    if (!data.empty() && !interrupted_) response_->Data(data);
    if (!interrupted_) response_->End(nullptr);
  } else {
    // Some filters have already seen the upstream's head: they must not see a second one.
    env_.downstream.OnHead(*head);
    if (!data.empty()) env_.downstream.OnData(data);
    env_.downstream.OnEnd(nullptr);
  }
  --depth_;
}

void FilterChain::RunResumes() {
  resumes_pending_ = false;
  ++depth_;
  for (uint32_t i = 0; i < count_ && !interrupted_; ++i) {
    Entry& entry = entries_[i];
    if (entry.resume_request) {
      entry.resume_request = false;
      request_->Release(i);
    }
    if (entry.resume_response && !interrupted_) {
      entry.resume_response = false;
      if (i + 1 < count_) response_->Release(count_ - 2 - i);
    }
  }
  --depth_;
}

void FilterChain::Complete() {
  if (completed_) return;
  completed_ = true;
  deferred_.Unlink();
  response_source_ = nullptr;
  for (uint32_t i = 0; i < count_; ++i) {
    // After a local reply the terminal filter has had its OnComplete.
    if (replied_ && i + 1 == count_) continue;
    entries_[i].filter->OnComplete();
  }
}

// --- FilterContext ---

void FilterContext::ResumeRequest() {
  chain_.entries_[index_].resume_request = true;
  chain_.resumes_pending_ = true;
  chain_.LeaveForTurnEnd();
}
void FilterContext::ResumeResponse() {
  chain_.entries_[index_].resume_response = true;
  chain_.resumes_pending_ = true;
  chain_.LeaveForTurnEnd();
}
void FilterContext::SendLocalReply(LocalReply reply) { chain_.SendLocalReply(std::move(reply)); }
void FilterContext::AddRequestData(buffer::Buffer& data) { chain_.request_->Add(index_, data); }
void FilterContext::AddResponseData(buffer::Buffer& data) {
  if (index_ + 1 < chain_.count_) chain_.response_->Add(chain_.count_ - 2 - index_, data);
}
void FilterContext::ResetStream() { chain_.ResetFromFilter(); }
void FilterContext::SetRequestBufferLimit(uint64_t bytes) { chain_.request_->set_limit(bytes); }
void FilterContext::SetResponseBufferLimit(uint64_t bytes) { chain_.response_->set_limit(bytes); }
uint64_t FilterContext::request_buffer_limit() const { return chain_.request_->limit(); }
void FilterContext::Reroute() {
  if (chain_.env_.routes == nullptr || chain_.request_head_ == nullptr) return;
  chain_.match_ = chain_.env_.routes->Match(*chain_.request_head_, chain_.env_.random.Next());
}
const route::Route* FilterContext::route() const { return chain_.match_.route; }
const route::MatchResult& FilterContext::match() const { return chain_.match_; }
bool FilterContext::saw_request() const { return chain_.entries_[index_].saw_request; }
const RequestHead* FilterContext::request_head() const { return chain_.request_head_; }
StreamInfo& FilterContext::stream_info() const { return chain_.env_.stream_info; }
event::Dispatcher& FilterContext::dispatcher() const { return chain_.env_.dispatcher; }
base::Arena& FilterContext::arena() const { return chain_.env_.arena; }
base::Random& FilterContext::random() const { return chain_.env_.random; }
buffer::BlockPool& FilterContext::blocks() const { return chain_.env_.blocks; }
upstream::ClusterSet& FilterContext::clusters() const { return chain_.env_.clusters; }
ResponseSink& FilterContext::response_sink() const { return chain_.response_entry_; }
MessageSource& FilterContext::request_source() const { return chain_.env_.request_source; }
void FilterContext::SetResponseSource(MessageSource* source) {
  chain_.response_source_ = source;
  if (source == nullptr) return;
  for (const PauseReason reason : {PauseReason::kFilterPaused, PauseReason::kConnectionFull}) {
    if (chain_.response_pauses_.bits() & static_cast<uint8_t>(reason)) source->Pause(reason);
  }
}
bool FilterContext::response_started() const { return chain_.response_->started(); }

}  // namespace remora::http
