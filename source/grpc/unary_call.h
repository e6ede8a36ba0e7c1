#pragma once

// UnaryCall: a gRPC call of one message each way.
//
// Owner: whoever asks, through a UnaryCallPtr; letting go of it cancels, also from within OnAnswer.
// Thread: that of the ClusterSet. OnAnswer comes once, never from inside Start. A status of OK with
// no message, or with two, is made an error: both sides would disagree about the method.

#include <memory>
#include <string_view>

#include "source/grpc/stream.h"

namespace remora::grpc {

class UnaryUser {
 public:
  // `message` is empty where the status is not OK.
  virtual void OnAnswer(const Status& status, buffer::Buffer& message) = 0;

 protected:
  ~UnaryUser() = default;
};

class UnaryCall;
using UnaryCallPtr = std::unique_ptr<UnaryCall, upstream::CloseLater>;

class UnaryCall final : private StreamUser, public event::Deferred {
 public:
  // Takes the bytes of `message`.
  static UnaryCallPtr Start(upstream::ClusterSet& clusters, const Service& service,
                            std::string_view path, buffer::Buffer& message, UnaryUser& user);

  event::Dispatcher& dispatcher() { return dispatcher_; }
  void Close() { stream_.reset(); }

 private:
  UnaryCall(upstream::ClusterSet& clusters, UnaryUser& user)
      : dispatcher_(clusters.worker().dispatcher), user_(user), answer_(clusters.worker().blocks) {}

  // StreamUser
  void OnMessage(buffer::Buffer& message) override;
  void OnClosed(const Status& status, const http::HeaderMap* trailers) override;

  event::Dispatcher& dispatcher_;
  UnaryUser& user_;
  StreamPtr stream_;
  buffer::Buffer answer_;
  uint32_t messages_ = 0;
};

}  // namespace remora::grpc
