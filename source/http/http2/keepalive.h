#pragma once

// Keepalive: asks the peer of a HTTP/2 connection for a sign of life (PING) at intervals, and tells
// its owner when none came in time.
//
//   interval with jitter --> SendPing --> timeout --> OnKeepaliveTimeout
//                                   \--OnPingAck --> interval
//
// Owner: a downstream or a pool connection. Thread: its worker. Without an interval it does
// nothing. Source: envoy.config.core.v3.KeepaliveSettings.

#include "source/base/random.h"
#include "source/event/timer.h"
#include "source/http/http2/options.h"

namespace remora::http2 {

class KeepaliveUser {
 public:
  virtual void SendKeepalivePing() = 0;
  virtual void OnKeepaliveTimeout() = 0;

 protected:
  ~KeepaliveUser() = default;
};

class Keepalive {
 public:
  // All outlive it.
  Keepalive(event::TimerWheel& timers, base::Random& random, const KeepaliveOptions& options,
            KeepaliveUser& user);

  void Start(event::TimePoint now);
  void Stop() { timer_.Disarm(); }
  // A ping that is not one of the interval's: the answer is waited for as for those.
  void PingNow(event::TimePoint now);
  void OnPingAck(event::TimePoint now);
  // Any bytes are a sign of life: the answer may come later by so much.
  void OnInput(event::TimePoint now) {
    if (waiting_) timer_.Arm(now + options_.timeout);
  }

 private:
  static void OnTimer(void* self);

  base::Random& random_;
  const KeepaliveOptions& options_;
  KeepaliveUser& user_;
  event::Timer timer_;
  event::TimePoint due_ = 0;  // when the next ping is
  bool waiting_ = false;      // for an answer
};

}  // namespace remora::http2
