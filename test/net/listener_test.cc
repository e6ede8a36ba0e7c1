#include "source/net/listener.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "source/base/log.h"
#include "test/fakes/simulated_clock.h"

namespace remora::net {
namespace {

struct Handler final : AcceptHandler {
  void OnAccept(Socket socket, const Address& remote) override {
    sockets.push_back(std::move(socket));
    remotes.push_back(remote);
  }
  std::vector<Socket> sockets;
  std::vector<Address> remotes;
};

struct World {
  explicit World(const Address& at = *Address::Ip("127.0.0.1", 0), uint32_t max_accepts = 32)
      : listener(dispatcher, Listening(at), handler, max_accepts),
        address(LocalAddress(listener.fd())) {}
  static Socket Listening(const Address& at) {
    auto socket = BindListener(at, {});
    REQUIRE(socket.ok());
    REQUIRE(StartListening(*socket, {}).ok());
    return *std::move(socket);
  }
  Socket Connect() const {
    auto socket = StartConnect(address, std::nullopt);
    REQUIRE(socket.ok());
    return *std::move(socket);
  }

  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  Handler handler;
  Listener listener;
  Address address;
};

TEST_CASE("listener: accepts, non-blocking, with the peer's address") {
  World world;
  const Socket client = world.Connect();
  world.dispatcher.RunOnce(false);
  REQUIRE(world.handler.sockets.size() == 1);
  CHECK(world.handler.remotes[0] == LocalAddress(client.fd()));
  char byte;
  CHECK(recv(world.handler.sockets[0].fd(), &byte, 1, 0) == -1);  // and returns
}

TEST_CASE("listener: a storm is taken in portions, a turn each") {
  World world(*Address::Ip("127.0.0.1", 0), 3);
  std::vector<Socket> clients;
  for (int i = 0; i < 7; ++i) clients.push_back(world.Connect());
  for (const size_t expected : {3, 6, 7, 7}) {
    world.dispatcher.RunOnce(false);
    CHECK(world.handler.sockets.size() == expected);
  }
}

TEST_CASE("listener: Unix sockets, a stale file is replaced, a live one is not") {
  const std::string path = "/tmp/remora_listener_test." + std::to_string(getpid());
  const Address at = *Address::Unix(path);
  {
    World world(at);
    const auto socket = StartConnect(at, std::nullopt);
    REQUIRE(socket.ok());
    world.dispatcher.RunOnce(false);
    CHECK(world.handler.sockets.size() == 1);
    CHECK_FALSE(BindListener(at, {}).ok());
  }
  CHECK(access(path.c_str(), F_OK) == 0);
  CHECK(BindListener(at, {}).ok());
  unlink(path.c_str());
}

TEST_CASE("listener: out of descriptors it waits and goes on by itself") {
  World world;
  base::SetAllLogLevels(base::LogLevel::kOff);
  const Socket client = world.Connect();
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  // No new descriptor can be had: the next free number is over the limit.
  const int next = dup(client.fd());
  close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  world.dispatcher.RunOnce(false);
  const uint64_t turns = world.dispatcher.turns();
  world.dispatcher.RunOnce(false);
  const size_t accepted_without = world.handler.sockets.size();
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(accepted_without == 0);
  CHECK(world.dispatcher.turns() == turns + 1);
  world.dispatcher.RunOnce(false);
  CHECK(world.handler.sockets.empty());  // it does not spin meanwhile
  world.clock.Advance(Listener::kRetry + 10 * event::kMillisecond);
  world.dispatcher.RunOnce(false);
  world.dispatcher.RunOnce(false);
  CHECK(world.handler.sockets.size() == 1);
  base::SetAllLogLevels(base::LogLevel::kInfo);
}

TEST_CASE("socket: what cannot be bound is said with the address") {
  World world;
  ListenOptions alone;
  alone.reuse_port = false;
  const auto again = BindListener(world.address, alone);
  REQUIRE_FALSE(again.ok());
  CHECK(std::string(again.status().message()) ==
        "cannot bind '" + world.address.ToString() + "': Address already in use");
  const auto other = BindListener(*Address::Ip("192.0.2.1", 0), {});
  REQUIRE_FALSE(other.ok());
}

TEST_CASE("socket: options are applied at their moment, a wrong one is an error") {
  const int one = 1;
  SocketOption option;
  option.level = SOL_SOCKET;
  option.name = SO_KEEPALIVE;
  option.value.assign(reinterpret_cast<const char*>(&one), sizeof(one));
  ListenOptions options;
  options.options = {option};
  options.keepalive = TcpKeepalive{3, 60, std::nullopt};
  const auto socket = BindListener(*Address::Ip("127.0.0.1", 0), options);
  REQUIRE(socket.ok());
  int value = 0;
  socklen_t size = sizeof(value);
  CHECK(getsockopt(socket->fd(), SOL_SOCKET, SO_KEEPALIVE, &value, &size) == 0);
  CHECK(value == 1);
  options.options[0].name = 9999;
  CHECK_FALSE(BindListener(*Address::Ip("127.0.0.1", 0), options).ok());
  options.options[0].state = SocketOption::State::kListening;
  const auto later = BindListener(*Address::Ip("127.0.0.1", 0), options);
  REQUIRE(later.ok());
  CHECK_FALSE(StartListening(*later, options).ok());
}

TEST_CASE("listener: stopping takes who waits and refuses who comes") {
  World world;
  const Socket client = world.Connect();
  world.listener.Stop();
  CHECK(world.handler.sockets.size() == 1);
  world.listener.Stop();
  CHECK(world.handler.sockets.size() == 1);
  const Socket late(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_storage storage;
  const socklen_t length = world.address.Fill(storage);
  CHECK(connect(late.fd(), reinterpret_cast<const sockaddr*>(&storage), length) == -1);
  CHECK(errno == ECONNREFUSED);
}

}  // namespace
}  // namespace remora::net
