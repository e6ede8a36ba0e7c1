#include "test/sim/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

namespace remora::sim {
namespace {

thread_local Kernel* current = nullptr;
constexpr EPOLL_EVENTS kNothing{};

int Fail(int error) {
  errno = error;
  return -1;
}

void FillAddress(uint16_t port, sockaddr* address, socklen_t* length) {
  if (address == nullptr || length == nullptr) return;
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  in.sin_addr.s_addr = htonl(0x7f000001);
  std::memcpy(address, &in, std::min<size_t>(*length, sizeof(in)));
  *length = sizeof(in);
}

}  // namespace

// --- the actors' side ---

void Wire::Send(std::string_view bytes) {
  if (actor_closed_ || broken_ || reset_by_worker_ || to_worker_.fin_sent) return;
  to_worker_.flight += bytes;
}

void Wire::SendFin() {
  if (!broken_) to_worker_.fin_sent = true;
}

void Wire::Reset() {
  if (actor_closed_) return;
  actor_closed_ = true;
  to_actor_.flight.clear();
  to_actor_.arrived.clear();
  reset_in_flight_ = true;
}

void Wire::Close() {
  if (actor_closed_) return;
  if (!to_actor_.arrived.empty()) {
    Reset();  // as Linux: bytes that nobody will read
    return;
  }
  actor_closed_ = true;
  to_worker_.fin_sent = true;
}

Kernel::Kernel(base::Random& random, fakes::SimulatedClock& clock, Remote& remote)
    : random_(random), clock_(clock), remote_(remote), before_(current) {
  current = this;
}

Kernel::~Kernel() { current = before_; }

Kernel* Kernel::Current() { return current; }

size_t Kernel::Cut(size_t size) {
  if (size <= 1) return size;
  const uint64_t kind = random_.Below(8);
  if (weather.tiny_cuts && kind < 6) return 1 + random_.Below(std::min<size_t>(size, 3));
  if (kind < 3) return size;
  if (kind < 5) return 1 + random_.Below(std::min<size_t>(size, 16));
  return 1 + random_.Below(size);
}

Wire& Kernel::Connect(uint16_t port) {
  wires_.push_back(std::make_unique<Wire>());
  Wire& wire = *wires_.back();
  wire.port_ = port;
  wire.connected_ = true;
  wire.capacity_ = 1 + random_.Below(random_.Below(2) == 0 ? 4096 : 256 * 1024);
  for (auto& [fd, file] : files_) {
    if (file.kind != Kind::kListener || file.port != port) continue;
    file.backlog.push_back(&wire);
    Wake(fd);
    return wire;
  }
  // Refused.
  wire.broken_ = wire.reset_by_worker_ = true;
  return wire;
}

bool Kernel::DeliverTo(Flow& flow, bool to_worker, Wire& wire) {
  if (!flow.moving() || flow.held_until > clock_.Now()) return false;
  if (!to_worker && (!wire.reading || wire.actor_closed_)) {
    if (!wire.actor_closed_) return false;
    if (flow.flight.empty()) {
      flow.fin_arrived = flow.fin_sent;
      return true;
    }
    // Nobody is there any more: a reset comes back.
    flow.flight.clear();
    wire.reset_in_flight_ = true;
    return true;
  }
  if (random_.Below(100) < weather.hold_percent) {
    flow.held_until =
        clock_.Now() + static_cast<int64_t>(1 + random_.Below(40)) * event::kMillisecond / 4;
    return false;
  }
  if (!flow.flight.empty()) {
    const size_t size = Cut(flow.flight.size());
    flow.arrived.append(flow.flight, 0, size);
    flow.flight.erase(0, size);
    if (to_worker && wire.fd_ < 0 && wire.accepted_) {
      // The worker's end is closed: Linux answers with a reset.
      flow.arrived.clear();
      flow.flight.clear();
      SendReset(wire);
    }
  }
  if (flow.flight.empty() && flow.fin_sent && random_.Below(2) == 0) flow.fin_arrived = true;
  if (to_worker) {
    if (wire.fd_ >= 0) Wake(wire);
  }
  return true;
}

// The worker's end resets: of what the actor has not got some is lost.
void Kernel::SendReset(Wire& wire) {
  Flow& flow = wire.to_actor_;
  wire.reset_by_worker_ = true;
  if (!wire.actor_closed_)
    flow.arrived.append(flow.flight, 0, random_.Below(flow.flight.size() + 1));
  flow.flight.clear();
}

void Kernel::ArriveReset(Wire& wire) {
  wire.reset_in_flight_ = false;
  wire.actor_gone_ = true;
  // As Linux says it: behind a FIN a reset is a broken pipe.
  wire.error_ = wire.to_worker_.fin_arrived ? EPIPE : ECONNRESET;
  wire.to_worker_.flight.clear();
  wire.to_worker_.fin_sent = wire.to_worker_.fin_arrived = true;
  wire.to_actor_.flight.clear();
  wire.broken_ = true;
  if (wire.fd_ >= 0) Wake(wire);
}

bool Kernel::Deliver() {
  bool moved = false;
  for (auto& owned : wires_) {
    Wire& wire = *owned;
    // Told again until it was heard: there may be no room any more by then.
    if (HasSpaceToTell(wire)) Wake(wire);
    if (random_.Below(3) == 0) continue;
    if (wire.reset_in_flight_) {
      if (random_.Below(3) == 0) DeliverTo(wire.to_worker_, true, wire);
      if (random_.Below(2) == 0) ArriveReset(wire);
      moved = true;
      continue;
    }
    if (!wire.connected_) continue;
    moved |= DeliverTo(wire.to_worker_, true, wire);
    moved |= DeliverTo(wire.to_actor_, false, wire);
  }
  for (auto it = connecting_.begin(); it != connecting_.end();) {
    if ((*it)->answer_at_ > clock_.Now() || random_.Below(2) == 0) {
      ++it;
      continue;
    }
    Wire& wire = **it;
    it = connecting_.erase(it);
    moved = true;
    AnswerConnect(wire);
  }
  return moved;
}

void Kernel::AnswerConnect(Wire& wire) {
  if (wire.refused_) {
    wire.error_ = ECONNREFUSED;
    wire.broken_ = wire.actor_closed_ = wire.actor_gone_ = true;
  } else {
    wire.connected_ = true;
    remote_.OnWire(wire.port_, wire);
  }
  Wake(wire);
}

bool Kernel::Quiet() const {
  for (const auto& wire : wires_) {
    if (wire->reset_in_flight_ || HasSpaceToTell(*wire)) return false;
    if (!wire->connected_) continue;
    if (wire->to_worker_.moving() && wire->to_worker_.held_until <= clock_.Now()) return false;
    if (wire->to_actor_.moving() && (wire->reading || wire->actor_closed_) &&
        wire->to_actor_.held_until <= clock_.Now()) {
      return false;
    }
  }
  for (const Wire* wire : connecting_) {
    if (wire->answer_at_ <= clock_.Now()) return false;
  }
  for (const auto& [fd, file] : files_) {
    const uint32_t state = State(file) & (file.interest | EPOLLERR | EPOLLHUP);
    const bool edge = (file.interest & EPOLLET) != 0;
    if (file.epoll >= 0 && state != 0 && (!edge || file.woken)) return false;
  }
  return true;
}

event::TimePoint Kernel::NextTime() const {
  event::TimePoint next = INT64_MAX;
  for (const auto& wire : wires_) {
    if (wire->to_worker_.moving()) next = std::min(next, wire->to_worker_.held_until);
    if (wire->to_actor_.moving() && wire->reading) {
      next = std::min(next, wire->to_actor_.held_until);
    }
  }
  for (const Wire* wire : connecting_) next = std::min(next, wire->answer_at_);
  for (const auto& [fd, file] : files_) {
    if (file.kind == Kind::kTimer) next = std::min(next, file.expiry);
  }
  return next;
}

size_t Kernel::open_connections(uint16_t port) const {
  size_t count = 0;
  for (const auto& [fd, file] : files_) {
    count += file.kind == Kind::kConnection && file.port == port ? 1 : 0;
  }
  return count;
}

void Kernel::Tell(int fd, const File& file, const char* what, std::string_view bytes) const {
  if (!tells) return;
  std::string text;
  for (const char c : bytes.substr(0, 120)) {
    if (c == '\n') {
      text += "\\n";
    } else if (c != '\r') {
      text += static_cast<unsigned char>(c) < 32 ? '?' : c;
    }
  }
  std::printf("%10.6f fd %d port %u %s %zu %s\n",
              static_cast<double>(clock_.Now() - fakes::SimulatedClock::kStart) / event::kSecond,
              fd, file.port, what, bytes.size(), text.c_str());
}

// --- descriptors ---

Kernel::File* Kernel::Find(int fd, const char* call) {
  const auto it = files_.find(fd);
  if (it != files_.end()) return &it->second;
  Violation(std::string(call) + " of descriptor " + std::to_string(fd) + ", which is not open");
  errno = EBADF;
  return nullptr;
}

int Kernel::NewFd(Kind kind) {
  // Mostly the lowest free one, as the real kernel; now and then another.
  int fd = kFirstFd + static_cast<int>(random_.Below(4) == 0 ? random_.Below(64) : 0);
  while (files_.contains(fd)) ++fd;
  files_[fd].kind = kind;
  return fd;
}

int Kernel::Socket() {
  if (random_.Below(1000) < weather.no_descriptor_per_mille) return Fail(EMFILE);
  return NewFd(Kind::kSocket);
}

int Kernel::Bind(int fd, uint16_t port) {
  File* file = Find(fd, "bind");
  if (file == nullptr) return -1;
  file->port = port != 0 ? port : 8080;
  return 0;
}

int Kernel::Listen(int fd) {
  File* file = Find(fd, "listen");
  if (file == nullptr) return -1;
  file->kind = Kind::kListener;
  return 0;
}

int Kernel::Accept(int fd, sockaddr* address, socklen_t* length) {
  File* file = Find(fd, "accept4");
  if (file == nullptr) return -1;
  if (file->backlog.empty()) return Fail(EAGAIN);
  if (random_.Below(1000) < weather.no_descriptor_per_mille) return Fail(EMFILE);
  Wire* wire = file->backlog.front();
  file->backlog.pop_front();
  wire->accepted_ = true;
  if (wire->broken_ && random_.Below(2) == 0) return Fail(ECONNABORTED);
  const int accepted = NewFd(Kind::kConnection);
  files_[accepted].wire = wire;
  files_[accepted].port = wire->port_;
  wire->fd_ = accepted;
  Tell(accepted, files_[accepted], "accepted");
  FillAddress(static_cast<uint16_t>(40000 + accepted), address, length);
  return accepted;
}

int Kernel::StartConnect(int fd, uint16_t port) {
  File* file = Find(fd, "connect");
  if (file == nullptr) return -1;
  const Remote::Answer answer = remote_.OnConnect(port);
  if (answer == Remote::Answer::kUnreachable) return Fail(ENETUNREACH);
  if (answer == Remote::Answer::kNoPorts) return Fail(EADDRNOTAVAIL);
  wires_.push_back(std::make_unique<Wire>());
  Wire& wire = *wires_.back();
  wire.port_ = port;
  wire.accepted_ = true;
  wire.fd_ = fd;
  Tell(fd, *file, "connects");
  wire.capacity_ = 1 + random_.Below(random_.Below(2) == 0 ? 4096 : 256 * 1024);
  file->kind = Kind::kConnection;
  file->wire = &wire;
  file->port = port;
  wire.refused_ = answer == Remote::Answer::kRefuse;
  if (answer != Remote::Answer::kSilence) {
    wire.answer_at_ =
        clock_.Now() + static_cast<int64_t>(random_.Below(20)) * event::kMillisecond / 2;
    connecting_.push_back(&wire);
  }
  return Fail(EINPROGRESS);
}

int Kernel::SocketError(int fd, int* error) {
  File* file = Find(fd, "getsockopt");
  if (file == nullptr) return -1;
  *error = file->wire == nullptr ? 0 : std::exchange(file->wire->error_, 0);
  return 0;
}

ssize_t Kernel::Receive(int fd, const iovec* vectors, size_t count) {
  File* file = Find(fd, "recv");
  if (file == nullptr) return -1;
  if (file->kind != Kind::kConnection) return Fail(ENOTCONN);
  Wire& wire = *file->wire;
  Flow& flow = wire.to_worker_;
  if (flow.arrived.empty()) {
    if (wire.error_ != 0) {
      Tell(fd, *file, "receives a reset");
      return Fail(std::exchange(wire.error_, 0));
    }
    if (flow.fin_arrived) {
      Tell(fd, *file, "receives the end");
      return 0;
    }
    return Fail(wire.connected_ ? EAGAIN : ENOTCONN);
  }
  size_t taken = 0;
  for (size_t i = 0; i < count && taken < flow.arrived.size(); ++i) {
    const size_t size = std::min(vectors[i].iov_len, flow.arrived.size() - taken);
    std::memcpy(vectors[i].iov_base, flow.arrived.data() + taken, size);
    taken += size;
  }
  Tell(fd, *file, "receives", std::string_view(flow.arrived).substr(0, taken));
  flow.arrived.erase(0, taken);
  traffic_[file->port].received += taken;
  return static_cast<ssize_t>(taken);
}

size_t Kernel::Room(const Wire& wire) const {
  const size_t used =
      wire.to_actor_.flight.size() + (wire.reading ? 0 : wire.to_actor_.arrived.size());
  return used >= wire.capacity_ ? 0 : wire.capacity_ - used;
}

ssize_t Kernel::Transmit(int fd, const iovec* vectors, size_t count, bool no_signal) {
  File* file = Find(fd, "send");
  if (file == nullptr) return -1;
  if (file->kind != Kind::kConnection) return Fail(ENOTCONN);
  Wire& wire = *file->wire;
  if (!no_signal) Violation("send without MSG_NOSIGNAL");
  if (wire.error_ != 0) return Fail(std::exchange(wire.error_, 0));
  if (wire.to_actor_.fin_sent) {
    Violation("send after shutdown on descriptor " + std::to_string(fd));
    return Fail(EPIPE);
  }
  if (wire.broken_) return Fail(EPIPE);
  if (!wire.connected_) return Fail(EAGAIN);
  size_t room = Room(wire);
  if (random_.Below(100) < weather.full_percent) room = random_.Below(room + 1);
  size_t offered = 0;
  size_t taken = 0;
  for (size_t i = 0; i < count; ++i) {
    offered += vectors[i].iov_len;
    const size_t size = std::min(vectors[i].iov_len, room - taken);
    wire.to_actor_.flight.append(static_cast<const char*>(vectors[i].iov_base), size);
    taken += size;
  }
  if (offered == 0) Violation("send of nothing");
  if (taken < offered) {
    wire.wants_space_ = true;
  }
  traffic_[file->port].sent += taken;
  if (tells) {
    const std::string& flight = wire.to_actor_.flight;
    Tell(fd, *file, "sends", std::string_view(flight).substr(flight.size() - taken));
  }
  if (taken == 0) return Fail(random_.Below(8) == 0 && Room(wire) > 0 ? ENOBUFS : EAGAIN);
  return static_cast<ssize_t>(taken);
}

int Kernel::Shutdown(int fd, int how) {
  File* file = Find(fd, "shutdown");
  if (file == nullptr) return -1;
  if (file->kind != Kind::kConnection || !file->wire->connected_ || file->wire->broken_) {
    return Fail(ENOTCONN);
  }
  Tell(fd, *file, "shuts down");
  if (how != SHUT_WR) Violation("shutdown of the reading side");
  file->wire->to_actor_.fin_sent = true;
  Wake(fd);
  return 0;
}

int Kernel::Close(int fd) {
  File* file = Find(fd, "close");
  if (file == nullptr) return -1;
  Tell(fd, *file, "closes");
  if (file->epoll >= 0) Violation("close of a descriptor that epoll still has");
  if (file->kind == Kind::kConnection) {
    Wire& wire = *file->wire;
    wire.fd_ = -1;
    std::erase(connecting_, &wire);
    if (!wire.connected_) {
      wire.actor_closed_ = wire.actor_gone_ = true;  // nobody has ever known of it
    } else if (file->resets || !wire.to_worker_.arrived.empty()) {
      SendReset(wire);  // asked for, or unread bytes: Linux says so at once
    } else {
      wire.to_actor_.fin_sent = true;
    }
  }
  for (Wire* waiting : file->backlog) {
    waiting->accepted_ = true;
    SendReset(*waiting);
  }
  files_.erase(fd);
  return 0;
}

int Kernel::Name(int fd, sockaddr* address, socklen_t* length, bool peer) {
  const File* file = Find(fd, peer ? "getpeername" : "getsockname");
  if (file == nullptr) return -1;
  FillAddress(file->port, address, length);
  return 0;
}

int Kernel::SetLinger(int fd, bool resets) {
  File* file = Find(fd, "setsockopt");
  if (file == nullptr) return -1;
  file->resets = resets;
  return 0;
}

int Kernel::MakePipe(int* ends) {
  if (random_.Below(1000) < weather.no_descriptor_per_mille) return Fail(EMFILE);
  auto pipe = std::make_shared<std::string>();
  for (int i = 0; i < 2; ++i) {
    ends[i] = NewFd(Kind::kPipe);
    files_[ends[i]].pipe = pipe;
  }
  return 0;
}

// From a connection into a pipe, or from a pipe to a connection.
ssize_t Kernel::Splice(int from, int to, size_t size) {
  const File* source = Find(from, "splice");
  const File* target = Find(to, "splice");
  if (source == nullptr || target == nullptr) return -1;
  if (target->kind == Kind::kPipe) {
    // Small pieces take whole pages: now and then it is full sooner.
    constexpr size_t kCapacity = 65536;
    std::string& pipe = *target->pipe;
    if (pipe.size() >= kCapacity || (!pipe.empty() && random_.Below(8) == 0)) return Fail(EAGAIN);
    std::string piece(std::min(size, kCapacity - pipe.size()), '\0');
    const iovec vector{piece.data(), piece.size()};
    const ssize_t n = Receive(from, &vector, 1);
    if (n > 0) {
      ++splices_;
      pipe.append(piece, 0, static_cast<size_t>(n));
    }
    return n;
  }
  std::string& pipe = *source->pipe;
  if (pipe.empty()) return Fail(EAGAIN);
  const iovec vector{pipe.data(), std::min(size, pipe.size())};
  const ssize_t n = Transmit(to, &vector, 1, true);
  if (n > 0) pipe.erase(0, static_cast<size_t>(n));
  return n;
}

int Kernel::Known(int fd, const char* call) { return Find(fd, call) == nullptr ? -1 : 0; }

// --- readiness ---

uint32_t Kernel::State(const File& file) const {
  switch (file.kind) {
    case Kind::kSocket:
      return 0;
    case Kind::kListener:
      return file.backlog.empty() ? kNothing : EPOLLIN;
    case Kind::kTimer:
      return file.expiry <= clock_.Now() ? EPOLLIN : kNothing;
    case Kind::kEvent:
      return file.value > 0 ? EPOLLIN : kNothing;
    case Kind::kPipe:
      return kNothing;
    case Kind::kConnection:
      break;
  }
  const Wire& wire = *file.wire;
  if (wire.broken_) {
    return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLHUP | (wire.error_ != 0 ? EPOLLERR : kNothing);
  }
  if (!wire.connected_) return 0;
  uint32_t state = 0;
  if (!wire.to_worker_.arrived.empty() || wire.to_worker_.fin_arrived) state |= EPOLLIN;
  if (wire.to_worker_.fin_arrived) state |= EPOLLRDHUP;
  if (wire.to_worker_.fin_arrived && wire.to_actor_.fin_sent) state |= EPOLLHUP;
  if (Room(wire) * 3 >= wire.capacity_ || wire.to_actor_.fin_sent) state |= EPOLLOUT;
  return state;
}

void Kernel::Wake(int fd) {
  const auto it = files_.find(fd);
  if (it != files_.end()) it->second.woken = true;
}

int Kernel::ControlEpoll(int epoll, int operation, int fd, const epoll_event* event) {
  File* file = Find(fd, "epoll_ctl");
  if (file == nullptr) return -1;
  switch (operation) {
    case EPOLL_CTL_ADD:
      if (file->epoll >= 0) return Fail(EEXIST);
      file->epoll = epoll;
      break;
    case EPOLL_CTL_MOD:
      if (file->epoll < 0) return Fail(ENOENT);
      break;
    case EPOLL_CTL_DEL:
      if (file->epoll < 0) return Fail(ENOENT);
      file->epoll = -1;
      return 0;
    default:
      return Fail(EINVAL);
  }
  file->interest = event->events;
  file->data = event->data;
  file->woken = true;
  return 0;
}

int Kernel::Ready(int epoll, epoll_event* events, int room) {
  std::vector<epoll_event> ready;
  for (auto& [fd, file] : files_) {
    if (file.epoll != epoll) continue;
    const bool edge = (file.interest & EPOLLET) != 0;
    const uint32_t state = State(file) & (file.interest | EPOLLERR | EPOLLHUP);
    if (edge && !file.woken) continue;
    if (state == 0) {
      file.woken = false;
      continue;
    }
    if (random_.Below(100) < weather.late_ready_percent) continue;
    file.woken = false;
    if (file.wire != nullptr && (state & EPOLLOUT) != 0) file.wire->wants_space_ = false;
    epoll_event event = {};
    event.events = state;
    event.data = file.data;
    ready.push_back(event);
  }
  for (size_t i = ready.size(); i > 1; --i) std::swap(ready[i - 1], ready[random_.Below(i)]);
  const int count = std::min(room, static_cast<int>(ready.size()));
  std::copy_n(ready.begin(), count, events);
  // What found no place is told next time.
  for (size_t i = static_cast<size_t>(count); i < ready.size(); ++i) Wake(ready[i].data.fd);
  return count;
}

int Kernel::MakeTimer() { return NewFd(Kind::kTimer); }

int Kernel::SetTimer(int fd, event::Duration in) {
  File* file = Find(fd, "timerfd_settime");
  if (file == nullptr) return -1;
  file->expiry = in > 0 ? clock_.Now() + in : INT64_MAX;
  return 0;
}

int Kernel::MakeEvent() { return NewFd(Kind::kEvent); }

ssize_t Kernel::Read(int fd, void* to, size_t size) {
  File* file = Find(fd, "read");
  if (file == nullptr) return -1;
  uint64_t value = 0;
  if (file->kind == Kind::kTimer && file->expiry <= clock_.Now()) {
    file->expiry = INT64_MAX;
    value = 1;
  } else if (file->kind == Kind::kEvent) {
    value = std::exchange(file->value, 0);
  }
  if (value == 0) return Fail(EAGAIN);
  std::memcpy(to, &value, std::min(size, sizeof(value)));
  return sizeof(value);
}

ssize_t Kernel::Write(int fd, const void* from, size_t size) {
  File* file = Find(fd, "write");
  if (file == nullptr) return -1;
  if (file->kind != Kind::kEvent || size != sizeof(uint64_t)) {
    Violation("write to a socket");
    return Fail(EINVAL);
  }
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  file->value += value;
  return sizeof(value);
}

}  // namespace remora::sim
