#pragma once

// HostTable: the functions that modules call (source/sdk/remora_filter_abi.h).
//
// Each looks its handle up, checks what it is given and does what a FilterContext does. What is
// wrong changes nothing, is counted (`dynamic_modules.misused`) and answered with a result. Sizes
// over the limits here are wrong: of a module's memory no more is read than it has said. Thread:
// any; a handle is known to its own thread alone.

#include <cstdint>

#include "source/sdk/remora_filter_abi.h"

namespace remora::extensions {

constexpr uint64_t kMaxModuleText = uint64_t{64} << 10;   // a name, a value, a path
constexpr uint64_t kMaxModuleBytes = uint64_t{64} << 20;  // of a body, at once
constexpr uint64_t kMaxModuleFields = 1000;

const remora_host& HostTable();

}  // namespace remora::extensions
