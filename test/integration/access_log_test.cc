// Access logs of a whole server, in real files.

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "envoy/extensions/access_loggers/file/v3/file.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "source/extensions/registry.h"
#include "source/server/signals.h"
#include "test/fakes/extension_world.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

class LogPath {
 public:
  explicit LogPath(const std::string& name) : path_("/tmp/remora_" + name + "_XXXXXX") {
    const int fd = mkstemp(path_.data());
    if (fd >= 0) close(fd);
  }
  ~LogPath() { std::remove(path_.c_str()); }
  const std::string& name() const { return path_; }
  std::string Read() const {
    std::ifstream file(path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

std::shared_ptr<const access_log::Logger> Log(const std::string& path, std::string_view format) {
  auto parsed = formatter::Format::Parse(format, {.escape_controls = true});
  REQUIRE(parsed.ok());
  return std::make_shared<const access_log::Logger>(
      access_log::Logger{path, formatter::Template(*std::move(parsed)), std::nullopt});
}

size_t Lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_CASE("each request leaves a line when it ends") {
  LogPath log("access");
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hello");
  h.Route("/", "up");
  h.Manager().access_log.push_back(
      Log(log.name(),
          "%REQ(:METHOD)% %PATH% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% "
          "%RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT% \"%REQ(x-a)%\" "
          "%RESP(content-length)% %ACCESS_LOG_TYPE%\n"));
  h.Start();
  Client client = h.Connect();
  client.Send("POST /p?q HTTP/1.1\r\nhost: a\r\nx-a: t\ta\"b\r\ncontent-length: 3\r\n\r\nabc");
  REQUIRE(client.ReceiveResponse().body == "hello");
  client.Send("BAD\r\n\r\n");
  REQUIRE(client.ReceiveResponse().status == 400);
  h.Stop();
  CHECK(log.Read() ==
        "POST /p?q HTTP/1.1 200 - via_upstream 3 5 \"t\\x09a\"b\" 5 DownstreamEnd\n"
        "- - HTTP/1.1 400 DPE http1.codec_error 0 11 \"-\" 11 DownstreamEnd\n");
}

// Nobody else names the file.
TEST_CASE("the router's log of its tries is opened with the others") {
  using Router = envoy::extensions::filters::http::router::v3::Router;
  using File = envoy::extensions::access_loggers::file::v3::FileAccessLog;
  LogPath log("tries");
  File file;
  file.set_path(log.name());
  file.mutable_log_format()->mutable_text_format_source()->set_inline_string(
      "%ACCESS_LOG_TYPE% %RESPONSE_CODE% %PATH%\n");
  Router router;
  router.add_upstream_log()->mutable_typed_config()->PackFrom(file);
  config::Registry registry;
  extensions::RegisterAll(registry);
  std::string errors;
  http::FilterFactory factory = fakes::ParseFilter(registry, "router", router, errors);
  REQUIRE(errors.empty());
  CHECK(factory.log_files == std::vector<std::string>{log.name()});
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hello");
  h.Route("/", "up");
  h.Filter(std::move(factory));
  h.Start();
  CHECK(h.Connect().Get("/a").body == "hello");
  h.Stop();
  CHECK(log.Read() == "UpstreamEnd 200 /a\n");
}

TEST_CASE("connections are logged by their listener") {
  LogPath log("listener");
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Listener().access_log.push_back(
      Log(log.name(),
          "%BYTES_RECEIVED% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% "
          "%DOWNSTREAM_LOCAL_ADDRESS% %ACCESS_LOG_TYPE%\n"));
  h.Start();
  const std::string address = h.Address().ToString();
  {
    Client client = h.Connect();
    client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    REQUIRE(client.ReceiveResponse().status == 200);
  }
  h.AwaitStat("http.ingress.downstream_cx_active", 0);
  h.Stop();
  CHECK(log.Read() == "27 HTTP/1.1 0 - " + address + " NotSet\n");
}

TEST_CASE("rotation under load loses no line") {
  LogPath log("rotated");
  const std::string old = log.name() + ".1";
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Manager().access_log.push_back(Log(log.name(), "%PATH%\n"));
  h.Logs().flush_bytes = 100;
  h.Start();
  Client client = h.Connect();
  constexpr size_t kRequests = 300;
  for (size_t i = 0; i < kRequests; ++i) {
    if (i == kRequests / 2) {
      REQUIRE(std::rename(log.name().c_str(), old.c_str()) == 0);
      h.ReopenLogs();
    }
    REQUIRE(client.Get("/").status == 200);
  }
  h.Stop();
  std::ifstream file(old);
  std::stringstream rotated;
  rotated << file.rdbuf();
  CHECK(Lines(rotated.str()) + Lines(log.Read()) == kRequests);
  CHECK(Lines(log.Read()) > 0);
  std::remove(old.c_str());
}

// The signals of a server, blocked as main does it before any thread starts, and as before at the
// end.
class BlockedSignals {
 public:
  BlockedSignals() {
    pthread_sigmask(SIG_SETMASK, nullptr, &before_);
    server::Signals::Block();
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

TEST_CASE("SIGUSR1 opens the log anew") {
  const BlockedSignals blocked;
  LogPath log("signalled");
  const std::string old = log.name() + ".1";
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Manager().access_log.push_back(Log(log.name(), "%PATH%\n"));
  h.Logs().flush_bytes = 1;
  h.Start();
  Client client = h.Connect();
  REQUIRE(client.Get("/before").status == 200);
  h.AwaitStat("filesystem.write_completed", 1);
  REQUIRE(std::rename(log.name().c_str(), old.c_str()) == 0);
  REQUIRE(kill(getpid(), SIGUSR1) == 0);
  // The new file's opening is what can be seen from outside.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (access(log.name().c_str(), F_OK) != 0) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    REQUIRE(h.Stat("server.live") == 1);
  }
  REQUIRE(client.Get("/after").status == 200);
  h.Stop();
  std::stringstream rotated;
  rotated << std::ifstream(old).rdbuf();
  CHECK(rotated.str() == "/before\n");
  CHECK(log.Read() == "/after\n");
  std::remove(old.c_str());
}

TEST_CASE("a log that cannot be written costs records, not requests") {
  LogPath fifo("fifo");
  std::remove(fifo.name().c_str());
  REQUIRE(mkfifo(fifo.name().c_str(), 0600) == 0);
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Manager().access_log.push_back(Log(fifo.name(), "%PATH%\n"));
  h.Manager().access_log.push_back(Log("/dev/full", "%PATH%\n"));
  h.Logs().flush_bytes = 1;
  h.Logs().max_queued_bytes = 100;
  h.Start();
  Client client = h.Connect();
  for (int i = 0; i < 200; ++i) REQUIRE(client.Get("/").status == 200);
  // What did not fit in front of the FIFO, and every line for the full disk.
  h.AwaitStatAbove("filesystem.write_dropped", 300);
  h.AwaitStatAbove("filesystem.write_failed", 0);
  REQUIRE(h.Stat("filesystem.write_buffered") == 400);
  h.Stop();
}

}  // namespace
}  // namespace remora::harness
