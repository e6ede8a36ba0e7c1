#pragma once

// ProcessState: what an operator told the whole process, as far as requests depend on it.
//
// Owner: Server. Written by main alone; read by any thread with relaxed loads: a request may see
// the state of a moment ago. Reach: upstream::WorkerResources::process, FilterContext::process().
// Source: Envoy's admin paths /healthcheck/fail and /healthcheck/ok. Nothing fails.

#include <atomic>

namespace remora::runtime {

struct ProcessState {
  // Between /healthcheck/fail and /healthcheck/ok: health checks are answered with 503 (filter
  // health_check), and listeners with drain_type DEFAULT end their connections.
  std::atomic<bool> health_check_failed{false};
};

// For workers without a server (tests): nobody ever told them anything.
inline const ProcessState kUntold;

}  // namespace remora::runtime
