#pragma once

// Probe: a filter that watches the contract of filters (source/http/filter/filter.h) being kept:
// head, data, end in that order in both directions, one end each, OnComplete exactly once, nothing
// after it. One stands in front of all other filters, one right before the router. With `shakes`
// it also uses the contract: it holds, pauses and resumes at random.
//
// Owner of the log: Simulation; it outlives the worker.

#include <cstdint>
#include <functional>
#include <string>

#include "source/base/random.h"
#include "source/http/filter/filter.h"

namespace remora::sim {

struct ProbeLog {
  std::function<void(std::string)> violation;
  base::Random* random = nullptr;
  bool shakes = false;
  bool tells = false;       // prints what the proxy says of an exchange
  bool interrupts = false;  // and answers or resets by itself
  uint64_t made = 0;
  uint64_t completed = 0;
  uint64_t destroyed = 0;
  uint64_t local_replies = 0;  // that it sent
};

http::FilterFactory MakeProbe(std::string name, ProbeLog* log);

}  // namespace remora::sim
