#pragma once

// ClusterStream: a call to a cluster, on a stream of its pool.
//
//   Send --5-byte prefix--> upstream::AsyncRequest --> pool --> host
//   user <--FrameReader---- AsyncRequest <--------------------'
//
// Owner and thread: as Stream. Source: gRPC docs, "gRPC over HTTP2".

#include <optional>
#include <string_view>

#include "source/grpc/frame.h"
#include "source/grpc/stream.h"

namespace remora::grpc {

class ClusterStream final : public Stream, private upstream::AsyncUser {
 public:
  ClusterStream(upstream::ClusterSet& clusters, const Service& service, StreamUser& user);
  ~ClusterStream() override { Close(); }
  ClusterStream(const ClusterStream&) = delete;
  ClusterStream& operator=(const ClusterStream&) = delete;

  void Start(const Service& service, std::string_view path);

  // Stream
  event::Dispatcher& dispatcher() override { return dispatcher_; }
  void Send(buffer::Buffer& message) override;
  void EndSending() override;
  bool writable() const override { return request_ != nullptr && request_->writable(); }
  uint64_t waiting_bytes() const override {
    return request_ != nullptr ? request_->waiting_bytes() : 0;
  }
  void Pause() override;
  void Resume() override;
  void Close() override;

 private:
  static void OnTurnEnd(void* self);
  // upstream::AsyncUser
  void OnRequestDrained() override { user_.OnWritable(); }
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

  void Deliver();
  void DeliverEnd();
  void Finish(const Status& status, const http::HeaderMap* trailers = nullptr);

  event::Dispatcher& dispatcher_;
  StreamUser& user_;
  event::TurnTask turn_end_;
  upstream::AsyncRequestPtr request_;  // null: there is no such cluster
  buffer::Buffer input_;               // not delivered yet
  FrameReader reader_;
  std::optional<Status> trailers_only_;
  const http::HeaderMap* head_fields_ = nullptr;  // of such a response
  const http::HeaderMap* trailers_ = nullptr;
  bool answered_ = false;
  bool ended_ = false;  // the response is here to its end
  bool paused_ = false;
  bool done_ = false;
};

}  // namespace remora::grpc
