#pragma once

// Hashes whose values others rely on: load balancing by hash has to choose the endpoint that Envoy
// would choose, whichever of the two a request meets.
//
// Pure functions, any thread, no failures. Not for hash tables and not against an adversary.
// Sources: xxHash 0.8 specification (XXH64); MurmurHash2, 64-bit version A by Austin Appleby, with
// the seed of libstdc++'s std::hash.

#include <cstdint>
#include <string_view>

namespace remora::base {

uint64_t XxHash64(std::string_view text, uint64_t seed = 0);
uint64_t MurmurHash64(std::string_view text);

}  // namespace remora::base
