#include "source/config/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

// Closes the file it was given.
class OpenFile final {
 public:
  explicit OpenFile(const std::string& name)
      : fd_(open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (fd_ >= 0) close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& name, uint64_t max_size) {
  const OpenFile file(name);
  struct stat status;
  if (file.fd() < 0 || fstat(file.fd(), &status) != 0) {
    return absl::UnavailableError(
        errno == ENOENT ? Concat("file ", name, " does not exist")
                        : Concat("file ", name, " cannot be opened: ", strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    return absl::UnavailableError(Concat("file ", name, " is not a regular file"));
  }
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > max_size) {
    return absl::ResourceExhaustedError(
        Concat("file ", name, " size is ", size, " bytes; maximum is ", max_size));
  }
  // The size is not all: files of /proc have none, and a file may grow meanwhile.
  std::string text;
  char block[16 * 1024];
  while (text.size() <= max_size) {
    const ssize_t got = read(file.fd(), block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::UnavailableError(Concat("file ", name, " cannot be read: ", strerror(errno)));
    }
    if (got == 0) return text;
    text.append(block, static_cast<size_t>(got));
  }
  return absl::ResourceExhaustedError(
      Concat("file ", name, " is larger than ", max_size, " bytes"));
}

}  // namespace remora::config
