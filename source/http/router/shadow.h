#pragma once

// Shadow: a copy of a request sent to another cluster, whose answer nobody waits for
// (RouteAction.request_mirror_policies). Shadows: those of one router on one worker.
//
// It has an arena of its own and outlives the request that it copies: fire and forget. Body is
// shared with the original, not copied; what cannot be sent yet waits up to a limit, over which the
// copy is given up (retry_or_shadow_abandoned). It never makes the original wait. A client that
// goes half-way takes the copy along: nobody gets half a request for a whole one.
//
// Owner: Shadows, then the dispatcher's deferred list. Thread: its worker. Failures are counted in
// the statistics of its cluster and go nowhere else.

#include <list>
#include <memory>
#include <vector>

#include "source/base/link.h"
#include "source/event/timer.h"
#include "source/http/filter/filter_context.h"
#include "source/http/route/retry_policy.h"
#include "source/upstream/cluster_runtime.h"

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

class Shadow final : public upstream::StreamUser, public event::Deferred, public base::Linkable {
 public:
  struct Setup {
    Shadows& owner;
    upstream::ClusterRuntime& cluster;
    base::ArenaPool& arenas;
    uint64_t body_limit;
    event::Duration timeout;  // from the end of the request; 0: none
    bool host_suffix;
  };
  Shadow(const Setup& setup, const http::RequestHead& head);
  ~Shadow() override;

  void Start();
  // `data` is not changed.
  void SendData(const buffer::Buffer& data);
  void SendEnd(const http::HeaderMap* trailers);
  // Gives the copy up; `abandoned`: for want of room.
  void Drop(bool abandoned);

  // upstream::StreamUser
  void OnStreamReady(upstream::StreamLease lease) override;
  void OnStreamFailed(const http::ProxyError& error) override;
  void OnUpstreamFull() override { full_ = true; }
  void OnUpstreamDrained() override;
  base::Arena& arena() override { return arena_; }
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override { data.Clear(); }
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

 private:
  static void OnTimeout(void* self);
  void Use(upstream::StreamLease lease);
  void FlushBody();
  void Fail(const http::ProxyError& error);
  void Finish();

  Shadows& owner_;
  upstream::ClusterRuntime& cluster_;
  base::Arena arena_;
  http::RequestHead head_;
  http::HeaderMap* trailers_ = nullptr;
  buffer::Buffer body_;  // not sent yet
  const uint64_t body_limit_;
  const event::Duration time_;
  event::Timer timeout_;
  event::TimePoint request_end_ = 0;
  upstream::Pool* pool_ = nullptr;
  upstream::StreamLease lease_;
  bool waiting_ = false;
  bool full_ = false;
  bool request_ended_ = false;
  bool end_sent_ = false;
  bool answered_ = false;
  bool finished_ = false;
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
