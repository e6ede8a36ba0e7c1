#pragma once

// Pool: the connections of one worker to one host, and the requests that wait for one.
//
// Owner: ClusterRuntime. Thread: its worker. HTTP/1: one stream a connection at a time; free
// connections are used last in, first out (warm caches, warm congestion windows). HTTP/2: a
// connection is free as long as it takes further streams; a new one is begun when all are full.
// Where ALPN decides, the host's last choice says how many streams a new connection will take.
//
//   Acquire --free connection--> a stream at once
//          |                     (not one older than what the host is known to keep, IdleAge)
//          \--none-------------> waits; a connection is begun unless enough are on their way
//                                 connected: first waiter gets it
//                                 failed: every waiter fails (the router decides about another try)
//          \--breaker open-----> refused at once (kOverflow)
//
// Results that come later are delivered from the dispatcher, never from inside Acquire. A waiter
// that is destroyed leaves the queue.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/http/proxy_error.h"
#include "source/net/passage.h"
#include "source/upstream/cluster.h"
#include "source/upstream/idle_age.h"

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
  // It has served another request before this one.
  bool reused_connection() const;
  // A byte of the request was given to the kernel.
  bool wrote() const;
  // A byte of the response has come.
  bool response_began() const;
  // Null without one; valid while the lease is active.
  const PoolConnection* connection() const { return connection_; }
  // The response has ended: the connection may serve another.
  void Finish();
  void Cancel();

 private:
  friend class PoolConnection;
  PoolConnection* connection_ = nullptr;
  http::ClientCodecStream* stream_ = nullptr;
};

// What a request asks of the connection that it gets.
struct StreamWish {
  Priority priority = Priority::kDefault;
  bool fresh = false;  // no connection that has served another request
  bool once = false;   // it must not be sent twice: no connection that the host may be closing
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
  // Where the exchange's bytes are counted; null: nowhere.
  virtual http::WireBytes* wire() { return nullptr; }

  // Set before Acquire, not changed while waiting.
  StreamWish wish;

 protected:
  ~StreamUser() = default;
};

class Pool final : public event::Deferred, public net::PassageGuest {
 public:
  // ProxyError::detail of a refusal by max_pending_requests: no host was asked.
  static constexpr std::string_view kPendingFull = "max_pending_requests";

  // `held`: the host, where hosts go. `passage`: the one downstream connection that it serves, and
  // which it ends with; null: all. `server_name`: the one that its requests are for; empty: any.
  Pool(ClusterRuntime& cluster, const Host& host, std::shared_ptr<const Host> held,
       Priority priority, Protocol protocol, net::Passage* passage, std::string server_name);
  ~Pool() override;
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
  // For who looks at the host longer than it has a connection to it; null: it stays.
  const std::shared_ptr<const Host>& held() const { return held_; }
  ClusterRuntime& cluster() { return cluster_; }
  size_t connections() const { return all_.size(); }
  // Somebody waits for a connection or uses one.
  bool busy() const;
  Priority priority() const { return priority_; }
  Protocol protocol() const { return protocol_; }
  const net::Passage* passage() const { return passage_; }
  const std::string& server_name() const { return server_name_; }
  // net::PassageGuest
  void OnPassageEnd() override;
  const IdleAge& idle_age() const { return idle_age_; }
  // Closes connections that nobody uses. Those of HTTP/2 that are in use take no further stream.
  void CloseIdle();
  // The host has left: no further request comes here, and each connection ends with those it has.
  // The cluster is told when nobody uses the pool any more (ClusterRuntime::OnPoolDone).
  void Leave();
  bool HasWaiting() const { return waiting_count_ > 0; }
  // Ends everything: what is in flight fails, nothing new begins.
  void Close();

 private:
  friend class PoolConnection;
  // The free connection that `wish` may use, or null.
  PoolConnection* TakeFree(const StreamWish& wish);
  bool MayConnect() const;
  // How many streams the connections that are being begun will take at once.
  uint64_t ConnectingCapacity() const;
  bool StartConnection(http::ProxyError& error);
  StreamUser* NextWaiting(const PoolConnection& connection);
  StreamLease Attach(PoolConnection& connection, StreamUser& user);
  void OnConnected(PoolConnection& connection);
  void OnFree(PoolConnection& connection);
  void OnConnectFailed(const http::ProxyError& error);
  // Takes the connection out of the pool; it is destroyed at the end of the turn.
  void Remove(PoolConnection& connection);
  // New connections for those that still wait, after one was lost.
  void ConnectForWaiters();
  void LeaveQueue(StreamUser& user);
  // The host closed a connection that was idle for so long.
  void LearnIdleAge(event::Duration age);

  ClusterRuntime& cluster_;
  const Host& host_;
  const std::shared_ptr<const Host> held_;
  const Priority priority_;  // whose breakers count its connections
  const Protocol protocol_;  // not kAsDownstream
  bool expects_http2_;       // of the next connection
  const net::Passage* const passage_;
  const std::string server_name_;
  bool closing_ = false;
  bool leaving_ = false;
  HostCounters& host_counters_;
  std::vector<std::unique_ptr<PoolConnection>> all_;
  base::IntrusiveList<PoolConnection> free_;  // front: used last
  base::IntrusiveList<StreamUser> waiting_;
  uint32_t waiting_count_ = 0;
  uint32_t fresh_waiting_ = 0;  // of them those that want no used connection
  uint32_t connecting_ = 0;
  IdleAge idle_age_;
};

}  // namespace remora::upstream
