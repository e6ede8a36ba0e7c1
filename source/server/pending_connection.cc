#include "source/server/pending_connection.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

namespace remora::server {

using Answer = net::ListenerFilter::Answer;

PendingConnection::PendingConnection(event::Dispatcher& dispatcher, ListenerFilters& filters,
                                     PendingOwner& owner, net::Findings findings)
    : dispatcher_(dispatcher),
      filters_(filters),
      owner_(owner),
      findings_(std::move(findings)),
      timer_(dispatcher.timers(), &OnTimeout, this) {}

void PendingConnection::Start() {
  if (filters_.timeout > 0) timer_.Arm(dispatcher_.now() + filters_.timeout);
  Run();
}

void PendingConnection::Stop() {
  timer_.Disarm();
  if (event_.registered()) event_.Unregister();
}

void PendingConnection::OnReady(void* self, uint32_t ready) {
  auto* connection = static_cast<PendingConnection*>(self);
  if (ready & event::kPeerClosed) connection->peer_closed_ = true;
  if (ready & (event::kReadable | event::kPeerClosed)) connection->Run();
}

void PendingConnection::OnTimeout(void* self) {
  auto* connection = static_cast<PendingConnection*>(self);
  if (connection->filters_.continues_on_timeout) {
    connection->Stop();
    connection->owner_.OnInspected(*connection, true);
  } else {
    connection->Fail(PendingOwner::End::kTimeout);
  }
}

void PendingConnection::Run() {
  for (; next_ < filters_.filters.size(); ++next_) {
    switch (Ask(*filters_.filters[next_])) {
      case Step::kNext:
        break;
      case Step::kWait:
        if (!event_.registered()) {
          event_.Register(dispatcher_, findings_.accepted.socket.fd(),
                          event::FileEvent::Trigger::kEdge, &OnReady, this);
        }
        return;
      case Step::kEnded:
        return;
    }
  }
  Stop();
  owner_.OnInspected(*this, false);
}

bool PendingConnection::Disabled() {
  const net::PortPredicate& disabled = (*filters_.factories)[next_].disabled;
  if (disabled.kind == net::PortPredicate::Kind::kNever) return false;
  net::Accepted& accepted = findings_.accepted;
  if (!accepted.local.has_value()) accepted.local = net::LocalAddress(accepted.socket.fd());
  return disabled.Holds(*accepted.local);
}

PendingConnection::Step PendingConnection::Ask(net::ListenerFilter& filter) {
  if (Disabled() || filter.Skips(findings_)) return Step::kNext;
  if (filter.most_bytes() > 0) return Look(filter);
  if (filter.Inspect("", false, findings_) == Answer::kContinue) return Step::kNext;
  return Fail(PendingOwner::End::kRejected);
}

PendingConnection::Step PendingConnection::Look(net::ListenerFilter& filter) {
  findings_.look = 0;
  size_t most = filter.most_bytes();
  while (true) {
    if (filters_.view.size() < most) filters_.view.resize(most);
    const ssize_t seen = recv(findings_.accepted.socket.fd(), filters_.view.data(), most, MSG_PEEK);
    if (seen < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Step::kWait;
      return Fail(PendingOwner::End::kReadError);
    }
    const auto size = static_cast<size_t>(seen);
    const bool ended = size == 0 || (peer_closed_ && size < most);
    findings_.take = 0;
    const Answer answer = filter.Inspect({filters_.view.data(), size}, ended, findings_);
    if (answer == Answer::kReject) return Fail(PendingOwner::End::kRejected);
    if (answer == Answer::kContinue) {
      return Take() ? Step::kNext : Fail(PendingOwner::End::kReadError);
    }
    if (ended) return Fail(PendingOwner::End::kPeerClosed);
    if (size < most) return Step::kWait;
    // It may be there already: no event would tell of it.
    most = std::max(findings_.look, most * 2);
  }
}

bool PendingConnection::Take() {
  while (findings_.take > 0) {
    const size_t most = std::min(findings_.take, filters_.view.size());
    const ssize_t taken = recv(findings_.accepted.socket.fd(), filters_.view.data(), most, 0);
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) return false;  // they were there a moment ago
    findings_.take -= static_cast<size_t>(taken);
  }
  return true;
}

PendingConnection::Step PendingConnection::Fail(PendingOwner::End end) {
  Stop();
  owner_.OnPendingEnd(*this, end);
  return Step::kEnded;
}

}  // namespace remora::server
