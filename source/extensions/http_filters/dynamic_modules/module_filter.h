#pragma once

// ModuleFilter: a filter whose hooks are functions of a module.
//
//   chain --hook--> ModuleFilter --function of the module--> module
//   host table <--handle of the stream-- module;  Find(handle) --> ModuleFilter --> chain's context
//
// It is what the handle means; when the exchange is over the module's filter is destroyed, its
// calls and timers end, and the handle means nothing any more. A stream whose module makes no
// filter, or refuses the route's configuration, is answered with 500.
//
// Owner: the chain, in the stream's arena. Thread: the stream's worker. The module and its
// configuration outlive it, because the chain's configuration does.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/event/timer.h"
#include "source/extensions/http_filters/dynamic_modules/calls.h"
#include "source/extensions/http_filters/dynamic_modules/dynamic_modules.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace remora::extensions {

// What a configured filter keeps once a worker.
class ModuleState final : public http::FilterWorkerState {
 public:
  struct Metric {
    uint32_t kind;
    stats::Counter counter;
    stats::Gauge gauge;
    stats::Histogram histogram;
  };

  ModuleState(const std::vector<DefinedMetric>& defined, const http::WorkerSetup& setup);

  const Metric* Find(uint32_t number, uint32_t kind) const {
    return number < metrics_.size() && metrics_[number].kind == kind ? &metrics_[number] : nullptr;
  }
  // Where calls go in the place of the worker's clusters; null: nowhere else. Outlives it.
  void UseCalls(CallTransport* calls) { calls_ = calls; }
  CallTransport* calls() const { return calls_; }

  stats::Counter misused;  // calls of the module that were refused
  stats::Counter failed;   // streams that got no filter

 private:
  std::vector<Metric> metrics_;
  CallTransport* calls_ = nullptr;
};

class ModuleFilter final : public http::Filter {
 public:
  static constexpr size_t kMaxCalls = 16;
  static constexpr size_t kMaxTimers = 16;

  ModuleFilter(const DynamicModules::Config& config, http::FilterContext& context);
  ~ModuleFilter() override;

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnRequestEnd(http::HeaderMap* trailers) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

  // --- for the host table: what a module may see and do now

  // Null: there is no such handle. Then it is counted for the filter that runs, if any.
  static ModuleFilter* Find(remora_stream stream);
  // Counts that the module did what it must not; gives back `result`.
  int32_t Refuse(int32_t result = REMORA_INVALID) const;

  http::FilterContext& context() const { return context_; }
  // Null until its hook.
  const http::RequestHead* request_head() const;
  http::RequestHead* changed_request_head() const { return request_head_; }
  http::ResponseHead* response_head() const { return response_head_; }
  // Null until there is one.
  const http::HeaderMap* Fields(uint32_t map) const;
  http::HeaderMap* ChangedFields(uint32_t map) const;
  // Null outside data hooks.
  buffer::Buffer* data() const { return data_; }
  const ModuleState& state() const { return context_.worker_state<ModuleState>(); }
  http::DynamicMetadata& metadata() { return metadata_; }

  // What the module has made of the route's configuration; null: there is none. If it cannot be
  // had the request is answered with 500.
  const void* RouteValue();
  // A result; `call` gets the number. All strings of `request` are valid.
  int32_t StartCall(const CallRequest& request, remora_call& call);
  int32_t CancelCall(remora_call call);
  int32_t StartTimer(event::Duration after, remora_timer& timer);
  int32_t CancelTimer(remora_timer timer);

 private:
  class Running;
  class Call;
  struct Alarm;
  using Hook = int32_t (*)(void*, remora_stream);

  http::Answer Ask(Hook hook);
  void Fail(std::string_view details);
  void OnCall(Call& call, const CallResult& result);
  void OnAlarm(Alarm& alarm);
  // The module's filter goes, with all that it waits for.
  void Drop();
  void End();

  const remora_module& module_;
  const DynamicModules::Config& config_;
  http::FilterContext& context_;
  remora_stream handle_;
  void* filter_ = nullptr;  // the module's
  http::RequestHead* request_head_ = nullptr;
  http::ResponseHead* response_head_ = nullptr;
  http::HeaderMap* request_trailers_ = nullptr;
  http::HeaderMap* response_trailers_ = nullptr;
  buffer::Buffer* data_ = nullptr;
  uint64_t last_number_ = 0;  // of calls and timers
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<std::unique_ptr<Alarm>> alarms_;
  http::DynamicMetadata metadata_;
};

}  // namespace remora::extensions
