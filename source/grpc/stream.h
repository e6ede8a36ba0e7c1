#pragma once

// Stream: one gRPC call in the general form: any number of messages both ways. A door: to a cluster
// (ClusterStream), or to a target URI by the gRPC library (GoogleClient).
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

#include "source/grpc/google_call.h"
#include "source/grpc/status.h"
#include "source/upstream/async_request.h"
#include "source/upstream/cluster_set.h"

namespace remora::grpc {

// Where calls go: envoy.config.core.v3.GrpcService, as a value.
struct Service {
  // What one message may hold unless the configuration says; Envoy has no limit.
  static constexpr uint64_t kDefaultMaxMessage = 128 * 1024 * 1024;

  std::string cluster;          // envoy_grpc
  std::string authority = {};   // empty: the cluster's name
  event::Duration timeout = 0;  // of a call from its beginning; 0: none
  std::vector<std::pair<std::string, std::string>> initial_metadata = {};
  uint64_t max_message_bytes = kDefaultMaxMessage;
  bool envoy_fields = true;                 // x-envoy-internal, x-forwarded-for
  std::optional<GoogleTarget> google = {};  // google_grpc: in place of the cluster

  // For messages: the cluster or the target.
  const std::string& name() const { return google.has_value() ? google->uri : cluster; }
  bool operator==(const Service&) const = default;
};

class StreamUser {
 public:
  // Of a cluster's call.
  virtual void OnInitialMetadata(const http::HeaderMap&) {}
  // Takes the message's bytes.
  virtual void OnMessage(buffer::Buffer& message) = 0;
  // What was sent has left: there is room again.
  virtual void OnWritable() {}
  // The last call. `trailers` is null where the response has none, and for the gRPC library's.
  virtual void OnClosed(const Status& status, const http::HeaderMap* trailers) = 0;

 protected:
  ~StreamUser() = default;
};

class Stream;
using StreamPtr = std::unique_ptr<Stream, upstream::CloseLater>;

class Stream : public event::Deferred {
 public:
  // To the service's cluster. `path` is "/package.Service/Method". `user` outlives the stream, or
  // its Close.
  static StreamPtr Open(upstream::ClusterSet& clusters, const Service& service,
                        std::string_view path, StreamUser& user);

  virtual event::Dispatcher& dispatcher() = 0;
  // One message; takes its bytes. Without room it waits here: see writable().
  virtual void Send(buffer::Buffer& message) = 0;
  virtual void EndSending() = 0;
  // What is sent goes out at once. A user with much to say waits for OnWritable otherwise.
  virtual bool writable() const = 0;
  virtual uint64_t waiting_bytes() const = 0;
  // No messages until Resume: the server's window closes.
  virtual void Pause() = 0;
  virtual void Resume() = 0;
  virtual void Close() = 0;
};

}  // namespace remora::grpc
