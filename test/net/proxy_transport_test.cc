#include "source/net/proxy_transport.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "source/net/passage.h"
#include "source/net/proxy_header.h"
#include "source/net/socket.h"
#include "source/stats/store.h"

namespace remora::net {
namespace {

const Address kClient = *Address::Ip("192.0.2.1", 40000);
const Address kDestination = *Address::Ip("10.0.0.9", 443);

// What is said for a connection with those TLVs; "lost" behind it when one had no room.
std::string Said(const ProxyHeaderSettings& settings, std::vector<ConnectionTlv> tlvs = {}) {
  const Passage passage(kClient, kDestination, std::move(tlvs), nullptr);
  bool lost = false;
  const std::string header = MakeProxyHeader(settings, &passage, -1, lost);
  return lost ? header + "lost" : header;
}

std::string Version2(const std::vector<ProxyTlv>& tlvs) {
  return WriteProxyHeaderV2(kClient, kDestination, tlvs);
}

TEST_CASE("PROXY transport: version 1 has no place for TLVs") {
  ProxyHeaderSettings settings;
  settings.passed.set();
  settings.added = {{7, "x"}};
  CHECK(Said(settings, {{8, "y"}}) == "PROXY TCP4 192.0.2.1 10.0.0.9 40000 443\r\n");
}

TEST_CASE("PROXY transport: which TLVs a header has, in which order") {
  ProxyHeaderSettings settings;
  settings.version = 2;
  const std::vector<ConnectionTlv> tlvs = {{1, "a"}, {2, "b"}, {1, "c"}, {3, ""}};
  CHECK(Said(settings, tlvs) == Version2({}));
  settings.passed.set(1).set(3);
  CHECK(Said(settings, tlvs) == Version2({{1, "a"}, {1, "c"}, {3, ""}}));
  // Added ones stand in front, all of them, and take the place of those of their type.
  settings.added = {{9, "own"}, {1, "own"}, {1, "too"}};
  CHECK(Said(settings, tlvs) == Version2({{9, "own"}, {1, "own"}, {1, "too"}, {3, ""}}));
}

TEST_CASE("PROXY transport: a TLV that has no room is left out, not the header") {
  ProxyHeaderSettings settings;
  settings.version = 2;
  settings.passed.set();
  const std::string most(65535 - 12 - 3 - 4, 'x');
  CHECK(Said(settings, {{1, most}, {2, "y"}}) == Version2({{1, most}, {2, "y"}}));
  CHECK(Said(settings, {{1, most}, {2, "yy"}, {3, "z"}}) ==
        Version2({{1, most}, {3, "z"}}) + "lost");
}

TEST_CASE("PROXY transport: without a client") {
  int fds[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  const Socket ours(fds[0]);
  const Socket theirs(fds[1]);
  bool lost = false;
  ProxyHeaderSettings settings;
  CHECK(MakeProxyHeader(settings, nullptr, ours.fd(), lost) == "PROXY UNKNOWN\r\n");
  settings.version = 2;
  CHECK(MakeProxyHeader(settings, nullptr, ours.fd(), lost) ==
        WriteProxyHeaderV2(Address(), Address(), {}));
}

// A transport on one end of a pair of sockets, and what has come to the other end.
struct TransportWorld {
  TransportWorld() {
    int fds[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    ours = Socket(fds[0]);
    theirs = Socket(fds[1]);
  }
  TransportSocket& Make(ProxyHeaderSettings settings, const Passage& passage) {
    factory = std::make_unique<ProxyTransportFactory>(std::move(settings), nullptr);
    CHECK(factory->shows_client());
    maker = factory->ForWorker(store.AddScope("cluster.up"), store.worker_shard(0));
    TransportOptions options;
    options.passage = &passage;
    transport = maker->Make(options);
    return *transport;
  }
  std::string Take() {
    std::string all;
    char piece[65536];
    ssize_t n = 0;
    while ((n = recv(theirs.fd(), piece, sizeof(piece), 0)) > 0) {
      all.append(piece, static_cast<size_t>(n));
    }
    return all;
  }

  Socket ours;
  Socket theirs;
  stats::Store store{1};
  std::unique_ptr<ProxyTransportFactory> factory;
  std::unique_ptr<TransportMaker> maker;
  std::unique_ptr<TransportSocket> transport;
  buffer::BlockPool blocks;
  buffer::Buffer input{blocks};
};

TEST_CASE("PROXY transport: the header is the first that is sent") {
  TransportWorld world;
  const Passage passage(kClient, kDestination, {}, nullptr);
  TransportSocket& transport = world.Make({}, passage);
  CHECK(transport.Start(world.ours.fd()) == TransportSocket::Started::kConnected);
  CHECK(world.Take() == "PROXY TCP4 192.0.2.1 10.0.0.9 40000 443\r\n");
  buffer::Buffer output(world.blocks);
  output.Append("hi");
  transport.Write(world.ours.fd(), output);
  CHECK(world.Take() == "hi");
  CHECK(transport.tls() == nullptr);
}

TEST_CASE("PROXY transport: a header that the socket does not take at once goes out in parts") {
  TransportWorld world;
  const int small = 4096;
  REQUIRE(setsockopt(world.ours.fd(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)) == 0);
  ProxyHeaderSettings settings;
  settings.version = 2;
  settings.added = {{9, std::string(60000, 'x')}};
  const std::string expected = Version2({{9, settings.added[0].value}});
  const Passage passage(kClient, kDestination, {}, nullptr);
  TransportSocket& transport = world.Make(settings, passage);
  REQUIRE(transport.Start(world.ours.fd()) == TransportSocket::Started::kHandshake);
  std::string seen;
  IoResult result;
  for (int i = 0; i < 1000 && !result.connected; ++i) {
    seen += world.Take();
    result = transport.Read(world.ours.fd(), world.input, 1000, false);
    REQUIRE(result.next == IoResult::Next::kWait);
  }
  REQUIRE(result.connected);
  seen += world.Take();
  CHECK(seen == expected);
}

TEST_CASE("PROXY transport: a host that has gone is an error") {
  TransportWorld world;
  world.theirs.Close();
  const Passage passage(kClient, kDestination, {}, nullptr);
  TransportSocket& transport = world.Make({}, passage);
  REQUIRE(transport.Start(world.ours.fd()) == TransportSocket::Started::kHandshake);
  const IoResult result = transport.Read(world.ours.fd(), world.input, 1000, false);
  CHECK(result.next == IoResult::Next::kError);
  CHECK(result.error == EPIPE);
}

}  // namespace
}  // namespace remora::net
