#include "source/server/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "source/base/check.h"

namespace remora::server {
namespace {

sigset_t Handled() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set, number);
  return set;
}

}  // namespace

void Signals::Block() {
  const sigset_t set = Handled();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  CHECK(signal(SIGHUP, SIG_IGN) != SIG_ERR);
  CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
}

Signals::Signals(event::Dispatcher& dispatcher, std::function<void(int)> callback)
    : callback_(std::move(callback)) {
  const sigset_t set = Handled();
  fd_ = net::Socket(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  CHECK(fd_.valid());
  event_.Register(
      dispatcher, fd_.fd(), event::FileEvent::Trigger::kLevel,
      [](void* self, uint32_t) { static_cast<Signals*>(self)->Read(); }, this);
}

void Signals::Read() {
  signalfd_siginfo info;
  while (read(fd_.fd(), &info, sizeof(info)) == sizeof(info)) {
    callback_(static_cast<int>(info.ssi_signo));
  }
}

}  // namespace remora::server
