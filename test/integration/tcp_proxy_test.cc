// The TCP proxy in a whole server, on real sockets.

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

#include "source/access_log/logger.h"
#include "source/http/formatter/format.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

constexpr char kFormat[] =
    "%ACCESS_LOG_TYPE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% "
    "%UPSTREAM_HOST% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_TRANSPORT_FAILURE_REASON% "
    "%PROTOCOL% %RESPONSE_CODE%\n";

// A TCP proxy "tcp" to the cluster "up", whose connections are logged.
struct LoggedProxy {
  LoggedProxy() : path("/tmp/remora_tcp_log_XXXXXX") {
    const int fd = mkstemp(path.data());
    if (fd >= 0) close(fd);
    auto parsed = formatter::Format::Parse(kFormat, {.escape_controls = true});
    REQUIRE(parsed.ok());
    proxy.access_log.push_back(std::make_shared<const access_log::Logger>(
        access_log::Logger{path, formatter::Template(*std::move(parsed)), std::nullopt}));
  }
  ~LoggedProxy() { std::remove(path.c_str()); }

  // What was logged, once the server has ended.
  std::string Log() {
    h.Stop();
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  Harness h;
  ScriptedUpstream up = h.Upstream("up");
  tcp::Config& proxy = h.TcpProxy("tcp", "up");
  std::string path;
};

TEST_CASE("TCP proxy: bytes both ways, half-closed by the client, then by the host") {
  LoggedProxy world;
  world.h.Start();
  Client client = world.h.Connect("tcp");
  Wire host = world.up.Accept();
  client.Send("question");
  CHECK(host.ReceiveExactly(8) == "question");
  client.HalfClose();
  CHECK(host.AwaitEnd() == WireEnd::kFin);
  host.Send("answer");
  CHECK(client.ReceiveExactly(6) == "answer");
  host.Close();
  CHECK(client.AwaitEnd() == WireEnd::kFin);
  world.h.AwaitStat("listener.tcp.downstream_cx_active", 0);
  CHECK(world.h.Stat("tcp.tcp.downstream_cx_total") == 1);
  CHECK(world.h.Stat("cluster.up.upstream_cx_active") == 0);
  CHECK(world.Log() == "TcpConnectionEnd - 8 6 up " + world.up.address().ToString() + " 1 - - 0\n");
}

TEST_CASE("TCP proxy: half-closed by the host, then by the client") {
  LoggedProxy world;
  world.h.Start();
  Client client = world.h.Connect("tcp");
  Wire host = world.up.Accept();
  host.Send("banner");
  host.HalfClose();
  CHECK(client.ReceiveAll() == "banner");
  client.Send("rest");
  CHECK(host.ReceiveExactly(4) == "rest");
  client.Close();
  CHECK(host.AwaitEnd() == WireEnd::kFin);
  CHECK(world.Log().starts_with("TcpConnectionEnd - 4 6 up "));
}

TEST_CASE("TCP proxy: resets are passed on as resets") {
  LoggedProxy world;
  world.h.Start();
  {
    Client client = world.h.Connect("tcp");
    Wire host = world.up.Accept();
    client.Send("x");
    CHECK(host.ReceiveExactly(1) == "x");
    client.Reset();
    CHECK(host.AwaitEnd() == WireEnd::kReset);
  }
  {
    Client client = world.h.Connect("tcp");
    Wire host = world.up.Accept();
    client.Send("x");
    CHECK(host.ReceiveExactly(1) == "x");
    host.Reset();
    CHECK(client.AwaitEnd() == WireEnd::kReset);
  }
  const std::string log = world.Log();
  CHECK(log.find("TcpConnectionEnd - 1 0 ") != std::string::npos);
  CHECK(log.find("TcpConnectionEnd UR 1 0 ") != std::string::npos);
}

TEST_CASE("TCP proxy: a host that refuses") {
  LoggedProxy world;
  world.proxy.max_connect_attempts = 2;
  world.up.Unlisten();
  world.h.Start();
  Client client = world.h.Connect("tcp");
  CHECK(client.AwaitEnd() == WireEnd::kFin);
  CHECK(world.h.Stat("cluster.up.upstream_cx_connect_fail") == 2);
  CHECK(world.Log() == "TcpConnectionEnd UF,URX 0 0 up " + world.up.address().ToString() +
                           " 2 delayed_connect_error:_Connection_refused - 0\n");
}

TEST_CASE("TCP proxy: circuit breakers are of all workers together") {
  Harness h;
  auto up = h.Upstream("up");
  h.Cluster("up").limits[0].max_connections = 3;
  h.TcpProxy("tcp", "up");
  h.Workers(2);
  h.Start();
  std::vector<Client> clients;
  std::vector<Wire> hosts;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(h.Connect("tcp"));
    hosts.push_back(up.Accept());
  }
  Client late = h.Connect("tcp");
  CHECK(late.AwaitEnd() == WireEnd::kFin);
  CHECK(h.Stat("cluster.up.upstream_cx_overflow") == 1);
}

