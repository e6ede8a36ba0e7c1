#pragma once

// Simulation: one run, decided by one number: a whole worker, its clients and its upstreams, turn
// by turn, with the invariants checked after every turn (test/sim/README.md lists them).
//
//   deliver -> clients act -> upstreams act -> one turn of the worker -> check -> (time)
//
// Time stands still while anything can happen without it; then it jumps to what comes next.
// Owner and thread: the test's. The same seed gives the same run, byte for byte: `trace` of the
// report is a hash of everything that the actors saw.

#include <deque>
#include <string>
#include <vector>

#include "test/sim/settings.h"
#include "test/sim/world.h"

namespace remora::sim {

struct Report {
  uint64_t seed = 0;
  std::vector<std::string> violations;
  uint64_t turns = 0;
  uint64_t exchanges = 0;
  uint64_t upstream_replies = 0;
  uint64_t local_replies = 0;
  uint64_t cut = 0;
  uint64_t unanswered = 0;
  uint64_t trace = 0;
  event::Duration time = 0;  // simulated

  std::string ToString() const;
};

// Texts that are broken requests and answers, one each.
struct BadTexts {
  std::vector<std::string> requests;
  std::vector<std::string> answers;
};

class Simulation final : private Remote {
 public:
  // `tells`: prints every byte that passes.
  Simulation(uint64_t seed, const BadTexts& bad, bool tells = false);
  Report Run();

 private:
  static constexpr uint64_t kMostTurns = 400000;
  static constexpr size_t kMostViolations = 10;
  static constexpr size_t kIdleSteps = 6;

  // Remote
  Answer OnConnect(uint16_t port) override { return upstreams_[IndexOf(port)].OnConnect(); }
  void OnWire(uint16_t port, Wire& wire) override { upstreams_[IndexOf(port)].OnWire(wire); }
  static size_t IndexOf(uint16_t port) { return port - kFirstUpstreamPort; }

  bool Step();
  void AddClients();
  // False when nothing is left to come.
  bool PassTime();
  void ChangeDrain();
  void CheckTurn();
  void CheckQuiet();
  void CheckAnswers();
  bool HasInstance(const Exchange& exchange) const;
  void CheckStatistics(const stats::Snapshot& snapshot, bool at_end);
  void CheckLog(const std::string& log, uint64_t requests);
  void CheckEmpty();
  void Violation(std::string what);
  bool done() const { return report_.violations.size() >= kMostViolations; }

  Report report_;
  Settings settings_;
  base::Random random_;
  fakes::SimulatedClock clock_;
  Kernel kernel_;
  Ledger ledger_;
  ProbeLog probes_;
  UpstreamHabits mirror_habits_;
  std::deque<Upstream> upstreams_;
  std::deque<Client> clients_;
  size_t clients_made_ = 0;
  size_t idle_steps_ = 0;
  std::unique_ptr<World> world_;
};

}  // namespace remora::sim
