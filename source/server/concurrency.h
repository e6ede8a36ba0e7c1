#pragma once

// How many workers to run when --concurrency does not say: what the process may really use, not
// what the machine has. The least of the CPU affinity mask and the cgroup's CPU quota (cpu.max of
// cgroup v2, cpu.cfs_quota_us of v1), rounded up; at least 1.
// Thread: main, at start. Files that cannot be read mean "no limit"; nothing fails. Source: Linux
// Documentation/admin-guide/cgroup-v2.rst.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace remora::server {

size_t DefaultConcurrency();
// The CPUs that the affinity mask allows, at least 1 (--cpuset-threads).
size_t AffinityConcurrency();

// CPUs that a cgroup v2 `cpu.max` line grants ("max 100000", "150000 100000"); nothing for no
// limit.
std::optional<double> ParseCpuMax(std::string_view text);

}  // namespace remora::server
