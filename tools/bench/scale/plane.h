#pragma once

// Plane: the scale benchmark's control plane: ADS of both flavours by the gRPC library, on
// 127.0.0.1, with everything it says encoded beforehand.
//
//   Fill, Clear, Move --> changed resources --> every stream that wants them
//
// State of the world sends all that is asked for of a type when one of it changes, as
// go-control-plane does; delta what has changed. One proxy at a time.
//
// Threads: the library's own; the methods may be called by any other. What a proxy refuses ends the
// benchmark: it is printed, and the exit code is 1.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tools/bench/scale/resources.h"

namespace remora::bench {

class Plane {
 public:
  // Begins with all resources, or with the listener alone.
  Plane(const Shape& shape, bool filled);
  ~Plane();
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  uint16_t port() const;
  // All clusters with their endpoints and routes; none of them.
  void Fill();
  void Clear();
  // Moves an endpoint of that cluster to the other origin, or back. When the change was ready to be
  // sent, in ns of the monotonic clock.
  int64_t Move(size_t cluster);
  // Until the proxy has asked for all that there is and taken it. False: not in time.
  bool AwaitTaken(int seconds);

 private:
  struct State;
  class Call;
  std::unique_ptr<State> state_;
};

}  // namespace remora::bench
