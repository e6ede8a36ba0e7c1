#include "source/event/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace remora::event {

FileWatch::~FileWatch() {
  event_.Unregister();
  if (fd_ >= 0) close(fd_);
}

absl::Status FileWatch::Start(Dispatcher& dispatcher, const std::string& path,
                              std::function<void()> on_moved) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path.substr(0, slash);
  name_ = slash == std::string::npos ? path : path.substr(slash + 1);
  on_moved_ = std::move(on_moved);
  fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd_ < 0 || inotify_add_watch(fd_, directory.c_str(), IN_MOVED_TO) < 0) {
    return absl::UnavailableError(absl::StrCat("cannot watch ", path, ": ", strerror(errno)));
  }
  event_.Register(
      dispatcher, fd_, FileEvent::Trigger::kLevel,
      [](void* self, uint32_t) { static_cast<FileWatch*>(self)->Read(); }, this);
  return absl::OkStatus();
}

void FileWatch::Read() {
  // One call however many moves there were: the path is looked at afterwards.
  bool moved = false;
  alignas(inotify_event) char events[4096];
  ssize_t size = 0;
  while ((size = read(fd_, events, sizeof(events))) > 0) {
    for (const char* at = events; at < events + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      if ((event->mask & IN_Q_OVERFLOW) != 0 || (event->len > 0 && name_ == event->name)) {
        moved = true;
      }
      at += sizeof(inotify_event) + event->len;
    }
  }
  if (moved) on_moved_();
}

}  // namespace remora::event
