#pragma once

// MemoryUsage: how much memory the process holds, in bytes, under the names of
// envoy.admin.v3.Memory. Any thread. What glibc's allocator cannot tell is 0.
// Source: mallinfo(3), proc_pid_statm(5).
// Thread: main. Costs a few system calls, so it is read when asked for, never per request. A file
// that cannot be read counts as 0.

#include <cstdint>

namespace remora::admin {

struct MemoryUsage {
  uint64_t allocated = 0;             // in use by the process
  uint64_t heap_size = 0;             // taken from the kernel, in use or not
  uint64_t pageheap_unmapped = 0;     // given back to the kernel, address space kept: not known
  uint64_t pageheap_free = 0;         // taken and not in use
  uint64_t total_thread_cache = 0;    // free, in caches of threads: counted as in use by glibc
  uint64_t total_physical_bytes = 0;  // resident, code included
};

MemoryUsage ReadMemoryUsage();

}  // namespace remora::admin
