#pragma once

// AsyncRequest: one request that the proxy itself makes to a cluster: a copy of a client's, a
// check, the call of a service.
//
//   head() filled --Start--> waits for a connection --> head, SendData*, SendEnd go out
//                                                   <-- OnHead, OnData*, OnEnd | OnReset to the
//                                                   user
//
// It goes through the cluster's balancer, pool and circuit breakers and counts in its statistics as
// any request; one try, again is the caller's to decide. What cannot be sent yet waits here.
//
// Owner: whoever asks, through an AsyncRequestPtr; letting go of it cancels, also from within a
// callback. Thread: the cluster's worker. The arena lives as long as the request. Every failure
// reaches the user once, as OnReset, never from inside Start; after OnEnd or OnReset nothing does.
// Source: Envoy source/common/http/async_client_impl.cc.

#include <memory>
#include <optional>

#include "source/event/dispatcher.h"
#include "source/event/timer.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::upstream {

// Ends an object at once, and destroys it at the end of the turn: it may be on the stack.
struct CloseLater {
  template <class T>
  void operator()(T* object) const {
    object->Close();
    object->dispatcher().DeferDelete(std::unique_ptr<event::Deferred>(object));
  }
};

// Whom the response goes to.
class AsyncUser : public http::ResponseSink {
 public:
  // What was given to SendData waits for the host, or has left.
  virtual void OnRequestFull() {}
  virtual void OnRequestDrained() {}

 protected:
  ~AsyncUser() = default;
};

class AsyncRequest final : private StreamUser, public event::Deferred {
 public:
  struct Options {
    event::Duration timeout = 0;    // 0: none. Over: OnReset with kRouteTimeout
    bool timeout_from_end = false;  // it runs from the request's end, not from Start
    // x-envoy-internal and x-forwarded-for with our address, as Envoy's own requests have.
    bool envoy_fields = true;
    bool forwarded_for = true;  // the latter of them
  };

  // `user` outlives the request, or its Close.
  AsyncRequest(ClusterRuntime& cluster, AsyncUser& user, const Options& options);
  ~AsyncRequest() override;
  AsyncRequest(const AsyncRequest&) = delete;
  AsyncRequest& operator=(const AsyncRequest&) = delete;

  base::Arena& arena() override { return arena_; }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  // The cluster's connections are encrypted.
  bool secure() const { return cluster_.config().transport != nullptr; }
  // To be filled before Start.
  http::RequestHead& head() { return head_; }
  // To be filled before SendEnd(true).
  http::HeaderMap& trailers() { return trailers_; }

  void Start();
  // Takes everything.
  void SendData(buffer::Buffer& data);
  void SendEnd(bool with_trailers = false);
  // Bytes that wait here, and whether more would.
  uint64_t waiting_bytes() const { return body_.length(); }
  bool writable() const { return lease_.active() && !full_; }
  // The response stops coming, or goes on.
  void Pause();
  void Resume();
  // Ends it: what is in flight is cancelled, the user hears nothing any more.
  void Close();

 private:
  enum class State : uint8_t { kIdle, kStarting, kOpen, kClosed };

  static void OnTimeout(void* self);
  static void OnTurnEnd(void* self);
  // upstream::StreamUser
  void OnStreamReady(StreamLease lease) override;
  void OnStreamFailed(const http::ProxyError& error) override;
  void OnUpstreamFull() override;
  void OnUpstreamDrained() override;
  void OnInterim(http::ResponseHead&) override {}
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

  void Begin();
  void Use(StreamLease lease);
  void FlushBody();
  void FailLater(const http::ProxyError& error);
  void Fail(const http::ProxyError& error);

  ClusterRuntime& cluster_;  // not used once it is closed: it may be gone
  event::Dispatcher& dispatcher_;
  AsyncUser& user_;
  const Options options_;
  base::Arena arena_;
  http::RequestHead head_;
  http::HeaderMap trailers_;
  buffer::Buffer body_;  // not sent yet
  event::Timer timeout_;
  event::TurnTask turn_end_;
  std::optional<http::ProxyError> failure_;  // to be told at the end of the turn
  event::TimePoint request_end_ = 0;
  Pool* pool_ = nullptr;
  StreamLease lease_;
  State state_ = State::kIdle;
  bool waiting_ = false;
  bool full_ = false;
  bool paused_ = false;
  bool request_ended_ = false;
  bool with_trailers_ = false;
  bool end_sent_ = false;
  bool answered_ = false;
};

using AsyncRequestPtr = std::unique_ptr<AsyncRequest, CloseLater>;

}  // namespace remora::upstream
