#pragma once

// ReadFile: a regular file's bytes, as a value.
//
// For what a configuration names as data (DataSource). Blocking I/O on main, which is why the size
// is bounded and nothing but regular files is opened: a FIFO would wait for its writer. A fault's
// message names the file. Any thread; no state.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace remora::config {

absl::StatusOr<std::string> ReadFile(const std::string& name, uint64_t max_size);

}  // namespace remora::config
