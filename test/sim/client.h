#pragma once

// Client: one downstream connection of the simulation, with everything a client may do: keep-alive
// and pipelining, lengths and chunks, trailers, Expect, HTTP/1.0, half-closing, leaving and
// resetting at any byte, not reading for a while, and bytes that are no request.
//
// What comes back is read by the strict parser of test/harness and compared with the ledger.
// Owner: Simulation. Everything random comes from its generator.

#include <deque>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/event/timer.h"
#include "test/sim/exchange.h"
#include "test/sim/kernel.h"

namespace remora::sim {

struct ClientHabits {
  bool faults = false;                               // may leave, reset, send what is broken
  const std::vector<std::string>* broken = nullptr;  // texts that are no good requests
  std::vector<std::string> paths;                    // what to ask for
  size_t largest_body = 64 * 1024;
  bool tunnels = false;             // may ask for upgrades and CONNECT
  std::vector<uint16_t> instances;  // has sessions with these upstreams
};

class Client {
 public:
  Client(Kernel& kernel, base::Random& random, Ledger& ledger, fakes::SimulatedClock& clock,
         const ClientHabits& habits, uint16_t port);

  // Does what it wants to do now. True when that was anything.
  bool Act();
  // When it wants to be asked again though nothing has come; kNever when it waits.
  event::TimePoint next() const { return over_ ? event::Timer::kNever : next_; }
  bool over() const { return over_; }
  // Reads and asks for nothing more.
  void Finish();
  // Has stopped reading for a while.
  bool stalls() const { return !over_ && !wire_->reading; }

 private:
  enum class Ending : uint8_t { kClose, kHalfClose, kStay, kLeave, kReset, kCut };
  struct Request {
    Exchange* exchange;
    std::string text;
    size_t pause_at = 0;  // Expect: the body waits for a while
  };

  bool Chance(uint32_t percent) { return random_.Below(100) < percent; }
  event::TimePoint Soon(int64_t milliseconds) {
    return clock_.Now() + static_cast<int64_t>(random_.Below(
                              static_cast<uint64_t>(milliseconds * event::kMillisecond)));
  }
  enum class TunnelEnd : uint8_t { kFin, kWait, kLeave, kReset };
  Request MakeRequest(bool last);
  Request MakeTunnel(Exchange& exchange);
  void SendTunnel();
  void ReceiveTunnel();
  std::string MakeBody(Exchange& exchange, std::string& head);
  void Send();
  void Receive();
  void End(bool excuse);

  base::Random& random_;
  Ledger& ledger_;
  fakes::SimulatedClock& clock_;
  const ClientHabits& habits_;
  Wire* wire_;
  std::vector<Request> requests_;
  Ending ending_ = Ending::kClose;
  size_t ending_at_ = 0;  // byte of the whole script at which it leaves
  bool pipelined_ = false;
  size_t sending_ = 0;  // the request whose text is being sent
  size_t at_ = 0;       // and how much of it was
  size_t total_ = 0;
  size_t answered_ = 0;
  bool fin_sent_ = false;
  Exchange* tunnel_ = nullptr;  // once it is accepted
  size_t tunnel_sent_ = 0;
  size_t tunnel_got_ = 0;
  TunnelEnd tunnel_end_ = TunnelEnd::kFin;
  bool over_ = false;
  event::TimePoint next_ = 0;
};

}  // namespace remora::sim
