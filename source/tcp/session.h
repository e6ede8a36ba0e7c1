#pragma once

// Session: one downstream connection of a TCP proxy, with the upstream connection that it gets.
//
//   kWaiting --the client's first byte, or its handshake--> kConnecting --> kOpen --> kClosing
//                                                          |   ^   |
//                                       an attempt failed --   ----   and another one is allowed
//
//   kOpen      bytes go both ways; each way ends by itself
//   kRefusing  nothing will come of it, but its TLS greeting has not been read yet: closing with
//              bytes unread would send a reset, which a router takes for something worse
//   kClosing   nothing more is read; what is queued goes out, then both connections close
//
// Owner: the worker's listener until the connection is closed, then the dispatcher's deferred list.
// Thread: its worker. Failures end the connection and leave a response flag in its log record: UH
// no host, UF connect failed, URX no attempt left, UO circuit breaker, NC no such cluster, UR the
// host sent a reset, DT it lasted too long. No byte of ours ever goes to a peer.
// Source: Envoy source/common/tcp_proxy/tcp_proxy.cc.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/http/formatter/format.h"
#include "source/http/metadata.h"
#include "source/net/connection.h"
#include "source/net/downstream_session.h"
#include "source/net/passage.h"
#include "source/tcp/upstream.h"
#include "source/tcp/way.h"
#include "source/tcp/worker_config.h"

namespace remora::tcp {

class Session final : public net::DownstreamSession, public net::ConnectionHandler {
 public:
  Session(std::shared_ptr<WorkerConfig> config, net::SessionOwner& owner, net::Accepted accepted);
  ~Session() override;

  // net::DownstreamSession
  void Start() override;
  void Close() override;
  // A stream of bytes has no moment at which its work is done: it goes on, unless drain_closes.
  void Drain() override;
  const net::Address& remote() const override { return remote_; }
  const net::Address& local() override;
  net::SessionTotals totals() const override;

  // net::ConnectionHandler, of the client
  void OnInput(buffer::Buffer& input) override;
  void OnPiped(size_t bytes) override;
  void OnInputEnd() override;
  void OnClosed(net::CloseReason reason, int error) override;
  void OnConnected() override;
  void OnHandshakeHeld() override;
  void OnOutputFull() override;
  void OnOutputDrained() override;

  // Of the upstream connection
  void OnUpstreamConnected();
  void OnConnectFailed(Upstream::Failure failure);
  void OnUpstreamInput(buffer::Buffer& input);
  void OnUpstreamPiped(size_t bytes);
  void OnUpstreamInputEnd();
  void OnUpstreamClosed(int error);
  void OnUpstreamFull();
  void OnUpstreamDrained();

  bool piped() const { return to_upstream_.piped() || to_client_.piped(); }

 private:
  enum class Phase : uint8_t {
    kIdle,
    kWaiting,
    kConnecting,
    kOpen,
    kRefusing,
    kClosing,
    kOver,
  };

  static void OnTimer(void* self);
  static void OnDurationOver(void* self);
  static void OnLogTimer(void* self);
  static void OnTurnEnd(void* self);
  void ArmDuration();
  void ArmLogTimer();

  void Connect();
  Upstream::Failure BeginUpstream(upstream::ClusterRuntime& cluster);
  void TryAgain();
  void DropUpstream();
  // Nothing will come of it: the client is turned away.
  void Refuse();
  // What is queued goes out, then both connections close.
  void CloseBoth(Upstream::EndedBy by);
  // Both connections close now.
  void Abort();
  void CountFlush();
  void MaybeDrain();
  void Finish();
  void NoteEnd();

  void OnIdleCheck();
  event::TimePoint LastMoved() const;
  void Log(formatter::LogType type);
  uint64_t bytes_received() const;

  std::shared_ptr<WorkerConfig> config_;
  net::SessionOwner& owner_;
  // What listener filters found out.
  struct Findings {
    http::Metadata metadata;
    bool local_restored = false;
    std::vector<net::ConnectionTlv> tlvs;
    std::shared_ptr<const net::Source> source;
  };
  static std::unique_ptr<Findings> TakeFindings(net::Accepted& accepted);
  net::Passage& passage();

  std::unique_ptr<Findings> findings_;  // null: nothing
  net::Address remote_;
  net::Address direct_remote_;
  std::unique_ptr<const net::Address> local_;  // once somebody has asked
  std::unique_ptr<net::Passage> passage_;  // once a cluster has; outlives the upstream connection
  std::string server_name_;
  std::unique_ptr<const net::ClientFingerprints> fingerprints_;
  uint64_t id_;
  event::TimePoint started_;
  Phase phase_ = Phase::kIdle;
  bool holding_ = false;             // the client's handshake, until the upstream connection stands
  bool greeted_ = false;             // and its greeting was read
  bool client_ended_early_ = false;  // before there was an upstream connection
  bool flushing_ = false;            // the client is gone, the host has not taken all
  Upstream::EndedBy ended_by_ = Upstream::EndedBy::kUs;
  uint32_t attempts_ = 0;
  event::Duration backoff_ = 0;
  size_t early_bytes_ = 0;
  const upstream::Host* failed_host_ = nullptr;  // compared, never used

  // For the log.
  http::ResponseFlags flags_;
  std::string cluster_name_;
  std::string cluster_stat_name_;
  std::string host_;
  std::string host_name_;
  std::optional<net::Address> host_address_;
  std::optional<net::Address> upstream_local_;
  std::shared_ptr<const net::TlsFacts> upstream_tls_;
  std::string upstream_failure_;
  uint64_t upstream_id_ = 0;
  event::TimePoint connect_begin_ = 0;
  event::TimePoint connect_end_ = 0;

  event::Timer timer_;  // the next attempt, or idleness
  std::optional<event::Timer> duration_timer_;
  std::optional<event::Timer> log_timer_;
  event::TurnTask turn_end_;
  net::Connection connection_;
  std::unique_ptr<Upstream> upstream_;
  Way to_upstream_;
  Way to_client_;
};

}  // namespace remora::tcp
