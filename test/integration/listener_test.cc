#include <catch2/catch.hpp>

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

TEST_CASE("A listener on a Unix socket serves, with the mode that was asked for") {
  char directory[] = "/tmp/remora_test_XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/socket";
  {
    Harness h;
    auto up = h.Upstream("up").Respond(200, "hi");
    h.Route("/", "up");
    h.Listener().address = *net::Address::Unix(path, 0600);
    h.Workers(2);
    h.Manager().use_remote_address = true;
    h.Start();
    struct stat info;
    REQUIRE(stat(path.c_str(), &info) == 0);
    REQUIRE((info.st_mode & 0777) == 0600);
    for (int i = 0; i < 8; ++i) REQUIRE(h.Connect().Get("/").body == "hi");
    // A peer without an IP leaves none.
    REQUIRE_FALSE(up.requests()[0].Has("x-forwarded-for"));
  }
  unlink(path.c_str());
  REQUIRE(rmdir(directory) == 0);
}

TEST_CASE("A listener on an abstract Unix socket serves") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Listener().address = *net::Address::Unix("@remora_test_" + std::to_string(getpid()));
  h.Start();
  REQUIRE(h.Connect().Get("/").body == "hi");
}

TEST_CASE("A Unix socket file that a crash left behind is replaced") {
  char directory[] = "/tmp/remora_test_XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const net::Address address = *net::Address::Unix(std::string(directory) + "/socket");
  // Bound and closed: the file stays, nobody listens.
  REQUIRE(net::BindListener(address, {}).ok());
  {
    Harness h;
    h.DirectResponse("/", 200, "hi");
    h.Listener().address = address;
    h.Start();
    REQUIRE(h.Connect().Get("/").body == "hi");
  }
  unlink(address.path().c_str());
  REQUIRE(rmdir(directory) == 0);
}

TEST_CASE("A listener on IPv6 serves, also from an upstream on IPv6") {
  Harness h;
  ScriptedUpstream up(*net::Address::Ip("::1", 0));
  up.Respond(200, "six");
  upstream::HostConfig host;
  host.address = up.address();
  h.Cluster("up").hosts.push_back(host);
  h.Route("/", "up");
  h.Listener().address = *net::Address::Ip("::1", 0);
  h.Start();
  REQUIRE(h.Address().ToString().substr(0, 6) == "[::1]:");
  REQUIRE(h.Connect().Get("/").body == "six");
  h.Stop();
  up.Stop();
}

TEST_CASE("Several listeners serve side by side and count for themselves") {
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Listener("second");
  h.Listener("third").address = *net::Address::Ip("127.0.0.3", 0);
  h.Start();
  REQUIRE(h.Connect("main").Get("/").status == 200);
  REQUIRE(h.Connect("second").Get("/").status == 200);
  REQUIRE(h.Connect("second").Get("/").status == 200);
  REQUIRE(h.Connect("third").Get("/").status == 200);
  REQUIRE(h.Stat("listener.main.downstream_cx_total") == 1);
  REQUIRE(h.Stat("listener.second.downstream_cx_total") == 2);
  REQUIRE(h.Stat("listener.third.downstream_cx_total") == 1);
  h.AwaitStat("listener.second.http.ingress.downstream_rq_2xx", 2);
  h.AwaitStat("http.ingress.downstream_rq_2xx", 4);
  REQUIRE(h.Stat("listener_manager.total_listeners_active") == 3);
}

TEST_CASE("Connections are spread over the workers") {
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Workers(4);
  h.Start();
  std::vector<Client> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(h.Connect());
    REQUIRE(clients.back().Get("/").status == 200);
  }
  uint64_t sum = 0;
  for (int i = 0; i < 4; ++i) {
    const uint64_t own =
        h.Stat("listener.main.worker_" + std::to_string(i) + ".downstream_cx_total");
    REQUIRE(own > 0);
    sum += own;
  }
  REQUIRE(sum == 64);
  REQUIRE(h.Stat("listener.main.downstream_cx_active") == 64);
  REQUIRE(h.Stat("server.concurrency") == 4);
  clients.clear();
  h.AwaitStat("listener.main.downstream_cx_active", 0);
  REQUIRE(h.Stat("listener.main.downstream_cx_destroy") == 64);
}

TEST_CASE("A port that is taken is an error and nothing is started") {
  Harness first;
  first.DirectResponse("/", 200, "first");
  first.Listener().options.reuse_port = false;
  first.Start();
  Harness second;
  second.DirectResponse("/", 200, "second");
  second.Listener().address = first.Address();
  second.Listener().options.reuse_port = false;
  REQUIRE_THROWS_WITH(second.Start(), Catch::Contains("error adding listener 'main'") &&
                                          Catch::Contains("Address already in use"));
  REQUIRE(first.Connect().Get("/").body == "first");
}

TEST_CASE("Without free descriptors accepting pauses, serving goes on, and nobody is lost") {
  Harness h;
  auto up = h.Upstream("up").Respond(200, "hi");
  h.Route("/", "up");
  h.Start();
  Client known = h.Connect();
  REQUIRE(known.Get("/").status == 200);
  // Sockets first: afterwards there is no descriptor for anybody.
  const net::Address address = h.Address();
  std::vector<Client> waiting;
  for (int i = 0; i < 3; ++i) waiting.emplace_back(Wire(socket(AF_INET, SOCK_STREAM, 0)));
  const int next = dup(0);
  REQUIRE(close(next) == 0);
  rlimit before;
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none_left = {static_cast<rlim_t>(next), before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none_left) == 0);
  sockaddr_storage storage;
  const socklen_t length = address.Fill(storage);
  bool connected = true;
  for (Client& client : waiting) {
    connected =
        connected && connect(client.fd(), reinterpret_cast<const sockaddr*>(&storage), length) == 0;
    client.Send(MakeRequest("GET", "/"));
  }
  // Two turns of the worker at least: it has seen the connections by then.
  const int status = known.Get("/").status + known.Get("/").status;
  const uint64_t accepted = h.Stat("http.ingress.downstream_cx_total");
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(connected);
  REQUIRE(status == 400);
  REQUIRE(accepted == 1);
  for (Client& client : waiting) REQUIRE(client.ReceiveResponse().body == "hi");
  REQUIRE(h.Stat("http.ingress.downstream_cx_total") == 4);
}

}  // namespace
}  // namespace remora::harness
