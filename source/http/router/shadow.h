#pragma once

// Shadow: a copy of a request sent to another cluster, whose answer nobody waits for
// (RouteAction.request_mirror_policies). Shadows: those of one router on one worker.
//
// It is an AsyncRequest that outlives the request that it copies: fire and forget. Body is shared
// with the original, not copied; what cannot be sent yet waits up to a limit, over which the copy
// is given up (retry_or_shadow_abandoned). It never makes the original wait. A client that goes
// half-way takes the copy along: nobody gets half a request for a whole one.
//
// Owner: Shadows, then the dispatcher's deferred list. Thread: its worker. Failures are counted in
// the statistics of its cluster and go nowhere else.

#include <list>
#include <memory>
#include <vector>

#include "source/base/link.h"
#include "source/http/filter/filter_context.h"
#include "source/http/route/retry_policy.h"
#include "source/upstream/async_request.h"

namespace remora::router {

class Shadow;

class Shadows {
 public:
  Shadows() = default;
  ~Shadows();
  Shadows(const Shadows&) = delete;
  Shadows& operator=(const Shadows&) = delete;

  void Add(std::unique_ptr<Shadow> shadow) { all_.push_back(std::move(shadow)); }
  // Destroys it at the end of the turn.
  void Remove(Shadow& shadow, event::Dispatcher& dispatcher);
  size_t size() const { return all_.size(); }

 private:
  std::vector<std::unique_ptr<Shadow>> all_;
};

class Shadow final : public upstream::AsyncUser, public event::Deferred, public base::Linkable {
 public:
  struct Setup {
    Shadows& owner;
    upstream::ClusterRuntime& cluster;
    uint64_t body_limit;
    event::Duration timeout;  // from the end of the request; 0: none
    bool host_suffix;
  };
  Shadow(const Setup& setup, const http::RequestHead& head);

  void Start() { request_.Start(); }
  // `data` is not changed.
  void SendData(const buffer::Buffer& data);
  void SendEnd(const http::HeaderMap* trailers);
  // Gives the copy up; `abandoned`: for want of room.
  void Drop(bool abandoned);

  // upstream::AsyncUser
  void OnHead(http::ResponseHead&) override {}
  void OnData(buffer::Buffer& data) override { data.Clear(); }
  void OnEnd(http::HeaderMap*) override { Finish(); }
  void OnReset(const http::ProxyError&) override { Finish(); }

 private:
  void Finish();

  Shadows& owner_;
  upstream::ClusterRuntime& cluster_;
  const uint64_t body_limit_;
  bool finished_ = false;
  upstream::AsyncRequest request_;
};

// The copies of one request: ends when the request's stream does.
class Mirrors {
 public:
  void Add(Shadow& shadow) { links_.emplace_back().Set(shadow); }
  bool empty() const { return links_.empty(); }
  void SendData(const buffer::Buffer& data);
  void SendEnd(const http::HeaderMap* trailers);
  // The request will not be completed.
  void Drop();

 private:
  std::list<base::Link<Shadow>> links_;
};

}  // namespace remora::router
