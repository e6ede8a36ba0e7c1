#pragma once

// PoolConnection: one upstream connection with its client codec.
//
// Owner: Pool, then the dispatcher's deferred list. Thread: its worker. In HTTP/1 it carries one
// exchange at a time, tells it when the connection is lost, and goes back to the pool when the
// codec says that another exchange is possible. In HTTP/2 its exchanges are Http2Exchanges. Where
// ALPN decides between the two, that is known once it is connected.

#include "source/event/dispatcher.h"
#include "source/http/http1/client_codec.h"
#include "source/net/connection.h"
#include "source/upstream/pool.h"

namespace remora::upstream {

class Http2Exchanges;

class PoolConnection final : public event::Deferred,
                             public base::ListNode<PoolConnection>,
                             public net::ConnectionHandler,
                             public http::ClientCodecEvents {
 public:
  PoolConnection(Pool& pool, net::Socket socket, std::unique_ptr<net::TransportSocket> transport);
  ~PoolConnection() override;

  void Start();
  StreamLease Begin(StreamUser& user);
  // The present exchange is not its first; it has had one at all.
  bool reused() const { return requests_ > 1; }
  bool used() const { return requests_ > 0; }
  event::TimePoint idle_since() const { return idle_since_; }
  bool wrote(http::ClientCodecStream& stream) const;
  // Unique in the process.
  uint64_t id() const { return id_; }
  // Known once it is connected.
  const net::Address& local_address() const { return local_; }
  bool connecting() const { return connecting_; }
  bool multiplexes() const { return http2_ != nullptr; }
  // HTTP/2: further streams are possible beside those that there are.
  bool TakesMore() const;
  // Takes no further stream, and closes when there is none.
  void Retire();

  // From Http2Exchanges.
  ClusterRuntime& cluster() { return pool_.cluster(); }
  void OnHttp2Failed(std::string_view why);
  void OnHttp2Dead();
  void AfterHttp2Work();
  bool in_use() const;
  const net::TlsFacts* tls() const { return connection_.tls(); }

  // net::ConnectionHandler
  void OnConnected() override;
  void OnInput(buffer::Buffer& input) override;
  void OnInputEnd() override;
  void OnClosed(net::CloseReason reason, int error) override;
  void OnOutputFull() override;
  void OnOutputDrained() override;

  // http::ClientCodecEvents
  void OnOutput() override { connection_.Cork(); }
  void OnUnusable() override;
  void OnTunnelEnd() override { connection_.ShutdownAfterFlush(); }
  void OnInputInterestChanged() override;

 private:
  friend class StreamLease;
  friend class Pool;
  enum class EndedBy : uint8_t { kUs, kHost };

  static void OnTimer(void* self);
  static void OnTurnEnd(void* self);
  void Speak(Protocol protocol);
  void FinishExchange(http::ClientCodecStream& stream);
  void CancelExchange(http::ClientCodecStream& stream);
  void CountFinished(Priority priority);
  bool WornOut() const;
  bool Expired() const;
  void ArmIdleTimer(bool learnt);
  // Closes, tells the exchange why, and leaves the pool.
  void End(EndedBy by, const http::ProxyError& error);
  void AfterDispatch();
  // What the host's closing says about its idle timeout.
  void LearnFromClose();
  event::TimePoint ExpiresAt() const;

  Pool& pool_;
  bool connecting_ = true;
  bool ended_ = false;
  bool in_dispatch_ = false;
  bool cut_ = false;        // an exchange was given up on it: it is of no more use
  bool cancelled_ = false;  // what still comes is nobody's, and no fault of the host
  Priority priority_ = Priority::kDefault;  // of the present exchange
  uint64_t id_;
  uint32_t requests_ = 0;
  size_t index_ = 0;  // in Pool::all_
  event::TimePoint started_;
  event::TimePoint idle_since_ = 0;  // since when nobody uses it
  event::Duration idle_age_ = 0;     // how long that was before the present exchange
  net::Address local_;
  StreamUser* user_ = nullptr;
  http::ClientCodecStream* stream_ = nullptr;
  event::Timer timer_;  // connect timeout, then idle timeout
  event::TurnTask turn_end_;
  net::Connection connection_;
  http1::ClientCodec codec_;
  std::unique_ptr<Http2Exchanges> http2_;  // null: HTTP/1
};

}  // namespace remora::upstream
