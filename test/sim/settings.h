#pragma once

// Settings: what a seed decides before its run begins: the proxy's configuration, the weather on
// the network, and how badly clients and upstreams behave. Pure: the same seed, the same settings.

#include <cstdint>
#include <string>
#include <vector>

#include "source/base/random.h"
#include "test/sim/client.h"
#include "test/sim/kernel.h"
#include "test/sim/upstream.h"

namespace remora::sim {

inline constexpr uint16_t kListenerPort = 8080;
inline constexpr uint16_t kFirstUpstreamPort = 9001;
// Stands for the world's own file in memory.
inline constexpr char kLogPath[] = "@log@";

struct Settings {
  std::string yaml;
  Kernel::Weather weather;
  ClientHabits clients;
  UpstreamHabits upstreams;
  size_t client_count = 10;
  size_t clients_at_once = 4;
  size_t hosts = 3;
  bool clean = false;       // nobody does anything wrong: every request must be answered well
  bool may_refuse = false;  // limits are so low that the proxy answers for itself now and then
  bool shakes = false;
  bool trailers = false;
  bool hurries = false;  // a route's timeout is so short that it cuts slow exchanges
  bool buffers = false;  // the buffer filter is there
  bool mirrors = false;  // one more host gets copies
  bool logs = false;     // every request leaves a line: see World::TakeLog
  bool drains = false;   // the listener drains now and then
  uint32_t retries = 0;  // the most that a route allows
};

Settings MakeSettings(uint64_t seed);

}  // namespace remora::sim
