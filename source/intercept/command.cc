#include "source/intercept/command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_split.h"
#include "source/config/text.h"

namespace remora::intercept {
namespace {

using config::Concat;

absl::Status Failure(std::string_view what, int error) {
  return absl::InternalError(config::ToAbsl(Concat(what, ": ", std::strerror(error))));
}

// A file without a name, in memory.
class MemoryFile final {
 public:
  MemoryFile() : descriptor_(memfd_create("remora", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int descriptor() const { return descriptor_; }

  // Leaves the file at its beginning.
  bool Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = write(descriptor_, text.data(), text.size());
      if (count < 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return lseek(descriptor_, 0, SEEK_SET) == 0;
  }

  bool Read(std::string& out) {
    char piece[4096];
    if (lseek(descriptor_, 0, SEEK_SET) != 0) return false;
    ssize_t count = 0;
    while ((count = read(descriptor_, piece, sizeof piece)) > 0) {
      out.append(piece, static_cast<size_t>(count));
    }
    return count == 0;
  }

 private:
  int descriptor_;
};

// The three files become 0, 1 and 2 of the program; everything else is closed there.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& arguments, const MemoryFile& input,
                            const MemoryFile& output, const MemoryFile& error) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  int wrong = posix_spawn_file_actions_init(&actions);
  if (wrong != 0) return Failure("posix_spawn", wrong);
  const int files[] = {input.descriptor(), output.descriptor(), error.descriptor()};
  for (int i = 0; i < 3 && wrong == 0; ++i) {
    wrong = posix_spawn_file_actions_adddup2(&actions, files[i], i);
  }
  if (wrong == 0) wrong = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  pid_t process = 0;
  if (wrong == 0) {
    wrong = posix_spawn(&process, pointers.front(), &actions, nullptr, pointers.data(), environ);
  }
  posix_spawn_file_actions_destroy(&actions);
  if (wrong != 0) return Failure(arguments.front(), wrong);
  return process;
}

}  // namespace

std::string FindProgram(std::string_view name) {
  const char* path = std::getenv("PATH");
  const std::string folders = Concat(path == nullptr ? "" : path, ":/usr/sbin:/sbin");
  for (const std::string& folder : std::vector<std::string>(absl::StrSplit(folders, ':'))) {
    // An empty entry of PATH means the working folder: not for a program that runs as root.
    if (folder.empty()) continue;
    std::string file = Concat(folder, "/", name);
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& arguments,
                                         std::string_view input) {
  MemoryFile in;
  MemoryFile out;
  MemoryFile error;
  if (in.descriptor() < 0 || out.descriptor() < 0 || error.descriptor() < 0 || !in.Write(input)) {
    return Failure("memfd_create", errno);
  }
  const absl::StatusOr<pid_t> process = Spawn(arguments, in, out, error);
  if (!process.ok()) return process.status();
  int status = 0;
  while (waitpid(*process, &status, 0) < 0) {
    if (errno != EINTR) return Failure("waitpid", errno);
  }
  CommandResult result;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (!out.Read(result.output) || !error.Read(result.error)) return Failure("read", errno);
  return result;
}

}  // namespace remora::intercept
