#include "source/event/file_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace remora::event {
namespace {

constexpr uint32_t kMask = IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
// As many as the kernel follows (path_resolution(7)).
constexpr int kMaxLinks = 40;
// Reads of 16 KiB in one turn: a storm of events does not keep the thread from its other work. What
// is left is read in the next turn.
constexpr int kMaxReads = 16;

// The target of a link; empty when the path is none.
std::string ReadLink(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof(target));
  return size <= 0 ? "" : std::string(target, static_cast<size_t>(size));
}

std::string Join(const std::string& directory, const std::string& name) {
  return absl::StrCat(directory == "/" ? "" : directory, "/", name);
}

// Where a move would change what a path means: each link on the way to it, and itself, as the
// directory and the name in it.
std::vector<std::pair<std::string, std::string>> FollowLinks(const std::string& path) {
  std::vector<std::pair<std::string, std::string>> steps;
  std::string directory = path.starts_with('/') ? "/" : ".";
  std::deque<std::string> left = absl::StrSplit(path, '/', absl::SkipEmpty());
  int links = 0;
  while (!left.empty()) {
    const std::string name = left.front();
    left.pop_front();
    const std::string target = ReadLink(Join(directory, name));
    if (!target.empty() && ++links <= kMaxLinks) {
      steps.emplace_back(directory, name);
      const std::vector<std::string> parts = absl::StrSplit(target, '/', absl::SkipEmpty());
      left.insert(left.begin(), parts.begin(), parts.end());
      if (target.starts_with('/')) directory.assign(1, '/');
    } else if (left.empty()) {
      steps.emplace_back(directory, name);
    } else {
      directory = Join(directory, name);
    }
  }
  return steps;
}

}  // namespace

FileWatcher::~FileWatcher() {
  event_.Unregister();
  if (fd_ >= 0) close(fd_);
}

int FileWatcher::Add(const std::string& directory, FileWatch& watch) {
  if (fd_ < 0) {
    fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd_ < 0) return -1;
    event_.Register(
        dispatcher_, fd_, FileEvent::Trigger::kLevel,
        [](void* self, uint32_t) { static_cast<FileWatcher*>(self)->Read(); }, this);
  }
  const int number = inotify_add_watch(fd_, directory.c_str(), kMask);
  if (number < 0) return -1;
  std::vector<FileWatch*>& watches = directories_[number];
  if (std::find(watches.begin(), watches.end(), &watch) == watches.end()) watches.push_back(&watch);
  return number;
}

void FileWatcher::Remove(int number, FileWatch& watch) {
  const auto found = directories_.find(number);
  if (found == directories_.end()) return;
  std::vector<FileWatch*>& watches = found->second;
  watches.erase(std::remove(watches.begin(), watches.end(), &watch), watches.end());
  if (!watches.empty()) return;
  directories_.erase(found);
  // Fails when the directory has gone, and with it the kernel's watch.
  inotify_rm_watch(fd_, number);
}

void FileWatcher::Read() {
  alignas(inotify_event) char events[16 * 1024];
  for (int i = 0; i < kMaxReads; ++i) {
    const ssize_t size = read(fd_, events, sizeof(events));
    if (size <= 0) return;
    for (const char* at = events; at < events + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      constexpr uint32_t kLost = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED;
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        TellAll();
      } else {
        Tell(event->wd, event->len > 0 ? event->name : "", (event->mask & kLost) != 0);
      }
      at += sizeof(inotify_event) + event->len;
    }
  }
}

void FileWatcher::Tell(int number, const char* name, bool lost) {
  // Nobody is called from here but watches' own code, which only leaves itself a note.
  const auto found = directories_.find(number);
  if (found == directories_.end()) return;
  for (FileWatch* watch : found->second) {
    if (lost || watch->Knows(number, name)) watch->Plan();
  }
}

void FileWatcher::TellAll() {
  for (const auto& [number, watches] : directories_) {
    for (FileWatch* watch : watches) watch->Plan();
  }
}

FileWatch::FileWatch(FileWatcher& watcher, std::function<void()> on_moved)
    : watcher_(watcher),
      on_moved_(std::move(on_moved)),
      task_([](void* self) { static_cast<FileWatch*>(self)->Call(); }, this),
      timer_(
          watcher.dispatcher_.timers(), [](void* self) { static_cast<FileWatch*>(self)->Call(); },
          this) {}

FileWatch::~FileWatch() { RemoveEntries(); }

absl::Status FileWatch::Watch(Places places) {
  places_ = std::move(places);
  absl::Status status = Resolve();
  if (!status.ok()) RemoveEntries();
  return status;
}

bool FileWatch::Knows(int directory, const char* name) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.directory == directory && (entry.name.empty() || entry.name == name);
  });
}

void FileWatch::Plan() {
  if (watcher_.dispatcher_.now() >= next_call_) {
    watcher_.dispatcher_.AtTurnEnd(task_);
  } else if (!timer_.armed()) {
    timer_.Arm(next_call_);
  }
}

void FileWatch::Call() {
  const TimePoint now = watcher_.dispatcher_.now();
  timer_.Disarm();
  if (!Resolve().ok()) {
    timer_.Arm(now + kRetry);
    return;
  }
  next_call_ = now + kQuiet;
  on_moved_();
}

absl::Status FileWatch::Resolve() {
  // The new ones first: what stays is not watched anew.
  std::vector<Entry> old;
  old.swap(entries_);
  absl::Status status;
  for (const std::string& path : places_.paths) status.Update(AddPath(path));
  for (const std::string& directory : places_.directories) {
    status.Update(AddPath(directory));
    status.Update(AddEntry(directory, ""));
  }
  for (const Entry& entry : old) {
    const bool kept = std::any_of(entries_.begin(), entries_.end(), [&entry](const Entry& other) {
      return other.directory == entry.directory;
    });
    if (!kept) watcher_.Remove(entry.directory, *this);
  }
  return status;
}

absl::Status FileWatch::AddPath(const std::string& path) {
  absl::Status status;
  for (const auto& [directory, name] : FollowLinks(path)) {
    status.Update(AddEntry(directory, name));
  }
  return status;
}

absl::Status FileWatch::AddEntry(const std::string& directory, const std::string& name) {
  const int number = watcher_.Add(directory, *this);
  if (number < 0) {
    return absl::UnavailableError(absl::StrCat("cannot watch ", directory, ": ", strerror(errno)));
  }
  entries_.push_back({number, name});
  return absl::OkStatus();
}

void FileWatch::RemoveEntries() {
  for (const Entry& entry : entries_) watcher_.Remove(entry.directory, *this);
  entries_.clear();
}

}  // namespace remora::event
