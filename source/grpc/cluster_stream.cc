#include "source/grpc/cluster_stream.h"

#include "absl/strings/str_cat.h"
#include "source/http/grpc_timeout.h"

namespace remora::grpc {

using http::HeaderId;

namespace {

void FillHead(const Service& service, std::string_view path, bool secure, http::RequestHead& head) {
  base::Arena& arena = head.arena();
  head.method = "POST";
  head.method_id = http::Method::kPost;
  head.scheme = secure ? "https" : "http";
  head.authority = arena.Copy(service.authority.empty() ? service.cluster : service.authority);
  head.path = arena.Copy(path);
  head.framing = http::Framing::kStreamed;
  head.version = http::Version::kHttp2;
  head.headers.SetReference(HeaderId::kTe, "trailers");
  head.headers.SetReference(HeaderId::kContentType, "application/grpc");
  if (service.timeout > 0) {
    head.headers.Set(HeaderId::kGrpcTimeout, http::FormatGrpcTimeout(service.timeout));
  }
  for (const auto& [name, value] : service.initial_metadata) head.headers.Add(name, value);
}

}  // namespace

StreamPtr Stream::Open(upstream::ClusterSet& clusters, const Service& service,
                       std::string_view path, StreamUser& user) {
  std::unique_ptr<ClusterStream, upstream::CloseLater> stream(
      new ClusterStream(clusters, service, user));
  stream->Start(service, path);
  return stream;
}

ClusterStream::ClusterStream(upstream::ClusterSet& clusters, const Service& service,
                             StreamUser& user)
    : dispatcher_(clusters.worker().dispatcher),
      user_(user),
      turn_end_(&OnTurnEnd, this),
      input_(clusters.worker().blocks),
      reader_(clusters.worker().blocks, service.max_message_bytes) {
  upstream::ClusterRuntime* const cluster = clusters.Find(service.cluster);
  if (cluster == nullptr) return;
  upstream::AsyncRequest::Options options;
  options.timeout = service.timeout;
  options.envoy_fields = service.envoy_fields;
  request_.reset(new upstream::AsyncRequest(*cluster, *this, options));
}

void ClusterStream::Start(const Service& service, std::string_view path) {
  if (request_ == nullptr) return dispatcher_.AtTurnEnd(turn_end_);
  FillHead(service, path, request_->secure(), request_->head());
  request_->Start();
}

void ClusterStream::Send(buffer::Buffer& message) {
  if (request_ == nullptr || done_) return message.Clear();
  buffer::Buffer frame(message.pool());
  AppendPrefix(frame, static_cast<uint32_t>(message.length()));
  frame.MoveFrom(message);
  request_->SendData(frame);
}

void ClusterStream::EndSending() {
  if (request_ != nullptr && !done_) request_->SendEnd();
}

void ClusterStream::Pause() {
  paused_ = true;
  if (request_ != nullptr) request_->Pause();
}

void ClusterStream::Resume() {
  paused_ = false;
  // What is here goes first, and not from inside this call.
  dispatcher_.AtTurnEnd(turn_end_);
}

void ClusterStream::OnTurnEnd(void* self) {
  auto* const stream = static_cast<ClusterStream*>(self);
  if (stream->done_) return;
  if (stream->request_ == nullptr) {
    return stream->Finish({GrpcCode::kUnavailable, "there is no such cluster"});
  }
  stream->Deliver();
  if (stream->done_ || stream->paused_) return;
  if (stream->ended_) return stream->DeliverEnd();
  stream->request_->Resume();
}

void ClusterStream::OnHead(http::ResponseHead& head) {
  answered_ = true;
  const bool has_status = head.headers.Has(HeaderId::kGrpcStatus);
  if (has_status && (head.framing == http::Framing::kNone || head.status != 200)) {
    trailers_only_ = ReadStatus(head.headers);
  } else if (head.status != 200) {
    trailers_only_ = StatusOfHttp(head.status);
  } else if (!http::IsGrpcContentType(head.headers.Get(HeaderId::kContentType))) {
    trailers_only_ = {GrpcCode::kUnknown, "the response is none of gRPC by its content-type"};
  }
  user_.OnInitialMetadata(head.headers);
  if (done_ || !trailers_only_.has_value()) return;
  head_fields_ = &head.headers;
  // What else such a response brings is of no use.
  if (head.framing != http::Framing::kNone) Finish(*trailers_only_, head_fields_);
}

void ClusterStream::OnData(buffer::Buffer& data) {
  if (done_) return data.Clear();
  input_.MoveFrom(data);
  Deliver();
}

void ClusterStream::Deliver() {
  while (!done_ && !paused_ && !input_.empty()) {
    switch (reader_.Read(input_)) {
      case FrameReader::Outcome::kMessage:
        user_.OnMessage(reader_.message());
        break;
      case FrameReader::Outcome::kMoreNeeded:
        break;
      case FrameReader::Outcome::kTooLarge:
        return Finish({GrpcCode::kResourceExhausted, "a message is longer than allowed"});
      case FrameReader::Outcome::kCompressed:
        return Finish({GrpcCode::kInternal, "a message is compressed, which was not asked for"});
      case FrameReader::Outcome::kMalformed:
        return Finish({GrpcCode::kInternal, "the response is no sequence of gRPC messages"});
    }
  }
}

void ClusterStream::OnEnd(http::HeaderMap* trailers) {
  if (done_) return;
  if (trailers_only_.has_value()) return Finish(*trailers_only_, head_fields_);
  ended_ = true;
  trailers_ = trailers;
  // Resumed in this turn: what was kept back goes first.
  Deliver();
  if (!done_ && input_.empty()) DeliverEnd();
}

void ClusterStream::DeliverEnd() {
  if (reader_.in_message()) {
    return Finish({GrpcCode::kInternal, "the response ends within a message"}, trailers_);
  }
  if (trailers_ == nullptr) {
    return Finish({GrpcCode::kUnknown, "the response has no trailers"});
  }
  Finish(ReadStatus(*trailers_), trailers_);
}

void ClusterStream::OnReset(const http::ProxyError& error) {
  if (!done_) Finish(StatusOfError(error, answered_));
}

void ClusterStream::Finish(const Status& status, const http::HeaderMap* trailers) {
  done_ = true;
  if (request_ != nullptr) request_->Close();
  user_.OnClosed(status, trailers);
}

void ClusterStream::Close() {
  done_ = true;
  request_.reset();
}

}  // namespace remora::grpc
