#include "source/event/file_watch.h"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "test/fakes/simulated_clock.h"

namespace remora::event {
namespace {

namespace fs = std::filesystem;

// A directory of its own and a watch on something in it.
class Watched {
 public:
  explicit Watched(
      FileWatch::Places (*places)(const std::string& root),
      void (*prepare)(const std::string& root) = [](const std::string&) {}) {
    prepare(root_);
    status = watch.Watch(places(root_));
  }
  ~Watched() { fs::remove_all(root_); }

  std::string At(const std::string& name) const { return root_ + "/" + name; }
  void Write(const std::string& name) const { std::ofstream(At(name)) << "x"; }
  void Move(const std::string& from, const std::string& to) const { fs::rename(At(from), At(to)); }
  // Writes another file and moves it there.
  void Replace(const std::string& name) const {
    Write("temporary");
    Move("temporary", name);
  }
  void Link(const std::string& target, const std::string& name) const {
    fs::create_symlink(target, At("temporary_link"));
    Move("temporary_link", name);
  }
  // Calls since last asked, after a turn in which the watch may call.
  int Calls() {
    clock.Advance(FileWatch::kQuiet + 2 * TimerWheel::kTick);
    dispatcher.RunOnce(false);
    return std::exchange(calls, 0);
  }

  fakes::SimulatedClock clock;
  Dispatcher dispatcher{clock};
  int calls = 0;
  FileWatcher watcher{dispatcher};
  FileWatch watch{watcher, [this] { ++calls; }};
  absl::Status status;

 private:
  static std::string MakeRoot() {
    char name[] = "/tmp/remora_watch_XXXXXX";
    return mkdtemp(name);
  }
  std::string root_ = MakeRoot();
};

FileWatch::Places Current(const std::string& root) { return {{root + "/current"}}; }
FileWatch::Places Directory(const std::string& root) { return {{}, {root + "/d"}}; }

TEST_CASE("A watch sees what is moved to its path, once for all moves, and nothing else") {
  Watched w(Current);
  REQUIRE(w.status.ok());
  w.Write("current");
  w.Write("other");
  w.Move("other", "another");
  CHECK(w.Calls() == 0);
  w.Move("another", "current");
  w.Replace("current");
  CHECK(w.Calls() == 1);
  CHECK(w.Calls() == 0);
  fs::remove(w.At("current"));
  CHECK(w.Calls() == 0);
  w.Replace("current");
  CHECK(w.Calls() == 1);
}

TEST_CASE("A watch that was destroyed or given other places says nothing of the old ones") {
  Watched w(Current);
  REQUIRE(w.watch.Watch({{w.At("new")}}).ok());
  w.Replace("current");
  CHECK(w.Calls() == 0);
  w.Replace("new");
  CHECK(w.Calls() == 1);
  {
    FileWatch brief(w.watcher, [] { FAIL("called after its end"); });
    REQUIRE(brief.Watch({{w.At("brief")}}).ok());
    w.Replace("brief");
  }
  CHECK(w.Calls() == 0);
  CHECK(w.watcher.directories() == 1);
}

TEST_CASE("A watch follows the links on the way to its path, also after they were swapped") {
  // As Kubernetes lays out a volume: current -> ..data/current, ..data -> v1.
  Watched w(Current, [](const std::string& root) {
    fs::create_directory(root + "/v1");
    fs::create_directory(root + "/v2");
    fs::create_symlink("v1", root + "/..data");
    fs::create_symlink("..data/current", root + "/current");
    std::ofstream(root + "/v1/current") << "1";
  });
  REQUIRE(w.status.ok());
  w.Link("v2", "..data");
  CHECK(w.Calls() == 1);
  w.Replace("v1/current");
  CHECK(w.Calls() == 0);
  w.Replace("v2/current");
  CHECK(w.Calls() == 1);
  w.Link("v1", "..data");
  CHECK(w.Calls() == 1);
}

TEST_CASE("Links that go round and round are given up") {
  Watched w(Current, [](const std::string& root) {
    fs::create_symlink("b", root + "/a");
    fs::create_symlink("a", root + "/b");
    fs::create_symlink("a", root + "/current");
  });
  CHECK(w.status.ok());
  w.Replace("current");
  CHECK(w.Calls() == 1);
}

TEST_CASE("A watched directory means everything that is moved into it") {
  Watched w(Directory, [](const std::string& root) { fs::create_directory(root + "/d"); });
  REQUIRE(w.status.ok());
  w.Write("d/in_place");
  w.Replace("elsewhere");
  CHECK(w.Calls() == 0);
  w.Replace("d/any");
  CHECK(w.Calls() == 1);
}

TEST_CASE("A directory that goes and comes back is watched again") {
  Watched w(Directory, [](const std::string& root) { fs::create_directory(root + "/d"); });
  fs::remove_all(w.At("d"));
  CHECK(w.Calls() == 0);
  fs::create_directory(w.At("d"));
  w.clock.Advance(FileWatch::kRetry);
  CHECK(w.Calls() == 1);
  w.Replace("d/file");
  CHECK(w.Calls() == 1);
  // Another one in its place.
  fs::create_directory(w.At("new"));
  w.Move("d", "old");
  w.Move("new", "d");
  CHECK(w.Calls() == 1);
  w.Replace("old/file");
  CHECK(w.Calls() == 0);
  w.Replace("d/file");
  CHECK(w.Calls() == 1);
}

TEST_CASE("A storm of moves costs few calls, and the last one is not missed") {
  Watched w(Current);
  int turns = 0;
  for (int i = 0; i < 10'000; ++i) {
    w.Replace("current");
    if (i % 100 != 0) continue;
    w.clock.Advance(kMillisecond);
    w.dispatcher.RunOnce(false);
    ++turns;
  }
  CHECK(turns == 100);
  CHECK(w.calls <= 4);
  w.calls = 0;
  CHECK(w.Calls() == 1);
  CHECK(w.Calls() == 0);
}

TEST_CASE("Many watches of one directory share one descriptor and one place in it") {
  Watched w(Current);
  std::vector<std::unique_ptr<FileWatch>> watches;
  int calls = 0;
  for (int i = 0; i < 300; ++i) {
    watches.push_back(std::make_unique<FileWatch>(w.watcher, [&calls] { ++calls; }));
    REQUIRE(watches.back()->Watch({{w.At("current")}}).ok());
  }
  CHECK(w.watcher.directories() == 1);
  w.Replace("current");
  CHECK(w.Calls() == 1);
  CHECK(calls == 300);
}

TEST_CASE("A path in no directory cannot be watched") {
  fakes::SimulatedClock clock;
  Dispatcher dispatcher(clock);
  FileWatcher watcher(dispatcher);
  FileWatch watch(watcher, [] {});
  const absl::Status status = watch.Watch({{"/nonexistent_remora/current"}});
  CHECK(status.message() == "cannot watch /nonexistent_remora: No such file or directory");
  CHECK(watcher.directories() == 0);
}

}  // namespace
}  // namespace remora::event
