#include "source/extensions/http_filters/dynamic_modules/module_filter.h"

#include <algorithm>
#include <utility>

#include "source/base/log.h"
#include "source/extensions/http_filters/dynamic_modules/handle_table.h"

namespace remora::extensions {
namespace {

// Whose module's code runs on this thread; null: none's.
thread_local const ModuleFilter* running = nullptr;

}  // namespace

// As long as the module's code runs.
class ModuleFilter::Running {
 public:
  explicit Running(const ModuleFilter* filter) : before_(std::exchange(running, filter)) {}
  ~Running() { running = before_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  const ModuleFilter* before_;
};

class ModuleFilter::Call final : public CallUser {
 public:
  Call(ModuleFilter& filter, uint64_t number) : filter_(filter), number_(number) {}
  void OnCallResult(const CallResult& result) override { filter_.OnCall(*this, result); }
  uint64_t number() const { return number_; }

  std::unique_ptr<RunningCall> running_call;

 private:
  ModuleFilter& filter_;
  const uint64_t number_;
};

struct ModuleFilter::Alarm {
  Alarm(ModuleFilter& of, uint64_t its_number)
      : filter(of), number(its_number), timer(of.context_.dispatcher().timers(), &OnDue, this) {}
  static void OnDue(void* self) {
    auto& alarm = *static_cast<Alarm*>(self);
    alarm.filter.OnAlarm(alarm);
  }

