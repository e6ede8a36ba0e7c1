#include "test/intercept/namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <string_view>

namespace remora::intercept {
namespace {

constexpr int kNoNamespace = 77;

bool RaiseLoopback() {
  const int socket_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool good = socket_fd >= 0 && ioctl(socket_fd, SIOCSIFFLAGS, &request) == 0;
  close(socket_fd);
  return good;
}

[[noreturn]] void RunChild(int to_parent, const std::function<std::string()>& function) {
  if (unshare(CLONE_NEWNET) != 0 || !RaiseLoopback()) _exit(kNoNamespace);
  std::string text;
  try {
    text = function();
  } catch (const std::exception& error) {
    text = std::string("threw: ") + error.what();
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t count = write(to_parent, rest.data(), rest.size());
    if (count <= 0) _exit(1);
    rest.remove_prefix(static_cast<size_t>(count));
  }
  _exit(0);
}

}  // namespace

std::optional<std::string> InNamespace(const std::function<std::string()>& function) {
  int pipes[2] = {};
  if (pipe2(pipes, O_CLOEXEC) != 0) return "no pipe";
  const pid_t child = fork();
  if (child < 0) return "no process";
  if (child == 0) RunChild(pipes[1], function);
  close(pipes[1]);
  std::string text;
  char piece[4096];
  ssize_t count = 0;
  while ((count = read(pipes[0], piece, sizeof piece)) > 0) {
    text.append(piece, static_cast<size_t>(count));
  }
  close(pipes[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoNamespace) return std::nullopt;
  if (status != 0) text += "(the process ended with " + std::to_string(status) + ")";
  return text;
}

}  // namespace remora::intercept
