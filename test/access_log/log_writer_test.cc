#include "source/access_log/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

#include "source/access_log/worker_files.h"
#include "source/stats/store.h"
#include "test/fakes/folder.h"
#include "test/fakes/simulated_clock.h"

namespace remora::access_log {
namespace {

// Waits until there is something to read; false when a loaded machine would have managed long ago.
bool Readable(int fd) {
  constexpr int kDeadlineMs = 10'000;
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, kDeadlineMs) == 1 && (entry.revents & POLLIN) != 0;
}

// A folder that tells when something happens to its files.
class WatchedFolder {
 public:
  WatchedFolder() {
    REQUIRE(inotify_add_watch(events_, folder_.path().c_str(), IN_CREATE | IN_MODIFY) >= 0);
  }
  ~WatchedFolder() { close(events_); }
  WatchedFolder(const WatchedFolder&) = delete;
  WatchedFolder& operator=(const WatchedFolder&) = delete;

  std::string File(const std::string& name) const { return folder_.At(name); }
  // Until `condition` holds; looks at each event.
  bool Await(const std::function<bool()>& condition) {
    while (!condition()) {
      if (!Readable(events_)) return false;
      char events[4096];
      if (read(events_, events, sizeof(events)) < 0) return false;
    }
    return true;
  }

 private:
  const fakes::Folder folder_;
  const int events_ = inotify_init1(IN_NONBLOCK);
};

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

size_t Lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

void Send(LogWriter& writer, LogFile& file, const std::string& text, uint64_t records) {
  LogChunk chunk{text, records};
  file.HandOver(chunk);
  writer.Notify();
}

TEST_CASE("what is handed over stands in the file when the writer has stopped") {
  WatchedFolder folder;
  const std::string path = folder.File("a.log");
  LogWriter writer({});
  LogFile* file = *writer.Open(path);
  CHECK(*writer.Open(path) == file);
  CHECK(writer.Find(path) == file);
  CHECK(writer.Find("/other") == nullptr);
  writer.Start();
  Send(writer, *file, "one\n", 1);
  Send(writer, *file, "two\nthree\n", 2);
  writer.Stop();
  CHECK(Read(path) == "one\ntwo\nthree\n");
  CHECK(writer.totals().writes_failed == 0);
  CHECK(writer.totals().records_dropped == 0);
  CHECK(writer.totals().bytes_gone == 14);
}

TEST_CASE("a file that cannot be opened is said at once") {
  LogWriter writer({});
  const auto file = writer.Open("/no/such/folder/a.log");
  CHECK(std::string(file.status().message()) ==
        "unable to open file '/no/such/folder/a.log': No such file or directory");
}

TEST_CASE("rotation under load loses nothing") {
  WatchedFolder folder;
  const std::string path = folder.File("a.log");
  LogWriter writer({});
  LogFile* file = *writer.Open(path);
  writer.Start();
  constexpr size_t kThreads = 3;
  constexpr size_t kRecords = 4000;
  constexpr int kRotations = 20;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < kRecords; ++i) Send(writer, *file, "a record of some length\n", 1);
    });
  }
  std::vector<std::string> names;
  for (int i = 0; i < kRotations; ++i) {
    names.push_back(folder.File("old" + std::to_string(i)));
    REQUIRE(std::rename(path.c_str(), names.back().c_str()) == 0);
    writer.Reopen();
    REQUIRE(folder.Await([&] { return std::filesystem::exists(path); }));
  }
  for (auto& thread : threads) thread.join();
  writer.Stop();
  std::string all = Read(path);
  for (const std::string& name : names) all += Read(name);
  CHECK(Lines(all) == kThreads * kRecords);
  CHECK(all.size() == kThreads * kRecords * 24);
  CHECK(writer.totals().reopens_failed == 0);
}

TEST_CASE("a reopen that fails leaves the old file in use") {
  WatchedFolder folder;
  const std::string path = folder.File("a.log");
  LogWriter writer({});
  LogFile* file = *writer.Open(path);
  writer.Start();
  REQUIRE(unlink(path.c_str()) == 0);
  REQUIRE(mkdir(path.c_str(), 0700) == 0);
  writer.Reopen();
  Send(writer, *file, "into the old one\n", 1);
  writer.Stop();
  CHECK(writer.totals().reopens_failed == 1);
  CHECK(writer.totals().writes_completed == 1);
}

TEST_CASE("a full disk drops records and counts them") {
  LogWriter writer({});
  LogFile* file = *writer.Open("/dev/full");
  writer.Start();
  Send(writer, *file, "a\nb\n", 2);
  Send(writer, *file, "c\n", 1);
  writer.Stop();
  CHECK(writer.totals().writes_failed == 2);
  CHECK(writer.totals().writes_completed == 0);
  CHECK(writer.totals().records_dropped == 3);
  CHECK(writer.totals().bytes_gone == 6);
}

