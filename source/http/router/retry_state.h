#pragma once

// RetryState: whether a request is tried again, and when: the route's policy and what the request
// itself asks for, the tries that are left, the breaker, the back-off.
//
//   OnHead / OnFailure --kYes--> Delay() --> next try --> OnHead / OnFailure ...
//                      \--kNo, kLimit, kOverflow--> what there is goes to the client
//
// Owner: the router filter, in the stream's arena, for requests that may be tried again. Thread:
// the stream's worker. It decides and counts; it sends nothing. A retry holds its place in the
// breaker until the try after it is decided, or the state goes. Nothing fails.
// Source: Envoy source/common/router/retry_state_impl.cc.

#include <optional>
#include <vector>

#include "source/base/random.h"
#include "source/event/timer.h"
#include "source/http/message.h"
#include "source/http/proxy_error.h"
#include "source/http/route/route_table.h"
#include "source/http/router/request_stats.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::router {

class RetryState final {
 public:
  enum class Answer : uint8_t {
    kNo,        // the policy does not ask for another try
    kYes,       // after Delay()
    kLimit,     // it does, but no try is left
    kOverflow,  // it does, but too many retries are in flight
  };
  struct Setup {
    const route::RetryPolicy* policy;  // null: only the request's own fields
    upstream::ClusterRuntime& cluster;
    upstream::Priority priority;
    base::Random& random;
    event::Dispatcher& dispatcher;
    CountedIn counted_in = {};
  };

  // Something asks for retries of such a request.
  static bool IsAskedFor(const route::RetryPolicy* policy, const http::RequestHead& head);

  // `on_delay_over` is called with `argument` when StartDelay's time has passed.
  RetryState(const Setup& setup, const http::RequestHead& head,
             event::Timer::Callback on_delay_over, void* argument);
  ~RetryState() { Release(); }
  RetryState(const RetryState&) = delete;
  RetryState& operator=(const RetryState&) = delete;

  // A response's head has come.
  Answer OnHead(const http::ResponseHead& head);
  // The try failed without a response; `began`: the request may have reached the upstream.
  Answer OnFailure(http::ErrorKind kind, bool began);
  // After kYes.
  void StartDelay();
  bool waiting() const { return timer_.armed(); }
  void Stop() { timer_.Disarm(); }

  // Which host the next try should go to.
  void Tried(const upstream::Host& host) { tried_.push_back(&host); }
  void Avoid(upstream::HostWish& wish) const;
  // The cluster has been replaced since the last try.
  void MoveTo(upstream::ClusterRuntime& cluster);

 private:
  bool WantsHead(const http::ResponseHead& head) const;
  bool WantsFailure(http::ErrorKind kind, bool began) const;
  bool WantsGrpc(const http::ResponseHead& head) const;
  Answer Decide(bool wanted);
  void ReadResetFields(const http::ResponseHead& head);
  void ReadRequest(const http::RequestHead& head);
  void Release();

  const route::RetryPolicy* policy_;
  upstream::ClusterRuntime* cluster_;
  const upstream::Priority priority_;
  const CountedIn counted_in_;
  base::Random& random_;
  event::Dispatcher& dispatcher_;
  uint32_t retry_on_ = 0;
  uint64_t left_ = 1;
  bool holds_place_ = false;
  event::Duration interval_ = route::RetryPolicy::kDefaultBaseInterval;
  event::Duration max_interval_ = 10 * route::RetryPolicy::kDefaultBaseInterval;
  event::Duration asked_delay_ = 0;           // by the upstream; 0: none
  std::vector<uint32_t> status_codes_;        // of the request's own
  std::vector<std::string_view> head_names_;  // likewise, lower-case, in the arena
  std::vector<const upstream::Host*> tried_;
  event::Timer timer_;
};

}  // namespace remora::router
