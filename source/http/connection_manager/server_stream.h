#pragma once

// ServerStream: one downstream exchange (room 4): between the codec and the filter chain.
//
//   codec --request--> OnHead/OnData/OnEnd --policy, route--> FilterChain --> router
//   codec <-response-- policy, statistics <---- ResponseSide <---- FilterChain
//
// Owner: its Session while active, the worker's idle list otherwise; recycled, so a warm request
// allocates nothing. Thread: its worker. It ends exactly once: both directions done, or Abort.

#include <memory>
#include <optional>
#include <vector>

#include "source/base/arena.h"
#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/http/connection_manager/worker_config.h"
#include "source/http/filter/filter_chain.h"
#include "source/http/stream_info.h"
#include "source/net/address.h"

namespace remora::connection_manager {

class Session;

class ServerStream final : public http::RequestSink,
                           public http::ConnectionLookup,
                           public http::RouteSource {
 public:
  explicit ServerStream(WorkerConfig& config);
  ~ServerStream();
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;

  // A request begins on `session`; the response goes to `codec`. Its first byte came at `since`
  // (0: now).
  void Start(Session& session, http::ServerCodecStream& codec, event::TimePoint since);
  base::Arena& arena() { return arena_; }

  // The request, from the codec.
  void OnHead(http::RequestHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

  // http::ConnectionLookup
  const net::Address* FindLocal() override;
  net::Passage* FindPassage() override;

  // http::RouteSource
  bool AwaitHost(std::string_view host, http::Waiter& waiter) override;
  const route::RouteTable* NewestRoutes() override;
  void OnRoute(const route::Route& route) override;

  // The peer broke the protocol: answers with the codec's error if no answer has begun.
  void Reject(http::ServerCodecStream& codec, const http::CodecError& error);
  // A time is up: answers with 408 or 504, or cuts off an answer that has begun.
  void OnTimeout(http::ErrorKind kind);
  // The connection is gone or given up: nothing more is sent.
  void Abort(const http::ProxyError& error);
  void OnOutputFull();
  void OnOutputDrained();

  bool response_started() const { return response_started_; }
  bool response_done() const { return response_done_; }
  bool request_done() const { return request_done_; }
  // A response was chosen, whether or not it has been sent.
  bool answered() const { return info_.response_code != 0; }
  event::TimePoint started() const { return info_.start; }
  http::StreamInfo& info() { return info_; }

  // After the end: statistics, then back to the state before Start.
  void Finish();
  void Recycle();

 private:
  // The sink behind the chain's last response filter.
  class ResponseSide final : public http::ResponseSink {
   public:
    explicit ResponseSide(ServerStream& stream) : stream_(stream) {}
    void OnInterim(http::ResponseHead& head) override;
    void OnHead(http::ResponseHead& head) override;
    void OnData(buffer::Buffer& data) override;
    void OnEnd(http::HeaderMap* trailers) override;
    void OnReset(const http::ProxyError& error) override;

   private:
    ServerStream& stream_;
  };

  static void OnIdle(void* self);
  static void OnDeadline(void* self);
  void ArmDeadlines();
  void LimitDuration(const route::MaxStreamDuration& limit);
  void AnswerExpectation(http::RequestHead& head);
  bool AcceptUpgrade(const http::RequestHead& head);
  void Refuse(http::RequestHead& head, http::LocalReply reply);
  // Null: there are none (yet).
  const route::RouteTable* FindRoutes(const http::RequestHead& head);
  // Those of a source, or of one of several scopes.
  void PinRoutes(const http::RequestHead& head);
  void CreateChain(const http::RequestHead* head, bool routed);
  void Touch();
  void WriteLog(formatter::LogType type);
  void ArmLogTimer();
  static void OnLogTimer(void* self);
  void CountCode(uint16_t status);

  WorkerConfig& config_;
  Session* session_ = nullptr;
  http::ServerCodecStream* codec_ = nullptr;
  http::RequestHead* request_ = nullptr;  // in the arena
  base::Arena arena_;
  http::StreamInfo info_;
  // For the log; in the arena.
  const http::ResponseHead* response_ = nullptr;
  const http::HeaderMap* response_trailers_ = nullptr;
  std::unique_ptr<event::Timer> log_timer_;  // for streams that are logged while they last
  http::ConnectionFacts connection_;
  ResponseSide response_side_{*this};
  event::Timer idle_timer_;
  event::Timer deadline_timer_;       // for the earlier of the two below
  event::Duration idle_timeout_ = 0;  // the connection manager's, or the route's
  event::TimePoint request_deadline_ = event::Timer::kNever;
  event::TimePoint duration_deadline_ = event::Timer::kNever;
  bool active_ = false;
  bool request_done_ = false;
  bool response_started_ = false;
  bool response_done_ = false;
  bool aborted_ = false;
  bool upgraded_ = false;  // a tunnel was asked for, and that is allowed
  std::shared_ptr<const route::RouteTable> pinned_routes_;  // of a source; null: the manager's own
  std::shared_ptr<const route::RouteSlot> pinned_slot_;     // where that is from, if it may grow
  std::vector<std::shared_ptr<const route::RouteTable>> earlier_routes_;  // filters may know them
  std::optional<http::FilterChain> chain_;
};

}  // namespace remora::connection_manager
