#pragma once

// RemoteKeySet: the keys of one provider that a server has, on one worker.
//
//   request waits --> fetch (one at a time) --> keys, for cache_duration --> all that wait go on
//
// Owner: the filter's worker state. Thread: its worker. A fetch that fails fails the requests that
// wait for it; the next request tries again. With `ahead` keys are fetched again before they
// expire, and failed fetches are repeated. Keys that are in use stay until new ones are there.
// Source: Envoy source/extensions/filters/http/common/jwks_fetcher.cc,
// jwt_authn/jwks_async_fetcher.cc.

#include <memory>
#include <string>

#include "source/base/intrusive_list.h"
#include "source/event/timer.h"
#include "source/extensions/http_filters/jwt_authn/settings.h"
#include "source/stats/handles.h"
#include "source/upstream/async_request.h"
#include "source/upstream/cluster_set.h"

namespace remora::extensions {

class KeyWaiter : public base::ListNode<KeyWaiter> {
 public:
  // Null: they could not be fetched. Once.
  virtual void OnKeys(std::shared_ptr<const KeySet> keys) = 0;

 protected:
  ~KeyWaiter() = default;
};

class RemoteKeySet final : private upstream::AsyncUser {
 public:
  struct Counters {
    stats::Counter fetched;
    stats::Counter failed;
  };

  RemoteKeySet(const RemoteKeys& config, event::Dispatcher& dispatcher, const Counters& counters);

  // Null: none are there, or they have expired.
  std::shared_ptr<const KeySet> Fresh() const;
  // Fetches them for the waiter. False: there is no such cluster, and the waiter waits for nothing.
  bool Fetch(upstream::ClusterSet& clusters, KeyWaiter& waiter);

 private:
  static constexpr size_t kMaxBody = size_t{4} * 1024 * 1024;

  static void OnRefresh(void* self);
  // upstream::AsyncUser
  void OnHead(http::ResponseHead& head) override { status_ = head.status; }
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

  // False: there is no such cluster.
  bool Start();
  void Finish(const std::shared_ptr<const KeySet>& keys);

  const RemoteKeys& config_;
  event::Dispatcher& dispatcher_;
  Counters counters_;
  upstream::ClusterSet* clusters_ = nullptr;  // the worker's; null: nobody has asked yet
  std::shared_ptr<const KeySet> keys_;
  event::TimePoint expiry_ = 0;
  base::IntrusiveList<KeyWaiter> waiters_;
  event::Timer refresh_;
  std::string body_;
  uint16_t status_ = 0;
  upstream::AsyncRequestPtr request_;
};

}  // namespace remora::extensions
