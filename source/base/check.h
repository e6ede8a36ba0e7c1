#pragma once

// CHECK and DCHECK: for what is impossible by our own logic, never for input.
//
// CHECK stays in every build and aborts with the place and the condition: use it where going on
// would corrupt something. DCHECK is compiled out of optimised builds. A peer's bytes, a
// configuration or a system call's result must never reach either: those are absl::Status.
//
// Any thread.

#include <cstdlib>

namespace remora::base {

// Prints `file:line: CHECK failed: condition` to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace remora::base

#define REMORA_CHECK(condition)                      \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::remora::base::CheckFailed(__FILE__, __LINE__, #condition))

// Catch2 has a CHECK of its own, and tests mean that one.
#ifndef CHECK
#define CHECK(condition) REMORA_CHECK(condition)
#endif

#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(sizeof(static_cast<bool>(condition)))
#else
#define DCHECK(condition) REMORA_CHECK(condition)
#endif
