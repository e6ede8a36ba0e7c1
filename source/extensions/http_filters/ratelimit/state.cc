#include "source/extensions/http_filters/ratelimit/state.h"

#include "source/config/text.h"

namespace remora::extensions {

RateLimitState::RateLimitState(std::string_view stat_prefix)
    : of_clusters_(stat_prefix.empty() ? "ratelimit."
                                       : config::Concat("ratelimit.", stat_prefix, ".")) {}

void RateLimitState::Report(upstream::ClusterSet& clusters, const grpc::Service& service,
                            std::string_view method, buffer::Buffer& message) {
  Call& call = calls_.emplace_back(calls_);
  call.self = std::prev(calls_.end());
  call.call = grpc::UnaryCall::Start(clusters, service, method, message, call);
}

void RateLimitState::Call::OnAnswer(const grpc::Status&, buffer::Buffer& message) {
  message.Clear();
  calls.erase(self);
}

}  // namespace remora::extensions