// Sends 48 MiB of text that says where it belongs.
constexpr size_t kTotal = 48 * 1024 * 1024;

std::string Pattern(size_t from, size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    const size_t at = from + i;
    text[i] = static_cast<char>((at * 31 + (at >> 13)) & 0xff);
  }
  return text;
}

void SendPattern(Wire& wire) {
  constexpr size_t kPiece = 1024 * 1024;
  for (size_t at = 0; at < kTotal; at += kPiece) wire.Send(Pattern(at, kPiece));
  wire.HalfClose();
}

bool ReceivePattern(Wire& wire) {
  constexpr size_t kPiece = 256 * 1024;
  for (size_t at = 0; at < kTotal; at += kPiece) {
    if (wire.ReceiveExactly(kPiece) != Pattern(at, kPiece)) return false;
  }
  return wire.AwaitEnd() == WireEnd::kFin;
}

TEST_CASE("TCP proxy: long transfers both ways at once are whole and counted") {
  Harness h;
  auto up = h.Upstream("up");
  h.TcpProxy("tcp", "up");
  h.Start();
  Client client = h.Connect("tcp");
  Wire host = up.Accept();
  std::thread client_sends([&client] { SendPattern(client); });
  std::thread host_sends([&host] { SendPattern(host); });
  bool host_got = false;
  std::thread host_receives([&host, &host_got] { host_got = ReceivePattern(host); });
  const bool client_got = ReceivePattern(client);
  client_sends.join();
  host_sends.join();
  host_receives.join();
  CHECK(client_got);
  CHECK(host_got);
  h.AwaitStat("listener.tcp.downstream_cx_active", 0);
  CHECK(h.Stat("tcp.tcp.downstream_cx_rx_bytes_total") == kTotal);
  CHECK(h.Stat("tcp.tcp.downstream_cx_tx_bytes_total") == kTotal);
  CHECK(h.Stat("cluster.up.upstream_cx_rx_bytes_total") == kTotal);
  CHECK(h.Stat("cluster.up.upstream_cx_tx_bytes_total") == kTotal);
}

TEST_CASE("TCP proxy: periodic records while a connection lasts") {
  LoggedProxy world;
  world.proxy.access_log_interval = Ms(20);
  world.proxy.access_log_on_start = world.proxy.access_log_on_connected = true;
  world.h.Start();
  Client client = world.h.Connect("tcp");
  Wire host = world.up.Accept();
  client.Send("x");
  CHECK(host.ReceiveExactly(1) == "x");
  world.h.AwaitStatAbove("filesystem.write_buffered", 3);
  client.Close();
  CHECK(host.AwaitEnd() == WireEnd::kFin);
  host.Close();
  const std::string log = world.Log();
  CHECK(log.starts_with("TcpConnectionStart - 0 0 - - 0 - - 0\nTcpUpstreamConnected - 0 0 up "));
  CHECK(log.find("\nTcpPeriodic - 1 0 up ") != std::string::npos);
  CHECK(log.find("\nTcpConnectionEnd - 1 0 up ") != std::string::npos);
}

TEST_CASE("TCP proxy: a failed health check ends connections that drain") {
  Harness h;
  auto up = h.Upstream("up");
  h.TcpProxy("tcp", "up").drain_closes = true;
  h.Start();
  Client client = h.Connect("tcp");
  Wire host = up.Accept();
  h.AdminPost("/healthcheck/fail");
  client.Send("last");
  CHECK(host.ReceiveExactly(4) == "last");
  CHECK(host.AwaitEnd() == WireEnd::kFin);
  CHECK(client.AwaitEnd() == WireEnd::kFin);
  CHECK(h.Stat("tcp.tcp.downstream_cx_drain_close") == 1);
}

TEST_CASE("TCP proxy: a server that ends cuts its connections") {
  Harness h;
  auto up = h.Upstream("up");
  h.TcpProxy("tcp", "up");
  h.Start();
  Client client = h.Connect("tcp");
  Wire host = up.Accept();
  h.Stop();
  CHECK(client.AwaitEnd() == WireEnd::kFin);
  CHECK(host.AwaitEnd() == WireEnd::kFin);
}

}  // namespace
}  // namespace remora::harness
