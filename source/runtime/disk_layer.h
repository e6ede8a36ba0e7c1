#pragma once

// ReadDiskLayer: the values of a directory tree: the key is the path with dots, the value what the
// file holds without its comment lines (`#`) and trailing white space.
//
// Blocking file I/O: main thread, at start and when an operator has put another tree in place.
// Bounded: kMaxDepth, kMaxFile, kMaxKeys. Fails as a whole: half a tree is no state that anybody
// asked for. Source: Envoy source/common/runtime/runtime_impl.cc, DiskLayer.

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "source/runtime/runtime.h"

namespace remora::runtime {

inline constexpr size_t kMaxDepth = 16;  // Envoy's
inline constexpr size_t kMaxFile = 64 * 1024;
inline constexpr size_t kMaxKeys = 10'000;

bool DirectoryExists(const std::string& path);

absl::StatusOr<Snapshot::Values> ReadDiskLayer(const std::string& directory);

}  // namespace remora::runtime
