// Counts the heap allocations of a program that it is preloaded into.
//
//   gcc -O2 -shared -fPIC -o count_malloc.so count_malloc.c
//   MALLOC_COUNT_FILE=/tmp/counts LD_PRELOAD=./count_malloc.so program
//
// The counters live in a shared mapping of that file, as six 64-bit numbers in the order of
// `enum Counter`: whoever reads the file sees them as they are, without asking the program.
// Threads: any; the counters are relaxed atomics. Failure: without the file, nothing is counted
// and the program runs as always.
//
// What it sees: all calls that reach libc's allocator by name, so operator new of libstdc++ too
// (shared or linked statically, it calls malloc). What it cannot see: an allocator linked into
// the program itself (mimalloc, tcmalloc); then the counters stay near zero, which
// run_budgets.py notices.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// glibc's own names for its allocator: calling them needs no dlsym, which allocates itself.
extern void* __libc_malloc(size_t size);
extern void* __libc_calloc(size_t count, size_t size);
extern void* __libc_realloc(void* old, size_t size);
extern void* __libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void* block);

enum Counter { kMalloc, kCalloc, kRealloc, kAligned, kFree, kBytes, kCounters };

static _Atomic uint64_t early[kCounters];  // Before the file is mapped.
static _Atomic uint64_t* _Atomic counters = early;

static void Count(enum Counter which, size_t bytes) {
  _Atomic uint64_t* to = atomic_load_explicit(&counters, memory_order_relaxed);
  atomic_fetch_add_explicit(&to[which], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&to[kBytes], bytes, memory_order_relaxed);
}

__attribute__((constructor)) static void MapCounters(void) {
  const char* path = getenv("MALLOC_COUNT_FILE");
  if (path == NULL) return;
  const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  if (ftruncate(fd, sizeof(early)) == 0) {
    void* shared = mmap(NULL, sizeof(early), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared != MAP_FAILED) atomic_store(&counters, (_Atomic uint64_t*)shared);
  }
  close(fd);
}

void* malloc(size_t size) {
  Count(kMalloc, size);
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  Count(kCalloc, count * size);
  return __libc_calloc(count, size);
}

void* realloc(void* old, size_t size) {
  Count(kRealloc, size);
  return __libc_realloc(old, size);
}

void* memalign(size_t alignment, size_t size) {
  Count(kAligned, size);
  return __libc_memalign(alignment, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  Count(kAligned, size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** out, size_t alignment, size_t size) {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) {
    return EINVAL;
  }
  Count(kAligned, size);
  void* block = __libc_memalign(alignment, size);
  if (block == NULL) return ENOMEM;
  *out = block;
  return 0;
}

void free(void* block) {
  if (block != NULL) Count(kFree, 0);
  __libc_free(block);
}