  ModuleFilter& filter;
  const uint64_t number;
  event::Timer timer;
};

ModuleState::ModuleState(const std::vector<DefinedMetric>& defined, const http::WorkerSetup& setup)
    : misused(setup.scope.MakeCounter(setup.shard, "dynamic_modules.misused")),
      failed(setup.scope.MakeCounter(setup.shard, "dynamic_modules.failed")) {
  for (const DefinedMetric& metric : defined) {
    Metric& made = metrics_.emplace_back(Metric{metric.kind, {}, {}, {}});
    if (metric.kind == REMORA_COUNTER) {
      made.counter = setup.scope.MakeCounter(setup.shard, metric.name);
    } else if (metric.kind == REMORA_GAUGE) {
      made.gauge = setup.scope.MakeGauge(setup.shard, metric.name);
    } else {
      made.histogram = setup.scope.MakeHistogram(setup.shard, metric.name, stats::Unit::kNone);
    }
  }
}

ModuleFilter::ModuleFilter(const DynamicModules::Config& config, http::FilterContext& context)
    : module_(config.value.library()->module()),
      config_(config),
      context_(context),
      handle_(HandleTable::OfThread().Add(HandleTable::Kind::kStream, this)) {
  void* const memory =
      config.filter_size == 0 ? nullptr : context.arena().Allocate(config.filter_size, 16);
  const Running scope(this);
  filter_ = module_.create_filter(config.value.get(), handle_, memory);
  if (filter_ == nullptr) Drop();
}

ModuleFilter::~ModuleFilter() { End(); }

ModuleFilter* ModuleFilter::Find(remora_stream stream) {
  void* const found = HandleTable::OfThread().Find(stream, HandleTable::Kind::kStream);
  if (found == nullptr && running != nullptr) running->Refuse();
  return static_cast<ModuleFilter*>(found);
}

int32_t ModuleFilter::Refuse(int32_t result) const {
  state().misused.Inc();
  return result;
}

http::Answer ModuleFilter::Ask(Hook hook) {
  const Running scope(this);
  const int32_t answer = hook(filter_, handle_);
  switch (answer) {
    case REMORA_CONTINUE:
      return http::Answer::kContinue;
    case REMORA_HOLD:
      return http::Answer::kHold;
    case REMORA_PAUSE:
      return http::Answer::kPause;
    default:
      Refuse();
      Fail("dynamic_module_wrong_answer");
      return http::Answer::kContinue;
  }
}

void ModuleFilter::Fail(std::string_view details) {
  state().failed.Inc();
  http::LocalReply reply;
  reply.status = 500;
  reply.details = details;
  context_.SendLocalReply(std::move(reply));
}

http::Answer ModuleFilter::OnRequestHead(http::RequestHead& head) {
  request_head_ = &head;
  if (filter_ == nullptr) {
    Fail("dynamic_module_no_filter");
    return http::Answer::kContinue;
  }
  // Before anything of the request goes on: what the route says may be that it must not.
  const auto* const route = context_.RouteConfig<DynamicModules::RouteConfig>();
  if (route != nullptr && RouteValue() == nullptr) {
    // It has seen nothing of the request, and is not told of the answer either.
    Drop();
    return http::Answer::kContinue;
  }
  return (config_.hooks & REMORA_ON_REQUEST_HEAD) != 0 ? Ask(module_.on_request_head)
                                                       : http::Answer::kContinue;
}

http::Answer ModuleFilter::OnRequestData(buffer::Buffer& data) {
  if (filter_ == nullptr) return http::Answer::kContinue;
  data_ = &data;
  const http::Answer answer = Ask(module_.on_request_data);
  data_ = nullptr;
  return answer;
}

http::Answer ModuleFilter::OnRequestEnd(http::HeaderMap* trailers) {
  if (filter_ == nullptr) return http::Answer::kContinue;
  request_trailers_ = trailers;
  return Ask(module_.on_request_end);
}

http::Answer ModuleFilter::OnResponseHead(http::ResponseHead& head) {
  if (filter_ == nullptr) return http::Answer::kContinue;
  response_head_ = &head;
  return Ask(module_.on_response_head);
}

http::Answer ModuleFilter::OnResponseData(buffer::Buffer& data) {
  if (filter_ == nullptr) return http::Answer::kContinue;
  data_ = &data;
  const http::Answer answer = Ask(module_.on_response_data);
  data_ = nullptr;
  return answer;
}

http::Answer ModuleFilter::OnResponseEnd(http::HeaderMap* trailers) {
  if (filter_ == nullptr) return http::Answer::kContinue;
  response_trailers_ = trailers;
  return Ask(module_.on_response_end);
}

void ModuleFilter::OnComplete() {
  if (filter_ != nullptr && module_.on_complete != nullptr) {
    const Running scope(this);
    module_.on_complete(filter_, handle_);
  }
  End();
}

void ModuleFilter::Drop() {
  if (filter_ != nullptr) {
    const Running scope(this);
    module_.destroy_filter(std::exchange(filter_, nullptr));
  }
  calls_.clear();
  alarms_.clear();
}

void ModuleFilter::End() {
  if (handle_ == 0) return;
  Drop();
  HandleTable::OfThread().Remove(std::exchange(handle_, 0));
}

const http::RequestHead* ModuleFilter::request_head() const {
  return request_head_ != nullptr ? request_head_ : context_.request_head();
}

const http::HeaderMap* ModuleFilter::Fields(uint32_t map) const {
  if (map == REMORA_REQUEST_HEADERS) {
    const http::RequestHead* const head = request_head();
    return head == nullptr ? nullptr : &head->headers;
  }
  return ChangedFields(map);
}

http::HeaderMap* ModuleFilter::ChangedFields(uint32_t map) const {
  switch (map) {
    case REMORA_REQUEST_HEADERS:
      return request_head_ == nullptr ? nullptr : &request_head_->headers;
    case REMORA_REQUEST_TRAILERS:
      return request_trailers_;
    case REMORA_RESPONSE_HEADERS:
      return response_head_ == nullptr ? nullptr : &response_head_->headers;
    case REMORA_RESPONSE_TRAILERS:
      return response_trailers_;
    default:
      return nullptr;
  }
}

const void* ModuleFilter::RouteValue() {
  const auto* const route = context_.RouteConfig<DynamicModules::RouteConfig>();
  if (route == nullptr) return nullptr;
  const void* const value = route->setting->For(config_.value.library());
  if (value == nullptr) Fail("dynamic_module_route_config");
  return value;
}

int32_t ModuleFilter::StartCall(const CallRequest& request, remora_call& call) {
  if (calls_.size() >= kMaxCalls) return Refuse();
  auto started = std::make_unique<Call>(*this, ++last_number_);
  CallTransport* const elsewhere = state().calls();
  started->running_call = elsewhere != nullptr
                              ? elsewhere->Start(request, *started)
                              : ClusterCalls(context_.clusters()).Start(request, *started);
  if (started->running_call == nullptr) return REMORA_ABSENT;
  call = started->number();
  calls_.push_back(std::move(started));
  return REMORA_OK;
}

int32_t ModuleFilter::CancelCall(remora_call call) {
  const size_t gone = std::erase_if(calls_, [&](const auto& c) { return c->number() == call; });
  return gone == 1 ? REMORA_OK : Refuse(REMORA_GONE);
}

void ModuleFilter::OnCall(Call& call, const CallResult& result) {
  std::vector<remora_field> fields;
  fields.reserve(result.fields.size());
  for (const auto& [name, value] : result.fields) {
    fields.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
  }
  const remora_call_result told = {.size = sizeof(remora_call_result),
                                   .outcome = static_cast<uint32_t>(result.outcome),
                                   .status = result.status,
                                   .fields = fields.data(),
                                   .field_count = fields.size(),
                                   .body = {result.body.data(), result.body.size()}};
  // Out of the list: a cancel from within is one of nothing. It is what `result` belongs to.
  const auto place =
      std::find_if(calls_.begin(), calls_.end(), [&](const auto& c) { return c.get() == &call; });
  const std::unique_ptr<Call> done = std::move(*place);
  calls_.erase(place);
  if (module_.on_call_done == nullptr) return;
  const Running scope(this);
  module_.on_call_done(filter_, handle_, done->number(), &told);
}

int32_t ModuleFilter::StartTimer(event::Duration after, remora_timer& timer) {
  if (alarms_.size() >= kMaxTimers) return Refuse();
  Alarm& alarm = *alarms_.emplace_back(std::make_unique<Alarm>(*this, ++last_number_));
  alarm.timer.Arm(context_.dispatcher().now() + after);
  timer = alarm.number;
  return REMORA_OK;
}

int32_t ModuleFilter::CancelTimer(remora_timer timer) {
  const size_t gone = std::erase_if(alarms_, [&](const auto& a) { return a->number == timer; });
  return gone == 1 ? REMORA_OK : Refuse(REMORA_GONE);
}

void ModuleFilter::OnAlarm(Alarm& alarm) {
  const uint64_t number = alarm.number;
  std::erase_if(alarms_, [&](const auto& a) { return a.get() == &alarm; });
  if (module_.on_timer == nullptr) return;
  const Running scope(this);
  module_.on_timer(filter_, handle_, number);
}

}  // namespace remora::extensions
