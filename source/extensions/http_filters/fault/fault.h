#pragma once

// The fault filter: holds requests back, answers them with an error, or sends responses slowly, to
// show how clients take it.
//
// envoy.extensions.filters.http.fault.v3.HTTPFault; a route's takes the place of the filter's.
//
//   request --applies?--> response limit set up --> delay (kPause, timer) --> abort: local reply
//                                                                        \--> goes on
//
// A request counts once in `active_faults`, whatever faults it has, over all workers; the limit may
// be overshot by requests that come at the same moment, as in Envoy. The abort's share is looked
// at when the delay is over. Source: Envoy source/extensions/filters/http/fault/fault_filter.cc.

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "source/event/timer.h"
#include "source/extensions/http_filters/fault/response_limiter.h"
#include "source/extensions/http_filters/fault/settings.h"
#include "source/extensions/http_filters/fault/stats.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace remora::extensions {

class FaultFilter;

struct Fault {
  using Proto = envoy::extensions::filters::http::fault::v3::HTTPFault;
  using RouteProto = Proto;
  using Filter = FaultFilter;
  struct Config {
    FaultSettings settings;
    // Shared by all workers; the only thing in here that changes.
    std::unique_ptr<std::atomic<uint64_t>> active_faults;
  };
  using RouteConfig = FaultSettings;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

class FaultFilter final : public http::Filter {
 public:
  FaultFilter(const Fault::Config& config, http::FilterContext& context);

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;
  void OnComplete() override;

 private:
  static void OnDelayOver(void* self);
  static void OnTick(void* self);
  bool AppliesTo(const http::RequestHead& head) const;
  void MaybeLimitResponse();
  bool MaybeDelay();
  bool MaybeAbort();
  // False when there are too many active faults.
  bool TakeFault();
  std::optional<uint64_t> DelayMilliseconds() const;
  // Whether this request is one of the share; the downstream cluster's runtime value, if the
  // request names a cluster, takes the place of the general one.
  bool Happens(const FaultShare& share, std::string_view key, std::string_view cluster_key) const;
  uint64_t Value(std::string_view key, std::string_view cluster_key, uint64_t otherwise) const;
  // "fault.http.<downstream cluster>.<rest>"; empty without a cluster.
  std::string ClusterKey(std::string_view rest) const;
  FaultState& state() const { return context_.worker_state<FaultState>(); }

  const Fault::Config& config_;
  http::FilterContext& context_;
  const FaultSettings* settings_ = nullptr;
  const http::RequestHead* head_ = nullptr;
  std::string_view downstream_cluster_;
  bool active_ = false;  // counted in active_faults
  event::Timer delay_timer_;
  event::Timer tick_timer_;
  std::optional<ResponseLimiter> limiter_;
  uint64_t most_waiting_ = 0;
  bool paused_ = false;  // too much waits: the source stands still
  bool ended_ = false;   // the response's end is kept until all has gone
};

}  // namespace remora::extensions
