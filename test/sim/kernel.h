#pragma once

// Kernel: the operating system as the worker under simulation sees it, in memory.
//
// The product runs unchanged: its system calls on sockets, timers and epoll come here
// (syscalls.cc), because the seam below net::Connection is the C library, not a class. So Listener,
// Plaintext and the real libevent are part of what is simulated.
//
//   worker --send, recv, shutdown, close--> Kernel <--Wire--> an actor (client or upstream)
//
// A Wire is one TCP connection, of which the worker has one end and an actor the other. Bytes go
// through two stages: in flight, then arrived. The scheduler moves them, in any pieces. What Linux
// does on FIN, on reset, on a close with unread bytes, and with edge-triggered readiness is done
// here the same way.
//
// A use of a descriptor that is closed, and every call that the worker should never make, is
// written down as a violation. Owner: one Simulation. Thread: one; the kernel in use is that of
// the thread (Kernel::Current).

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/random.h"
#include "source/event/clock.h"
#include "test/fakes/simulated_clock.h"

namespace remora::sim {

// One direction of a wire.
struct Flow {
  std::string flight;   // sent, on its way
  std::string arrived;  // not yet read
  bool fin_sent = false;
  bool fin_arrived = false;
  event::TimePoint held_until = 0;  // nothing moves before

  bool moving() const { return !flight.empty() || (fin_sent && !fin_arrived); }
};

// The actor's end of a connection; the worker's is a descriptor.
class Wire {
 public:
  void Send(std::string_view bytes);
  void SendFin();
  // Ends it at once: what is in flight towards the worker is lost.
  void Reset();
  // No further use: FIN, and a reset to whatever comes after.
  void Close();
  // What arrived at the actor and was not taken yet.
  std::string& arrived() { return to_actor_.arrived; }
  bool fin_arrived() const { return to_actor_.fin_arrived; }
  // The worker has reset the connection.
  bool reset_arrived() const { return reset_by_worker_; }
  bool done() const { return actor_gone_ || reset_by_worker_; }
  bool actor_closed() const { return actor_closed_; }
  // What the actor has sent and the worker not yet read.
  size_t unread() const { return to_worker_.flight.size() + to_worker_.arrived.size(); }
  bool fin_unread() const { return to_worker_.fin_sent && !to_worker_.fin_arrived; }
  bool worker_closed() const { return fd_ < 0; }
  uint16_t port() const { return port_; }
  // An actor that does not read lets the worker's output fill.
  bool reading = true;

 private:
  friend class Kernel;
  int fd_ = -1;  // the worker's end; -1 before accept and after close
  bool accepted_ = false;
  bool connected_ = false;
  uint16_t port_ = 0;
  size_t capacity_ = 0;  // bytes that the worker may have under way
  bool wants_space_ = false;
  event::TimePoint answer_at_ = 0;  // while it connects
  bool refused_ = false;
  int error_ = 0;  // SO_ERROR of the worker's end
  bool broken_ = false;
  bool reset_in_flight_ = false;  // from the actor
  bool reset_by_worker_ = false;
  bool actor_closed_ = false;
  bool actor_gone_ = false;
  Flow to_worker_;
  Flow to_actor_;
};

// Who is behind an address.
class Remote {
 public:
  enum class Answer : uint8_t { kAccept, kRefuse, kSilence, kUnreachable, kNoPorts };
  virtual Answer OnConnect(uint16_t port) = 0;
  virtual void OnWire(uint16_t port, Wire& wire) = 0;

 protected:
  ~Remote() = default;
};

class Kernel {
 public:
  static constexpr int kFirstFd = 600;
  static constexpr int kLastFd = 4000;

  // How much goes wrong.
  struct Weather {
    uint32_t hold_percent = 5;             // of deliveries that are delayed
    uint32_t late_ready_percent = 5;       // of descriptors whose readiness is told a turn later
    uint32_t full_percent = 3;             // of sends that find no room though there is some
    bool tiny_cuts = false;                // deliveries of a byte or two
    uint32_t no_descriptor_per_mille = 0;  // socket() and accept4() fail by EMFILE
  };

  Kernel(base::Random& random, fakes::SimulatedClock& clock, Remote& remote);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  static Kernel* Current();

