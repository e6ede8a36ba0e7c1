#include "source/base/hash.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace remora::base {
namespace {

// XXH64's primes.
constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;

template <class T>
T Load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));  // little-endian, as the machines we run on
  return value;
}

uint64_t Round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

uint64_t Merge(uint64_t hash, uint64_t lane) { return (hash ^ Round(0, lane)) * kPrime1 + kPrime4; }

// Four lanes over stripes of 32 bytes; `at` goes on to what is left.
uint64_t HashStripes(const char*& at, const char* end, uint64_t seed) {
  uint64_t lanes[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
  for (; end - at >= 32; at += 32) {
    for (size_t i = 0; i < 4; ++i) lanes[i] = Round(lanes[i], Load<uint64_t>(at + 8 * i));
  }
  uint64_t hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
                  std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = Merge(hash, lane);
  return hash;
}

}  // namespace

uint64_t XxHash64(std::string_view text, uint64_t seed) {
  const char* at = text.data();
  const char* const end = at + text.size();
  uint64_t hash = text.size() >= 32 ? HashStripes(at, end, seed) : seed + kPrime5;
  hash += text.size();
  for (; end - at >= 8; at += 8) {
    hash = std::rotl(hash ^ Round(0, Load<uint64_t>(at)), 27) * kPrime1 + kPrime4;
  }
  if (end - at >= 4) {
    hash = std::rotl(hash ^ Load<uint32_t>(at) * kPrime1, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at != end; ++at) {
    hash = std::rotl(hash ^ static_cast<uint8_t>(*at) * kPrime5, 11) * kPrime1;
  }
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

uint64_t MurmurHash64(std::string_view text) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr uint64_t kSeed = 0xc70f6907;
  const auto mix = [](uint64_t value) {
    value *= kMultiplier;
    return value ^ value >> 47;
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  uint64_t hash = kSeed ^ text.size() * kMultiplier;
  for (; end - at >= 8; at += 8)
    hash = (hash ^ mix(Load<uint64_t>(at)) * kMultiplier) * kMultiplier;
  if (at != end) {
    uint64_t rest = 0;
    std::memcpy(&rest, at, static_cast<size_t>(end - at));
    hash = (hash ^ rest) * kMultiplier;
  }
  return mix(hash ^ hash >> 47);
}

}  // namespace remora::base
