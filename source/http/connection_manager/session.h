#pragma once

// Session: one downstream connection that speaks HTTP (room 4): its codec and its streams.
//
// Owner: the worker's listener until the connection is closed, then the dispatcher's deferred list.
// Thread: its worker. It feeds the codec, owns the streams that the codec begins, decides when the
// connection ends (timeouts, Connection: close, protocol error, drain), and tells its owner.
// Which HTTP it speaks is known before the first byte, or by its first bytes: those of HTTP/2 are
// unlike any request. What only HTTP/2 needs is in Http2Connection.
// One timer serves all its timeouts, because at most two of them run at once:
//
//   no stream, nothing received   idle_timeout           -> the connection ends
//   no stream, half a head        the streams' timeouts  -> 408
//   any time                      max_connection_duration -> drained: the next response says close;
//                                 without one the connection ends after drain_timeout

#include <memory>
#include <vector>

#include "source/http/codec.h"
#include "source/http/connection_manager/header_policy.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/http/filter/connection_states.h"
#include "source/net/connection.h"
#include "source/net/downstream_session.h"
#include "source/net/passage.h"

namespace remora::connection_manager {

class Http2Connection;
class ServerStream;

class Session final : public net::DownstreamSession,
                      public net::ConnectionHandler,
                      public http::ServerCodecEvents {
 public:
  Session(std::shared_ptr<WorkerConfig> config, net::SessionOwner& owner, net::Accepted accepted);
  ~Session() override;

  // net::DownstreamSession
  void Start() override { connection_.StartAccepted(); }
  void Close() override;
  // Answers what is in flight with Connection: close; an idle connection ends now.
  void Drain() override;
  const net::Address& remote() const override { return remote_; }
  const net::Address& local() override;
  net::SessionTotals totals() const override;

  // Unique in the process.
  uint64_t id() const { return id_; }
  // The peer itself, whatever a PROXY header says of the client.
  const net::Address& direct_remote() const {
    return findings_ == nullptr ? remote_ : findings_->direct_remote;
  }
  // What listener filters found out; null: nothing.
  std::string_view server_name() const {
    return findings_ == nullptr ? std::string_view() : findings_->server_name;
  }
  const http::Metadata* metadata() const {
    return findings_ == nullptr || findings_->metadata.empty() ? nullptr : &findings_->metadata;
  }
  const net::ClientFingerprints* fingerprints() const {
    return findings_ == nullptr ? nullptr : findings_->fingerprints.get();
  }
  bool local_restored() const { return findings_ != nullptr && findings_->local_restored; }
  bool names_source() const { return findings_ != nullptr && findings_->source != nullptr; }
  // Made when it is first asked for.
  net::Passage& passage();
  http::ConnectionStates& filter_states() { return filter_states_; }
  // Null: plaintext.
  const net::TlsFacts* tls() const { return connection_.tls(); }
  bool presented_certificate();
  // About the client's certificate, as the configuration wants it; made once. Empty: not wanted.
  std::string_view certificate_element();
  // The response that begins now is the connection's last.
  bool ShouldCloseAfterResponse();
  // A response was cut off: the connection of HTTP/1 is of no more use.
  void OnStreamAborted();
  bool speaks_http2() const { return http2_ != nullptr; }

  // From Http2Connection.
  void OnRequestBegan();
  void OnNothingInFlight();
  // The client broke the protocol or costs too much; GOAWAY is in the output.
  void OnHttp2Failed(std::string_view why);
  // It gives no sign of life.
  void OnHttp2Dead();
  void EndAfterFlush();

  // net::ConnectionHandler
  void OnInput(buffer::Buffer& input) override;
  void OnInputEnd() override;
  void OnClosed(net::CloseReason reason, int error) override;
  void OnOutputFull() override;
  void OnOutputDrained() override;

  // http::ServerCodecEvents
  NewRequest OnNewRequest(http::ServerCodecStream& stream) override;
  void OnOutput() override { connection_.Cork(); }
  void OnStreamDone(http::ServerCodecStream& stream, bool keep_alive) override;
  void OnInputInterestChanged() override;

 private:
  // Of a connection that listener filters have looked at.
  struct Findings {
    net::Address direct_remote;
    std::string server_name;
    std::unique_ptr<const net::ClientFingerprints> fingerprints;
    http::Metadata metadata;
    bool local_restored = false;
    std::vector<net::ConnectionTlv> tlvs;
    std::shared_ptr<const net::Source> source;
  };

  // Null when there is nothing to tell.
  static std::unique_ptr<const Findings> TakeFindings(net::Accepted& accepted);
  static void OnTimer(void* self);
  static void OnTurnEnd(void* self);
  void AwaitRequest();
  void AwaitHead();
  void ArmTimer();
  // When max_connection_duration is over; Timer::kNever when it does not count (any more).
  event::TimePoint DurationEnd() const {
    const event::Duration duration = config_->config().max_connection_duration;
    return duration > 0 && !draining_ ? started_ + duration : event::Timer::kNever;
  }
  void OnIdle();
  void EndUnused();
  void OnHeadTimeout();
  void OnMaxDuration();
  void Recognize(const buffer::Buffer& input);
  void StartHttp1();
  void StartHttp2();
  void OnProtocolError();
  void UpdateReading();
  void FinishStream();
  void CountClose(bool remote);

  std::shared_ptr<WorkerConfig> config_;
  net::SessionOwner& owner_;
  std::unique_ptr<const Findings> findings_;
  std::unique_ptr<net::Passage> passage_;  // once a cluster has asked; outlives the streams
  net::Address remote_;
  std::unique_ptr<const net::Address> local_;               // once somebody has asked
  std::unique_ptr<const std::string> certificate_element_;  // once a request needed it
  http::ConnectionStates filter_states_;
  uint64_t id_;
  event::TimePoint started_;
  event::TimePoint head_since_ = 0;                   // 0: no half head is there
  event::TimePoint wait_end_ = event::Timer::kNever;  // of idleness, of the head, of the drain
  uint32_t requests_ = 0;
  bool draining_ = false;       // old enough: the next response is the last
  bool drain_waiting_ = false;  // wait_end_ is the drain's
  bool broke_protocol_ = false;
  bool closing_ = false;       // no further request is served
  bool peer_ended_ = false;    // and it was the client that began to end it
  bool aborted_ = false;       // close once what is queued is flushed
  bool cut_ = false;           // it ended within a request
  bool ended_ = false;         // statistics are done
  bool speaks_http1_ = false;  // it is known
  bool in_dispatch_ = false;
  std::unique_ptr<ServerStream> stream_;    // HTTP/1: one at a time
  std::unique_ptr<ServerStream> finished_;  // recycled at the end of the turn
  event::Timer timer_;
  event::TurnTask turn_end_;
  net::Connection connection_;
  http1::ServerCodec codec_;
  std::unique_ptr<Http2Connection> http2_;  // null: HTTP/1, or not known yet
};

}  // namespace remora::connection_manager
