#include "source/extensions/http_filters/grpc_stats/grpc_stats.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "source/config/text.h"
#include "source/http/grpc_status.h"

namespace remora::extensions {

using http::Answer;
using http::HeaderId;

namespace {

struct MethodName {
  std::string_view service;
  std::string_view method;
};

// Of "/package.Service/Method", with or without a query.
std::optional<MethodName> ReadMethod(std::string_view path) {
  path = path.substr(0, path.find('?'));
  if (path.empty() || path.front() != '/') return std::nullopt;
  path.remove_prefix(1);
  const size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const MethodName name{path.substr(0, slash), path.substr(slash + 1)};
  if (name.method.find('/') != std::string_view::npos) return std::nullopt;
  return name;
}

}  // namespace

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

// --- the handles

void GrpcStatsState::FollowClusters(const upstream::ClusterSet& clusters) {
  if (clusters.generation() == generation_) return;
  generation_ = clusters.generation();
  counters_.clear();
}

bool GrpcStatsState::Knows(std::string_view prefix) {
  const absl::string_view key = config::ToAbsl(prefix);
  if (prefixes_.contains(key)) return true;
  if (prefixes_.size() >= kMaxMethods) return false;
  prefixes_.emplace(key);
  return true;
}

void GrpcStatsState::Add(upstream::ClusterSet& clusters, std::string_view cluster,
                         std::string_view prefix, std::string_view name, uint64_t amount) {
  FollowClusters(clusters);
  const std::string key = config::Concat(cluster, ".", prefix, name);
  auto found = counters_.find(key);
  if (found == counters_.end()) {
    upstream::ClusterRuntime* const runtime = clusters.Find(cluster);
    if (runtime == nullptr || !Knows(prefix)) return;
    const std::string full = config::Concat(prefix, name);
    found = counters_
                .emplace(key, runtime->cluster().scope().MakeCounter(clusters.worker().shard, full))
                .first;
  }
  found->second.Add(amount);
}

void GrpcStatsState::RecordTime(upstream::ClusterSet& clusters, std::string_view cluster,
                                std::string_view prefix, event::Duration time) {
  upstream::ClusterRuntime* const runtime = clusters.Find(cluster);
  if (runtime == nullptr || !Knows(prefix)) return;
  runtime->cluster()
      .scope()
      .MakeHistogram(clusters.worker().shard, config::Concat(prefix, "upstream_rq_time"),
                     stats::Unit::kMilliseconds)
      .Record(static_cast<uint64_t>(time / event::kMillisecond));
}

// --- the filter

Answer GrpcStatsFilter::OnRequestHead(http::RequestHead& head) {
  if (!http::IsGrpcRequest(head)) return Answer::kContinue;
  const std::optional<MethodName> name = ReadMethod(head.path);
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
  context_.worker_state<GrpcStatsState>().Add(context_.clusters(), cluster, prefix_, name, amount);
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
    context_.worker_state<GrpcStatsState>().RecordTime(
        context_.clusters(), info.cluster_name, prefix_,
        context_.dispatcher().now() - info.upstream_request_end);
  }
  return Answer::kContinue;
}

void GrpcStatsFilter::CountStatus(const http::HeaderMap& fields) {
  const std::optional<int> status = http::FindGrpcStatus(fields);
  if (!status.has_value()) return;
  // What is no status would let an upstream make names of its own.
  if (*status >= 0 && *status <= static_cast<int>(http::GrpcCode::kLast)) {
    Count(absl::StrCat(*status));
  }
  Count(*status == 0 ? "success" : "failure");
  Count("total");
}

}  // namespace remora::extensions
