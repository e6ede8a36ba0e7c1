#include "source/grpc/unary_call.h"

namespace remora::grpc {

UnaryCallPtr UnaryCall::Start(upstream::ClusterSet& clusters, const Service& service,
                              std::string_view path, buffer::Buffer& message, UnaryUser& user) {
  UnaryCallPtr call(new UnaryCall(clusters, user));
  call->stream_ = Stream::Open(clusters, service, path, *call);
  call->stream_->Send(message);
  call->stream_->EndSending();
  return call;
}

void UnaryCall::OnMessage(buffer::Buffer& message) {
  ++messages_;
  answer_ = std::move(message);
}

void UnaryCall::OnClosed(const Status& status, const http::HeaderMap*) {
  Status result = status;
  if (status.ok() && messages_ != 1) {
    result = {GrpcCode::kInternal, messages_ == 0 ? "the response has no message"
                                                  : "the response has more than one message"};
  }
  if (!result.ok()) answer_.Clear();
  user_.OnAnswer(result, answer_);
}

}  // namespace remora::grpc
