#include "source/xds/version_hash.h"

#include <bit>
#include <cstring>

namespace remora::xds {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;
constexpr size_t kStripe = 32;

template <typename Word>
Word Take(std::string_view& text) {
  Word word;
  std::memcpy(&word, text.data(), sizeof(word));
  text.remove_prefix(sizeof(word));
  return word;
}

uint64_t Round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

// The four lanes over all whole stripes.
uint64_t HashStripes(std::string_view& text) {
  uint64_t lanes[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  while (text.size() >= kStripe) {
    for (uint64_t& lane : lanes) lane = Round(lane, Take<uint64_t>(text));
  }
  uint64_t hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
                  std::rotl(lanes[3], 18);
  for (const uint64_t lane : lanes) hash = (hash ^ Round(0, lane)) * kPrime1 + kPrime4;
  return hash;
}

}  // namespace

uint64_t VersionHash(std::string_view text) {
  const uint64_t size = text.size();
  uint64_t hash = (size >= kStripe ? HashStripes(text) : kPrime5) + size;
  while (text.size() >= sizeof(uint64_t)) {
    hash = std::rotl(hash ^ Round(0, Take<uint64_t>(text)), 27) * kPrime1 + kPrime4;
  }
  if (text.size() >= sizeof(uint32_t)) {
    hash = std::rotl(hash ^ Take<uint32_t>(text) * kPrime1, 23) * kPrime2 + kPrime3;
  }
  while (!text.empty()) {
    hash = std::rotl(hash ^ Take<uint8_t>(text) * kPrime5, 11) * kPrime1;
  }
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace remora::xds
