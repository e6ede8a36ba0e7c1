#pragma once

// Pool: the connections of one worker to one host, and the requests that wait for one.
//
// Owner: ClusterRuntime. Thread: its worker. HTTP/1: one stream a connection at a time; free
// connections are used last in, first out (warm caches, warm congestion windows).
//
//   Acquire --free connection--> a stream at once
//          \--none-------------> waits; a connection is begun unless enough are on their way
//                                 connected: first waiter gets it
//                                 failed: every waiter fails (the router decides about another try)
//          \--breaker open-----> refused at once (kOverflow)
//
// Results that come later are delivered from the dispatcher, never from inside Acquire. A waiter
// that is destroyed leaves the queue.

#include <memory>
#include <optional>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/http/codec.h"
#include "source/http/proxy_error.h"
#include "source/upstream/cluster.h"

namespace remora::upstream {

class ClusterRuntime;
class Pool;
class PoolConnection;

// The right to one stream on a pool connection. Letting go of it before the response has ended
// cancels the exchange, which in HTTP/1 closes the connection.
class StreamLease {
 public:
  StreamLease() = default;
  StreamLease(PoolConnection& connection, http::ClientCodecStream& stream)
      : connection_(&connection), stream_(&stream) {}
  ~StreamLease() { Cancel(); }
  StreamLease(StreamLease&& other) noexcept { *this = std::move(other); }
  StreamLease& operator=(StreamLease&& other) noexcept;
  StreamLease(const StreamLease&) = delete;
  StreamLease& operator=(const StreamLease&) = delete;

  bool active() const { return connection_ != nullptr; }
  http::ClientCodecStream* stream() const { return stream_; }
  bool reused_connection() const;
  // The response has ended: the connection may serve another.
  void Finish();
  void Cancel();

 private:
  friend class PoolConnection;
  PoolConnection* connection_ = nullptr;
  http::ClientCodecStream* stream_ = nullptr;
};

// One request that wants a stream: takes the response too.
class StreamUser : public base::ListNode<StreamUser>, public http::ResponseSink {
 public:
  virtual void OnStreamReady(StreamLease lease) = 0;
  virtual void OnStreamFailed(const http::ProxyError& error) = 0;
  // Output of the upstream connection is full, or has drained.
  virtual void OnUpstreamFull() = 0;
  virtual void OnUpstreamDrained() = 0;
  virtual base::Arena& arena() = 0;
  virtual Priority priority() const { return Priority::kDefault; }

 protected:
  ~StreamUser() = default;
};

class Pool {
 public:
  Pool(ClusterRuntime& cluster, const Host& host);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  struct Acquired {
    StreamLease lease;                      // active when a stream is there at once
    std::optional<http::ProxyError> error;  // set when refused; neither: `user` waits
  };
  Acquired Acquire(StreamUser& user);
  // `user` gives up waiting.
  void CancelWaiting(StreamUser& user);

  const Host& host() const { return host_; }
  ClusterRuntime& cluster() { return cluster_; }
  size_t connections() const { return all_.size(); }

 private:
  friend class PoolConnection;
  bool StartConnection(http::ProxyError& error);
  StreamLease Attach(PoolConnection& connection, StreamUser& user);
  void OnConnected(PoolConnection& connection);
  void OnFree(PoolConnection& connection);
  void OnConnectFailed(const http::ProxyError& error);
  // Takes the connection out of the pool; it is destroyed at the end of the turn.
  void Remove(PoolConnection& connection);
  // New connections for those that still wait, after one was lost.
  void ConnectForWaiters();
  void LeaveQueue(StreamUser& user);

  ClusterRuntime& cluster_;
  const Host& host_;
  HostCounters& host_counters_;
  std::vector<std::unique_ptr<PoolConnection>> all_;
  base::IntrusiveList<PoolConnection> free_;  // front: used last
  base::IntrusiveList<StreamUser> waiting_;
  uint32_t waiting_count_ = 0;
  uint32_t connecting_ = 0;
};

}  // namespace remora::upstream
