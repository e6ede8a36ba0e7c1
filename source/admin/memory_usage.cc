#include "source/admin/memory_usage.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace remora::admin {
namespace {

// The second number of /proc/self/statm; 0 where there is no /proc.
uint64_t ResidentPages() {
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::array<char, 128> line;
  const ssize_t size = read(fd, line.data(), line.size());
  close(fd);
  if (size <= 0) return 0;
  const std::string_view text(line.data(), static_cast<size_t>(size));
  const size_t space = text.find(' ');
  if (space == std::string_view::npos) return 0;
  uint64_t pages = 0;
  const char* const begin = text.data() + space + 1;
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), pages);
  return error == std::errc() && end != begin ? pages : 0;
}

}  // namespace

MemoryUsage ReadMemoryUsage() {
  const struct mallinfo2 info = mallinfo2();
  MemoryUsage usage;
  usage.allocated = info.uordblks + info.hblkhd;
  usage.heap_size = info.arena + info.hblkhd;
  usage.pageheap_free = info.fordblks;
  usage.total_physical_bytes = ResidentPages() * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return usage;
}

}  // namespace remora::admin