TEST_CASE("a FIFO that nobody reads holds up neither workers nor other files") {
  WatchedFolder folder;
  const std::string fifo = folder.File("fifo");
  const std::string path = folder.File("a.log");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  LogWriter writer({.max_queued_bytes = 256 * 1024});
  LogFile* stuck = *writer.Open(fifo);  // without a reader: no error, no wait
  LogFile* file = *writer.Open(path);
  writer.Start();
  const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  const std::string line(1023, 'x');
  for (int i = 0; i < 2000; ++i) Send(writer, *stuck, line + "\n", 1);
  // 256 KiB wait at most, the pipe itself holds some; the rest is gone.
  CHECK(writer.totals().records_dropped > 1000);
  Send(writer, *file, "goes on\n", 1);
  CHECK(folder.Await([&] { return Read(path) == "goes on\n"; }));
  // It comes back to life.
  const uint64_t dropped = writer.totals().records_dropped;
  size_t got = 0;
  while (got < (2000 - dropped) * 1024 && Readable(reader)) {
    char block[65536];
    const ssize_t n = read(reader, block, sizeof(block));
    if (n > 0) got += static_cast<size_t>(n);
  }
  CHECK(got == (2000 - dropped) * 1024);
  writer.Stop();
  close(reader);
}

TEST_CASE("a FIFO that loses its reader waits for another, and its room comes back") {
  signal(SIGPIPE, SIG_IGN);  // as the server does
  WatchedFolder folder;
  const std::string fifo = folder.File("fifo");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  LogTotals totals;
  LogFile file(fifo, 1000, totals);
  REQUIRE(file.Open().ok());
  const std::string text = std::string(399, 'x') + "\n";
  const auto send = [&] {
    LogChunk chunk{text, 1};
    file.HandOver(chunk);
  };
  for (int round = 1; round <= 5; ++round) {
    const int reader = open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(reader >= 0);
    send();
    CHECK_FALSE(file.Write());
    char block[1000];
    CHECK(read(reader, block, sizeof(block)) == 400);
    close(reader);
    send();  // nobody reads: lost with the pipe
    send();  // waits
    CHECK(file.Write());
    CHECK(totals.writes_failed == static_cast<uint64_t>(round));
    const int next = open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(next >= 0);
    CHECK_FALSE(file.Write());
    CHECK(read(next, block, sizeof(block)) == 400);
    close(next);
    // The writer notices only by writing.
    send();
    CHECK_FALSE(file.Write());
    totals.writes_failed = static_cast<uint64_t>(round);
  }
  CHECK(totals.records_dropped == 10);
  CHECK(totals.bytes_gone == 5 * 4 * 400);
}

TEST_CASE("stopping does not wait for a FIFO that nobody reads") {
  WatchedFolder folder;
  const std::string fifo = folder.File("fifo");
  REQUIRE(mkfifo(fifo.c_str(), 0600) == 0);
  LogWriter writer({});
  LogFile* file = *writer.Open(fifo);
  writer.Start();
  Send(writer, *file, "a\n", 1);
  const auto begin = std::chrono::steady_clock::now();
  writer.Stop();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("a worker hands over what is full or old") {
  WatchedFolder folder;
  const std::string path = folder.File("a.log");
  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher(clock);
  stats::Store store(1);
  stats::Scope& scope = store.AddScope("filesystem");
  LogWriter writer({.flush_interval = event::kSecond, .flush_bytes = 1000});
  LogFile* file = *writer.Open(path);
  {
    WorkerFiles files(writer, dispatcher, scope.Make<FileStats>(store.main_shard()));
    Sink& sink = files.Find(path);
    CHECK(&files.Find(path) == &sink);
    const auto log = [&](const std::string& text) {
      sink.Begin() += text;
      sink.End();
    };
    log("young\n");
    file->Write();
    CHECK(Read(path) == "");
    clock.Advance(2 * event::kSecond);
    dispatcher.RunOnce(false);
    file->Write();
    CHECK(Read(path) == "young\n");
    log(std::string(999, 'x') + "\n");
    file->Write();
    CHECK(Read(path).size() == 1006);
    sink.Begin();  // nothing appended is no record
    sink.End();
    log("last\n");
  }
  file->Write();
  CHECK(Read(path).size() == 1011);
  CHECK(writer.totals().writes_completed == 3);
  CHECK(writer.totals().bytes_gone == 1011);
}

TEST_CASE("a chunk's memory comes back") {
  WatchedFolder folder;
  LogTotals totals;
  LogFile file(folder.File("a.log"), 1 << 20, totals);
  REQUIRE(file.Open().ok());
  LogChunk chunk;
  chunk.text.reserve(8192);
  const char* memory = chunk.text.data();
  chunk.text += "a\n";
  chunk.records = 1;
  file.HandOver(chunk);
  CHECK(chunk.text.empty());
  CHECK_FALSE(file.Write());
  chunk.text += "b\n";
  file.HandOver(chunk);
  CHECK(chunk.text.capacity() >= 8192);
  CHECK(chunk.text.data() == memory);
}

}  // namespace
}  // namespace remora::access_log
