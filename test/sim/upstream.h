#pragma once

// Upstream: an origin server of the simulation and all its connections, with everything an origin
// may do: answer plainly (a length, chunks, until it closes, without a body), slowly, early, after
// interim responses; say nothing; cut its answer at any byte; send what is no answer or more than
// was asked for; close or reset while idle; refuse connections or leave them hanging.
//
// Every request is read by the strict parser of test/harness and compared with the ledger.
// Owner: Simulation. Everything random comes from its generator.

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "source/event/timer.h"
#include "test/sim/exchange.h"
#include "test/sim/kernel.h"

namespace remora::sim {

struct UpstreamHabits {
  bool faults = false;          // anything may happen to an answer
  bool stale_closes = false;    // may close a connection that is idle
  bool connect_faults = false;  // may refuse
  const std::vector<std::string>* garbage = nullptr;
  size_t largest_body = 64 * 1024;
  int64_t slowest = 30;  // milliseconds between the parts of an answer
  bool mirror = false;   // gets copies of requests; nobody sees its answers
};

class Upstream {
 public:
  Upstream(base::Random& random, Ledger& ledger, fakes::SimulatedClock& clock,
           const UpstreamHabits& habits, uint16_t port)
      : random_(random), ledger_(ledger), clock_(clock), habits_(habits), port_(port) {}

  uint16_t port() const { return port_; }
  Remote::Answer OnConnect();
  void OnWire(Wire& wire);
  bool Act();
  event::TimePoint next() const;
  size_t open() const { return connections_.size(); }
  uint64_t requests() const { return requests_; }

 private:
  enum class After : uint8_t { kNothing, kFin, kReset, kClose };
  struct Step {
    event::Duration delay = 0;
    std::string bytes;
    After after = After::kNothing;
  };
  struct Connection {
    Wire* wire;
    Exchange* exchange = nullptr;  // being answered; null: idle
    size_t attempt = 0;
    bool foreign = false;  // answers a request that is in no ledger
    bool answering = false;
    bool request_whole = false;
    bool early = false;  // answers before the request is whole
    // Behind the answer comes one that nobody asked for: what was not sent yet of the one that was.
    std::optional<size_t> answer_left;
    // What it sent may hold more answers than were asked for, and the last of them come behind the
    // next request: nobody can tell them from that one's.
    bool garbled = false;
    Exchange* copied = nullptr;  // of a mirror: the exchange that this is a copy of
    bool tunnel = false;         // accepted
    size_t tunnel_got = 0;
    std::deque<Step> steps;
    event::TimePoint next = event::Timer::kNever;
    event::TimePoint idle_close = event::Timer::kNever;
    bool closed = false;
  };

  bool Chance(uint32_t percent) { return random_.Below(100) < percent; }
  event::Duration Delay(int64_t milliseconds) {
    return static_cast<int64_t>(
        random_.Below(static_cast<uint64_t>(milliseconds * event::kMillisecond)));
  }
  bool ActOn(Connection& connection);
  bool Read(Connection& connection);
  void Begin(Connection& connection, const std::string& head);
  void PlanMirrored(Connection& connection);
  void PlanTunnel(Connection& connection, Exchange& exchange, Attempt& attempt);
  bool ReadTunnel(Connection& connection);
  void EndTunnel(Connection& connection);
  void Plan(Connection& connection, Exchange& exchange, Attempt& attempt);
  std::string MakeAnswer(const Exchange& exchange, size_t number, Attempt& attempt, bool& closes);
  bool RunStep(Connection& connection);
  void FinishAnswer(Connection& connection);
  void Close(Connection& connection);

  base::Random& random_;
  Ledger& ledger_;
  fakes::SimulatedClock& clock_;
  const UpstreamHabits& habits_;
  uint16_t port_;
  uint64_t requests_ = 0;
  std::deque<Connection> connections_;
};

}  // namespace remora::sim
