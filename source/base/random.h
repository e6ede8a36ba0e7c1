#pragma once

// Random: a small fast generator (xoshiro256**, Blackman and Vigna) for load balancing, sampling
// and request ids. Seeded from the kernel once; a seed can be given so that tests replay.
// Not for keys or tokens. Owner: a worker, one object each; not thread-safe.
// Source: prng.di.unimi.it, the authors' reference code.
// Nothing here fails: without the kernel's randomness the clock gives the seed.

#include <cstdint>

namespace remora::base {

class Random {
 public:
  Random();  // seeded by getrandom(2)
  explicit Random(uint64_t seed);

  uint64_t Next() {
    const uint64_t result = Rotate(state_[1] * 5, 7) * 9;
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = Rotate(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound), bound > 0 (Lemire's multiplication; the bias is below 2^-32).
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

 private:
  static uint64_t Rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  uint64_t state_[4];
};

}  // namespace remora::base
