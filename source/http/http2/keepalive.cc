#include "source/http/http2/keepalive.h"

namespace remora::http2 {

Keepalive::Keepalive(event::TimerWheel& timers, base::Random& random,
                     const KeepaliveOptions& options, KeepaliveUser& user)
    : random_(random), options_(options), user_(user), timer_(timers, &OnTimer, this) {}

void Keepalive::Start(event::TimePoint now) {
  waiting_ = false;
  if (options_.interval <= 0) return;
  // As Envoy: up to so many per cent later, so that not all connections ask at once.
  const auto most =
      static_cast<uint64_t>(static_cast<double>(options_.interval) * options_.jitter_percent / 100);
  const event::Duration jitter = most > 0 ? static_cast<event::Duration>(random_.Next() % most) : 0;
  due_ = now + options_.interval + jitter;
  timer_.Arm(due_);
}

void Keepalive::PingNow(event::TimePoint now) {
  if (waiting_) return;
  waiting_ = true;
  user_.SendKeepalivePing();
  timer_.Arm(now + options_.timeout);
}

void Keepalive::OnPingAck(event::TimePoint now) {
  if (!waiting_) return;
  timer_.Disarm();
  Start(now);
}

void Keepalive::OnTimer(void* self) {
  auto* keepalive = static_cast<Keepalive*>(self);
  if (keepalive->waiting_) {
    keepalive->user_.OnKeepaliveTimeout();
  } else {
    keepalive->PingNow(keepalive->due_);
  }
}

}  // namespace remora::http2