  Weather weather;
  // Prints what passes between the worker and the kernel, for replays.
  bool tells = false;

  // --- the actors' side ---

  // A client's connection to the worker's listener on `port`.
  Wire& Connect(uint16_t port);
  // Moves some of what is in flight. True when anything moved.
  bool Deliver();
  // Nothing is under way, and the worker knows of all that has arrived.
  bool Quiet() const;
  // When the next timer, hold or connect answer comes; kNever when nothing will.
  event::TimePoint NextTime() const;
  // Descriptors of the worker: connections only.
  size_t open_connections(uint16_t port) const;
  size_t open_descriptors() const { return files_.size(); }
  const std::vector<std::string>& violations() const { return violations_; }
  void Violation(std::string what) { violations_.push_back(std::move(what)); }
  // Bytes that the worker has received and sent on the connections of a port.
  struct Traffic {
    uint64_t received = 0;
    uint64_t sent = 0;
  };
  const Traffic& traffic(uint16_t port) { return traffic_[port]; }
  // How often bytes went from a connection into a pipe.
  uint64_t splices() const { return splices_; }

  // --- system calls ---

  bool Owns(int fd) const { return fd >= kFirstFd && fd <= kLastFd; }
  int Socket();
  int Bind(int fd, uint16_t port);
  int Listen(int fd);
  int Accept(int fd, sockaddr* address, socklen_t* length);
  int StartConnect(int fd, uint16_t port);
  int SocketError(int fd, int* error);
  // The only option that changes anything: whether closing it sends a reset.
  int SetLinger(int fd, bool resets);
  int MakePipe(int* ends);
  ssize_t Splice(int from, int to, size_t size);
  ssize_t Receive(int fd, const iovec* vectors, size_t count);
  ssize_t Transmit(int fd, const iovec* vectors, size_t count, bool no_signal);
  int Shutdown(int fd, int how);
  int Close(int fd);
  int Name(int fd, sockaddr* address, socklen_t* length, bool peer);
  int Known(int fd, const char* call);
  int ControlEpoll(int epoll, int operation, int fd, const epoll_event* event);
  // Adds what is ready to `events`.
  int Ready(int epoll, epoll_event* events, int room);
  int MakeTimer();
  int SetTimer(int fd, event::Duration in);
  int MakeEvent();
  ssize_t Read(int fd, void* to, size_t size);
  ssize_t Write(int fd, const void* from, size_t size);

 private:
  enum class Kind : uint8_t { kSocket, kListener, kConnection, kTimer, kEvent, kPipe };
  struct File {
    Kind kind = Kind::kSocket;
    uint16_t port = 0;
    Wire* wire = nullptr;
    std::deque<Wire*> backlog;
    event::TimePoint expiry = INT64_MAX;  // timers
    uint64_t value = 0;                   // events
    bool resets = false;                  // when it is closed
    std::shared_ptr<std::string> pipe;    // what is in it
    // epoll
    int epoll = -1;
    uint32_t interest = 0;
    epoll_data_t data = {};
    bool woken = false;
  };

  friend class Wire;
  File* Find(int fd, const char* call);
  int NewFd(Kind kind);
  uint32_t State(const File& file) const;
  void Wake(int fd);
  void Wake(const Wire& wire) { Wake(wire.fd_); }
  bool DeliverTo(Flow& flow, bool to_worker, Wire& wire);
  void ArriveReset(Wire& wire);
  void AnswerConnect(Wire& wire);
  void Tell(int fd, const File& file, const char* what, std::string_view bytes = {}) const;
  bool HasSpaceToTell(const Wire& wire) const {
    return wire.wants_space_ && wire.fd_ >= 0 && Room(wire) * 3 >= wire.capacity_;
  }
  void SendReset(Wire& wire);
  size_t Room(const Wire& wire) const;
  size_t Cut(size_t size);

  base::Random& random_;
  fakes::SimulatedClock& clock_;
  Remote& remote_;
  Kernel* before_;
  std::map<int, File> files_;
  std::deque<std::unique_ptr<Wire>> wires_;
  std::vector<Wire*> connecting_;  // in their order: runs must not depend on addresses
  std::map<uint16_t, Traffic> traffic_;
  uint64_t splices_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace remora::sim
