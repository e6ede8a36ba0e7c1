#include "source/runtime/disk_layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "source/runtime/value.h"

namespace remora::runtime {
namespace {

absl::Status Failed(const std::string& path, const char* what) {
  return absl::UnavailableError(absl::StrCat(path, ": ", what));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Failed(path, strerror(errno));
  std::string text(kMaxFile + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      close(fd);
      return Failed(path, strerror(error));
    }
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  close(fd);
  if (size > kMaxFile) return Failed(path, "is too large for a runtime value");
  text.resize(size);
  return text;
}

std::string WithoutComments(const std::string& text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  std::vector<absl::string_view> kept;
  for (const absl::string_view line : lines) {
    if (line.empty() || line.front() != '#') kept.push_back(line);
  }
  std::string joined = absl::StrJoin(kept, "\n");
  absl::StripTrailingAsciiWhitespace(&joined);
  return joined;
}

absl::Status Walk(const std::string& path, const std::string& prefix, size_t depth,
                  Snapshot::Values& values) {
  if (depth > kMaxDepth) return Failed(path, "the tree of runtime values is too deep");
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(path.c_str()), &closedir);
  if (directory == nullptr) return Failed(path, strerror(errno));
  while (const dirent* entry = readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string full = absl::StrCat(path, "/", name);
    const std::string key = prefix.empty() ? name : absl::StrCat(prefix, ".", name);
    struct stat status;
    if (stat(full.c_str(), &status) != 0) return Failed(full, strerror(errno));
    if (S_ISDIR(status.st_mode)) {
      const absl::Status walked = Walk(full, key, depth + 1, values);
      if (!walked.ok()) return walked;
    } else if (S_ISREG(status.st_mode)) {
      if (values.size() >= kMaxKeys) return Failed(path, "there are too many runtime values");
      const absl::StatusOr<std::string> text = ReadFile(full);
      if (!text.ok()) return text.status();
      values[key] = ReadValue(WithoutComments(*text));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool DirectoryExists(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

absl::StatusOr<Snapshot::Values> ReadDiskLayer(const std::string& directory) {
  Snapshot::Values values;
  absl::Status status = Walk(directory, "", 1, values);
  if (!status.ok()) return status;
  return values;
}

}  // namespace remora::runtime
