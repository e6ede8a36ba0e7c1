#pragma once

// Attempt: one try of a request: a pool, a stream on one of its connections, the try's own timers.
//
//   Begin --free connection--> OnTryReady at once
//         \--none------------> waits --> OnTryReady / OnTryFailed
//   response: OnTryHead, OnTryData, OnTryEnd; its loss: OnTryFailed
//
// A connection that has served before and ends before a byte of this response was about to be
// closed by the host when it was taken. Where that is safe (docs/adr/0020) the try goes on with a
// new connection to the same host, once, and the router hears nothing of it but OnTryReady again.
//
// Owner: the router filter, which uses the object for one try after the other. Thread: the stream's
// worker. Everything upstream reaches the router through here; after End nothing does.

#include <memory>

#include "source/event/timer.h"
#include "source/http/filter/filter_context.h"
#include "source/http/router/upstream_headers.h"
#include "source/upstream/pool.h"

namespace remora::router {

class RouterFilter;

class Attempt final : public upstream::StreamUser {
 public:
  Attempt(RouterFilter& router, http::FilterContext& context)
      : router_(router), context_(context) {}
  ~Attempt() { End(); }

  // Starts a try. `wish` is set before. Answers through the router, maybe at once.
  void Begin(upstream::Pool& pool);
  // Lets go of everything.
  void End();
  // Every try gets a connection that has served nobody before.
  void UseNewConnections() { always_fresh_ = true; }
  // The cluster has gone, and the host with it.
  void Forget() {
    pool_ = nullptr;
    host_ = nullptr;
  }
  // The rest of the response is of no use: it is read if that is cheap (the connection then lives
  // on), else cut off.
  void Discard(const http::ResponseHead& head);

  // While there is a stream.
  bool active() const { return lease_.active() && !discarding_; }
  bool waiting() const { return waiting_; }
  http::ClientCodecStream& stream() { return *lease_.stream(); }
  void StartTimers(const Timeouts& timeouts);
  // Body bytes of the request have gone out.
  void CountSent(size_t bytes) {
    if (record_ != nullptr) record_->sent += bytes;
  }
  // Why the try is given up, for its log.
  void NoteEnd(const http::ProxyError& error);
  void Touch() {
    if (timers_ != nullptr) TouchIdle();
  }
  // A new connection may yet take this one's place, so that the body is needed again. `once`: the
  // request must not be sent twice.
  bool MayBeReplaced() const {
    return lease_.reused_connection() && !replaced_ && !(wish.once && lease_.wrote());
  }

  // Where the try goes; null before the first Begin. It stays when its pool has gone.
  const upstream::Host* host() const { return host_; }

  // upstream::StreamUser
  void OnStreamReady(upstream::StreamLease lease) override;
  void OnStreamFailed(const http::ProxyError& error) override;
  void OnUpstreamFull() override;
  void OnUpstreamDrained() override;
  base::Arena& arena() override { return context_.arena(); }
  http::WireBytes* wire() override { return &context_.stream_info().upstream_wire; }
  void OnInterim(http::ResponseHead& head) override;
  void OnHead(http::ResponseHead& head) override;
  void OnData(buffer::Buffer& data) override;
  void OnEnd(http::HeaderMap* trailers) override;
  void OnReset(const http::ProxyError& error) override;

 private:
  // What its log says of it; in the arena.
  struct Record {
    Record(event::TimerWheel& wheel, Attempt& attempt) : timer(wheel, &OnLogTimer, &attempt) {}
    event::TimePoint start = 0;
    int64_t start_wall = 0;
    uint64_t received = 0;  // body bytes of the response
    uint64_t sent = 0;      // and of the request
    const http::ResponseHead* head = nullptr;
    const http::HeaderMap* trailers = nullptr;
    http::ResponseFlags flags;
    event::Timer timer;
  };
  static void OnLogTimer(void* self);
  void StartRecord();
  void WriteLog(formatter::LogType type);
  // The try is over: its line is written, once.
  void FinishRecord();
  struct Timers {
    Timers(event::TimerWheel& wheel, Attempt& attempt)
        : total(wheel, &OnTotal, &attempt),
          idle(wheel, &OnIdle, &attempt),
          stream(wheel, &OnStreamDuration, &attempt) {}
    bool started = false;  // by StartTimers
    event::Timer total;
    event::Timer idle;
    event::Timer stream;  // the cluster's max_stream_duration
    event::Duration idle_time = 0;
  };
  static void OnTotal(void* self);
  static void OnIdle(void* self);
  static void OnStreamDuration(void* self);
  Timers& EnsureTimers();
  void TouchIdle();
  void Acquire();
  void Use(upstream::StreamLease lease);
  void StopWaiting();
  bool Replace();

  RouterFilter& router_;
  http::FilterContext& context_;
  upstream::Pool* pool_ = nullptr;
  const upstream::Host* host_ = nullptr;
  upstream::StreamLease lease_;
  base::ArenaPtr<Timers> timers_;
  base::ArenaPtr<Record> record_;  // null: it is not logged
  bool always_fresh_ = false;
  bool waiting_ = false;     // in the pool's queue
  bool replaced_ = false;    // this is the second connection of the try
  bool discarding_ = false;  // the response is only read to its end
};

}  // namespace remora::router
