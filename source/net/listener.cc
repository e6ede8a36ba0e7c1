#include "source/net/listener.h"

#include <errno.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "source/base/log.h"

namespace remora::net {
namespace {

// How many connections a listen queue holds at most: the kernel's usual net.core.somaxconn.
constexpr uint32_t kMostWaiting = 4096;

bool IsTransient(int error) {
  // accept(2): errors of the new connection, not of the listener.
  return error == ECONNABORTED || error == EINTR || error == EPROTO || error == EPERM ||
         error == ENETDOWN || error == EHOSTDOWN || error == EHOSTUNREACH || error == ENETUNREACH;
}

}  // namespace

Listener::Listener(event::Dispatcher& dispatcher, Socket socket, AcceptHandler& handler,
                   uint32_t max_accepts)
    : dispatcher_(dispatcher),
      socket_(std::move(socket)),
      handler_(handler),
      max_accepts_(max_accepts),
      retry_(
          dispatcher.timers(),
          [](void* self) {
            auto* listener = static_cast<Listener*>(self);
            listener->event_.Register(
                listener->dispatcher_, listener->socket_.fd(), event::FileEvent::Trigger::kLevel,
                [](void* me, uint32_t) { static_cast<Listener*>(me)->Accept(); }, listener);
          },
          this) {
  event_.Register(
      dispatcher_, socket_.fd(), event::FileEvent::Trigger::kLevel,
      [](void* self, uint32_t) { static_cast<Listener*>(self)->Accept(); }, this);
}

void Listener::Stop() {
  if (!socket_.valid()) return;
  AcceptSome(kMostWaiting);
  Leave();
}

void Listener::Leave() {
  retry_.Disarm();
  event_.Unregister();
  socket_ = Socket();
}

void Listener::Accept() {
  if (AcceptSome(max_accepts_)) return;
  event_.Unregister();
  retry_.Arm(dispatcher_.now() + kRetry);
}

bool Listener::AcceptSome(uint32_t most) {
  for (uint32_t i = 0; i < most; ++i) {
    sockaddr_storage storage;
    socklen_t length = sizeof(storage);
    const int fd = accept4(socket_.fd(), reinterpret_cast<sockaddr*>(&storage), &length,
                           SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      handler_.OnAccept(Socket(fd), Address::FromSocket(storage, length));
      continue;
    }
    if (errno == EAGAIN) return true;
    if (IsTransient(errno)) continue;
    REMORA_LOG(kConnection, kError, "accept: ", strerror(errno), "; accepting again in 100 ms");
    return false;
  }
  return true;
}

}  // namespace remora::net
