#include "source/event/file_watch.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "test/fakes/simulated_clock.h"

namespace remora::event {
namespace {

namespace fs = std::filesystem;

TEST_CASE("A watch sees what is moved to its path, once for all moves, and nothing else") {
  char name[] = "/tmp/remora_watch_XXXXXX";
  const std::string root = mkdtemp(name);
  fakes::SimulatedClock clock;
  Dispatcher dispatcher(clock);
  int moves = 0;
  {
    FileWatch watch;
    REQUIRE(watch.Start(dispatcher, root + "/current", [&] { ++moves; }).ok());
    fs::create_directory_symlink("v1", root + "/current");
    fs::create_directory_symlink("v2", root + "/other");
    fs::rename(root + "/other", root + "/another");
    dispatcher.RunOnce(false);
    CHECK(moves == 0);
    fs::rename(root + "/another", root + "/current");
    fs::create_directory_symlink("v3", root + "/next");
    fs::rename(root + "/next", root + "/current");
    dispatcher.RunOnce(false);
    CHECK(moves == 1);
    fs::create_directory_symlink("v4", root + "/next");
    fs::rename(root + "/next", root + "/current");
    dispatcher.RunOnce(false);
    CHECK(moves == 2);
  }
  fs::create_directory_symlink("v5", root + "/next");
  fs::rename(root + "/next", root + "/current");
  dispatcher.RunOnce(false);
  CHECK(moves == 2);
  fs::remove_all(root);
}

TEST_CASE("A path in no directory cannot be watched") {
  fakes::SimulatedClock clock;
  Dispatcher dispatcher(clock);
  FileWatch watch;
  CHECK_FALSE(watch.Start(dispatcher, "/nonexistent_remora/current", [] {}).ok());
}

}  // namespace
}  // namespace remora::event
