#pragma once

// TcpSimulation: one run of a worker whose listener is a TCP proxy, decided by one number.
//
// Each connection has two streams, one from the client and one from the host, made of text that
// says where it belongs. What arrives must be the beginning of what was sent; an end may only come
// behind all of it; a peer that resets must never look as if it had ended; and when everything is
// over, nothing may be left: no descriptor, no block, no pipe, no count. Owner and thread: the
// test's. Byte for byte the same for the same number.

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "test/sim/kernel.h"
#include "test/sim/world.h"

namespace remora::sim {

struct TcpReport {
  std::vector<std::string> violations;
  uint64_t connections = 0;
  uint64_t refused = 0;  // without a host
  uint64_t resets = 0;
  uint64_t bytes = 0;
  uint64_t splices = 0;
  uint64_t turns = 0;
};

class TcpSimulation final : private Remote {
 public:
  explicit TcpSimulation(uint64_t seed, bool tells = false);
  TcpReport Run();

 private:
  static constexpr uint16_t kPort = 8080;
  static constexpr uint16_t kHost = 9001;
  static constexpr uint64_t kMostTurns = 200000;
  static constexpr int kIdleSteps = 6;

  // One end of a proxied connection.
  struct End {
    Wire* wire = nullptr;
    uint32_t id = 0;  // 0: a host that does not know yet whose it is
    bool host = false;
    size_t total = 0;  // of what it sends
    std::string text;
    size_t sent = 0;
    size_t reset_at = SIZE_MAX;  // byte of what it sends at which it resets
    size_t got = 0;
    bool fin_sent = false;
    bool fin_seen = false;
    bool reset_seen = false;
    bool reset_sent = false;
    event::TimePoint next = 0;

    bool over() const { return reset_seen || reset_sent || (fin_sent && fin_seen); }
  };

  Answer OnConnect(uint16_t port) override;
  void OnWire(uint16_t port, Wire& wire) override;
  std::string Yaml();
  void AddClients();
  bool Act(End& end);
  bool Receive(End& end);
  void Send(End& end);
  End* PeerOf(const End& end);
  bool Step();
  bool PassTime();
  void CheckEnd();
  void Violation(const std::string& what);
  size_t RandomTotal();
  void Fate(End& end);

  TcpReport report_;
  bool tells_;
  base::Random random_;
  fakes::SimulatedClock clock_;
  Kernel kernel_;
  ProbeLog probes_;
  bool faults_;
  bool bulk_;
  size_t client_count_;
  std::deque<End> clients_;
  std::deque<End> hosts_;
  int idle_steps_ = 0;
  std::unique_ptr<World> world_;
};

}  // namespace remora::sim
