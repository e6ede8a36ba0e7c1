#include "source/extensions/http_filters/grpc_stats/grpc_stats.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "source/config/text.h"
#include "source/http/grpc_status.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;

std::optional<GrpcStats::Config> GrpcStats::Parse(const Proto& proto, config::ConfigContext&) {
  Config config;
  config.all_methods = proto.stats_for_all_methods().value();
  for (const auto& service : proto.individual_method_stats_allowlist().services()) {
    for (const std::string& method : service.method_names()) {
      config.methods.insert(absl::StrCat(service.name(), "/", method));
    }
  }
  config.upstream_time = proto.enable_upstream_stats();
  config.replace_dots = proto.replace_dots_in_grpc_service_name();
  return config;
}

http::FilterPtr GrpcStats::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<GrpcStatsFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> GrpcStats::CreateWorkerState(const Config&,
                                                                      const http::WorkerSetup&) {
  return std::make_unique<GrpcStatsState>();
}

// --- the filter

Answer GrpcStatsFilter::OnRequestHead(http::RequestHead& head) {
  if (!http::IsGrpcRequest(head)) return Answer::kContinue;
  const std::optional<grpc::MethodName> name = grpc::ReadMethod(head.path);
  if (!name.has_value()) return Answer::kContinue;
  const bool of_its_own = config_.all_methods || config_.methods.contains(config::Concat(
                                                     name->service, "/", name->method));
  if (!of_its_own) {
    prefix_ = "grpc.";
    return Answer::kContinue;
  }
  std::string service(name->service);
  if (config_.all_methods && config_.replace_dots) {
    std::replace(service.begin(), service.end(), '.', '_');
  }
  prefix_ = context_.arena().Copy(config::Concat("grpc.", service, ".", name->method, "."));
  return Answer::kContinue;
}

void GrpcStatsFilter::Count(std::string_view name, uint64_t amount) {
  const std::string_view cluster = context_.stream_info().cluster_name;
  if (cluster.empty()) return;
  context_.worker_state<GrpcStatsState>().counters.Add(context_.clusters(), cluster, prefix_, name,
                                                       amount);
}

void GrpcStatsFilter::CountRequestMessages() {
  if (request_messages_ == 0 || context_.stream_info().cluster_name.empty()) return;
  Count("request_message_count", request_messages_);
  request_messages_ = 0;
}

Answer GrpcStatsFilter::OnRequestData(buffer::Buffer& data) {
  if (prefix_.empty()) return Answer::kContinue;
  request_messages_ += request_frames_.Count(data);
  CountRequestMessages();
  return Answer::kContinue;
}

Answer GrpcStatsFilter::OnResponseHead(http::ResponseHead& head) {
  if (prefix_.empty()) return Answer::kContinue;
  CountRequestMessages();
  grpc_response_ = head.status == 200 && head.framing != http::Framing::kNone &&
                   http::IsGrpcContentType(head.headers.Get(HeaderId::kContentType));
  CountStatus(head.headers);
  return Answer::kContinue;
}

Answer GrpcStatsFilter::OnResponseData(buffer::Buffer& data) {
  if (!grpc_response_) return Answer::kContinue;
  const uint64_t begun = response_frames_.Count(data);
  if (begun > 0) Count("response_message_count", begun);
  return Answer::kContinue;
}

Answer GrpcStatsFilter::OnResponseEnd(http::HeaderMap* trailers) {
  if (prefix_.empty()) return Answer::kContinue;
  if (trailers != nullptr) CountStatus(*trailers);
  const http::StreamInfo& info = context_.stream_info();
  if (config_.upstream_time && info.upstream_request_end != 0 && !info.cluster_name.empty()) {
    context_.worker_state<GrpcStatsState>().counters.RecordTime(
        context_.clusters(), info.cluster_name, prefix_,
        context_.dispatcher().now() - info.upstream_request_end);
  }
  return Answer::kContinue;
}

void GrpcStatsFilter::CountStatus(const http::HeaderMap& fields) {
  const std::string_view cluster = context_.stream_info().cluster_name;
  if (cluster.empty()) return;
  context_.worker_state<GrpcStatsState>().counters.AddStatus(context_.clusters(), cluster, prefix_,
                                                             fields);
}

}  // namespace remora::extensions
