#pragma once

// The gRPC statistics filter: counts calls by how they end, and messages, for each cluster and
// method.
//
// envoy.extensions.filters.http.grpc_stats.v3.FilterConfig. Names are Envoy's,
// `cluster.<name>.grpc.[<service>.<method>.]` and
//   <status>, success, failure, total             calls that ended with a grpc-status
//   request_message_count, response_message_count
//   upstream_rq_time                              end of the request to end of the answer
// They are made when they are first counted, because names come in requests. Nothing fails.
// Source: Envoy source/extensions/filters/http/grpc_stats/grpc_stats_filter.cc,
// source/common/grpc/context_impl.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "source/config/registry.h"
#include "source/grpc/call_counters.h"
#include "source/grpc/frame_counter.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"

namespace envoy::extensions::filters::http::grpc_stats::v3 {
class FilterConfig;
}

namespace remora::extensions {

class GrpcStatsFilter;

struct GrpcStats {
  using Proto = envoy::extensions::filters::http::grpc_stats::v3::FilterConfig;
  using Filter = GrpcStatsFilter;
  struct Config {
    bool all_methods = false;
    absl::flat_hash_set<std::string> methods;  // "service/method"
    bool upstream_time = false;
    bool replace_dots = false;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

class GrpcStatsState final : public http::FilterWorkerState {
 public:
  grpc::CallCounters counters;
};

class GrpcStatsFilter final : public http::Filter {
 public:
  GrpcStatsFilter(const GrpcStats::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;
  http::Answer OnRequestData(buffer::Buffer& data) override;
  http::Answer OnResponseHead(http::ResponseHead& head) override;
  http::Answer OnResponseData(buffer::Buffer& data) override;
  http::Answer OnResponseEnd(http::HeaderMap* trailers) override;
  void OnComplete() override { CountRequestMessages(); }

 private:
  void Count(std::string_view name, uint64_t amount = 1);
  void CountRequestMessages();
  void CountStatus(const http::HeaderMap& fields);

  const GrpcStats::Config& config_;
  http::FilterContext& context_;
  std::string_view prefix_;  // in the arena; empty: the call is not counted
  grpc::FrameCounter request_frames_;
  grpc::FrameCounter response_frames_;
  uint64_t request_messages_ = 0;  // not counted yet: the cluster is not known
  bool grpc_response_ = false;
};

}  // namespace remora::extensions
