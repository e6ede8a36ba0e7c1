#pragma once

// FileWatch: says when another file, directory or link was moved to a path: the way in which
// configuration is replaced as a whole (`ln -s new tmp; mv -T tmp current`).
//
// Owner: who wants to know; destroying it ends the watch. Thread: the dispatcher's. Writing into a
// file in place is not seen, on purpose: it may be read half-way. Start fails when the directory
// that holds the path cannot be watched. Source: inotify(7); Envoy Filesystem::Watcher, MovedTo.

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "source/event/dispatcher.h"

namespace remora::event {

class FileWatch {
 public:
  FileWatch() = default;
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Once.
  absl::Status Start(Dispatcher& dispatcher, const std::string& path,
                     std::function<void()> on_moved);

 private:
  void Read();

  int fd_ = -1;
  std::string name_;  // the last part of the path
  std::function<void()> on_moved_;
  FileEvent event_;
};

}  // namespace remora::event
