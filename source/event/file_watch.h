#pragma once

// FileWatch: says when another file, directory or link was moved to a path, to a link on the way to
// it, or into a directory: the ways in which configuration is replaced as a whole (`mv new file`,
// `ln -s v2 tmp; mv -T tmp current`, Kubernetes' `..data`). FileWatcher: the one inotify descriptor
// behind all watches of a thread.
//
// Owner: who wants to know; destroying a watch ends it. Thread: the dispatcher's. Writing into a
// file in place is not seen, on purpose: it may be read half-way. However many moves there are, the
// callback comes at the end of a turn and at most once in kQuiet, the last move always followed by
// a call. Watch fails when a directory cannot be watched; one that disappears later is looked for
// every kRetry, and finding it again counts as a move.
// Source: inotify(7); Envoy Filesystem::Watcher, MovedTo.

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "source/event/dispatcher.h"

namespace remora::event {

class FileWatch;

class FileWatcher {
 public:
  explicit FileWatcher(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}
  ~FileWatcher();
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

  // Directories that are watched now.
  size_t directories() const { return directories_.size(); }

 private:
  friend class FileWatch;

  // inotify's number for the directory, or -1 and errno.
  int Add(const std::string& directory, FileWatch& watch);
  void Remove(int number, FileWatch& watch);
  void Read();
  void Tell(int number, const char* name, bool lost);
  void TellAll();

  Dispatcher& dispatcher_;
  int fd_ = -1;  // opened by the first watch
  FileEvent event_;
  absl::flat_hash_map<int, std::vector<FileWatch*>> directories_;
};

class FileWatch {
 public:
  static constexpr Duration kQuiet = 50 * kMillisecond;
  static constexpr Duration kRetry = 500 * kMillisecond;

  // What is watched: `paths` themselves, and everything moved into `directories`.
  struct Places {
    std::vector<std::string> paths = {};
    std::vector<std::string> directories = {};

    bool operator==(const Places&) const = default;
  };

  // `watcher` outlives the watch. The callback may call Watch, but not destroy the watch.
  FileWatch(FileWatcher& watcher, std::function<void()> on_moved);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Replaces what was watched before. After an error nothing is.
  absl::Status Watch(Places places);

 private:
  friend class FileWatcher;

  // A name in a directory; an empty name: every one.
  struct Entry {
    int directory;
    std::string name;
  };

  bool Knows(int directory, const char* name) const;
  // Follows the links again.
  absl::Status Resolve();
  absl::Status AddPath(const std::string& path);
  absl::Status AddEntry(const std::string& directory, const std::string& name);
  void RemoveEntries();
  void Plan();
  void Call();

  FileWatcher& watcher_;
  std::function<void()> on_moved_;
  Places places_;
  std::vector<Entry> entries_;
  TimePoint next_call_ = 0;  // not before
  TurnTask task_;
  Timer timer_;
};

}  // namespace remora::event
