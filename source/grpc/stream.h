#pragma once

// Stream: one gRPC call to a cluster, in the general form: any number of messages both ways.
//
//   Open --> Send*, EndSending --------------------------------> server
//   user <-- OnInitialMetadata, OnMessage*, OnClosed(status) <-- server
//
// Deadline, back-pressure both ways and cancelling work as in any gRPC library; trying again is the
// caller's to decide, and so is what a lost stream means. Every call ends with one OnClosed, unless
// its user has let go of it before; no callback comes from inside a call of the user's own.
//
// Owner: whoever asks, through a StreamPtr; letting go of it cancels (RST_STREAM), also from within
// a callback. Thread: that of the ClusterSet. Messages are protobuf to others: here they are bytes.
// Source: gRPC docs, "gRPC over HTTP2"; Envoy source/common/grpc/async_client_impl.cc.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/grpc/frame.h"
#include "source/grpc/status.h"
#include "source/upstream/async_request.h"
#include "source/upstream/cluster_set.h"

namespace remora::grpc {

// Where calls go: envoy.config.core.v3.GrpcService with envoy_grpc, as a value.
struct Service {
  // What one message may hold unless the configuration says; Envoy has no limit.
  static constexpr uint64_t kDefaultMaxMessage = 128 * 1024 * 1024;

  std::string cluster;
  std::string authority = {};   // empty: the cluster's name
  event::Duration timeout = 0;  // of a call from its beginning; 0: none
  std::vector<std::pair<std::string, std::string>> initial_metadata = {};
  uint64_t max_message_bytes = kDefaultMaxMessage;
  bool envoy_fields = true;  // x-envoy-internal, x-forwarded-for

  bool operator==(const Service&) const = default;
};

class StreamUser {
 public:
  virtual void OnInitialMetadata(const http::HeaderMap&) {}
  // Takes the message's bytes.
  virtual void OnMessage(buffer::Buffer& message) = 0;
  // What was sent has left: there is room again.
  virtual void OnWritable() {}
  // The last call. `trailers` is null where the response has none.
  virtual void OnClosed(const Status& status, const http::HeaderMap* trailers) = 0;

 protected:
  ~StreamUser() = default;
};

class Stream;
using StreamPtr = std::unique_ptr<Stream, upstream::CloseLater>;

class Stream final : private upstream::AsyncUser, public event::Deferred {
 public:
  // `path` is "/package.Service/Method". `user` outlives the stream, or its Close.
  static StreamPtr Open(upstream::ClusterSet& clusters, const Service& service,
                        std::string_view path, StreamUser& user);
  ~Stream() override { Close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  event::Dispatcher& dispatcher() { return dispatcher_; }
  // One message; takes its bytes. Without room it waits here: see writable().
  void Send(buffer::Buffer& message);
  void EndSending();
  // What is sent goes out at once. A user with much to say waits for OnWritable otherwise.
  bool writable() const { return request_ != nullptr && request_->writable(); }
  uint64_t waiting_bytes() const { return request_ != nullptr ? request_->waiting_bytes() : 0; }
  // No messages until Resume: the server's window closes.
  void Pause();
  void Resume();
  void Close();

 private:
  Stream(upstream::ClusterSet& clusters, const Service& service, StreamUser& user);

  void Start(const Service& service, std::string_view path);
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
