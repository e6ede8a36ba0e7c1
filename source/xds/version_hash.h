#pragma once

// VersionHash: the number that the gauge `version` of a subscription shows for its version_info:
// XXH64 with seed 0, as in Envoy, so that dashboards that compare the two agree.
//
// Pure; any thread; cannot fail. Not for anything that an attacker should not guess.
// Source: xxHash specification (github.com/Cyan4973/xxHash, doc/xxhash_spec.md).

#include <cstdint>
#include <string_view>

namespace remora::xds {

uint64_t VersionHash(std::string_view text);

}  // namespace remora::xds
