// A reset that comes with the last bytes before it, between two turns of the loop: one event tells
// of both and looks like one of bytes alone. Nobody writes and no timeout runs, so nothing but the
// connection itself can find out.

#include <catch2/catch.hpp>
#include <future>
#include <string>

#include "source/http/filter/filter.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

// Requests to /stand stop the worker's thread until Go, so that what peers do meanwhile lies
// between two turns.
class Gate {
 public:
  http::FilterFactory Factory() {
    http::FilterFactory factory;
    factory.name = "gate";
    factory.config = std::shared_ptr<const void>(this, [](const void*) {});
    factory.create = [](const void* self, http::FilterContext& context) -> http::FilterPtr {
      return context.arena().Make<Filter>(*static_cast<const Gate*>(self));
    };
    return factory;
  }
  void AwaitStanding() { standing_.get_future().wait(); }
  void Go() { go_.set_value(); }

 private:
  class Filter final : public http::Filter {
   public:
    explicit Filter(const Gate& gate) : gate_(gate) {}
    http::Answer OnRequestHead(http::RequestHead& head) override {
      if (head.path == "/stand") {
        gate_.standing_.set_value();
        gate_.gone_.wait();
      }
      return http::Answer::kContinue;
    }

   private:
    const Gate& gate_;
  };

  mutable std::promise<void> standing_;
  std::promise<void> go_;
  std::shared_future<void> gone_ = go_.get_future().share();
};

// Everything that `peers_act` does comes to the proxy in one turn.
struct World {
  World() {
    h.Manager().stream_idle_timeout = 0;
    h.Manager().upgrades.push_back({"websocket", true});
    h.DirectResponse("/stand", 200, "");
    h.Forward("/", "up").timeout = 0;
    h.Filter(gate.Factory());
    h.Start();
  }
  template <typename Act>
  void InOneTurn(const Act& peers_act) {
    Client other = h.Connect();
    other.Send(MakeRequest("GET", "/stand"));
    gate.AwaitStanding();
    peers_act();
    gate.Go();
    CHECK(other.ReceiveResponse().status == 200);
    h.NextExchange();
  }

  Gate gate;
  Harness h;
  ScriptedUpstream up = h.Upstream("up");
};

void Upgrade(Client& client, Wire& upstream, World& world) {
  client.Send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  upstream = world.up.Accept();
  upstream.ReceiveRequest();
  upstream.Send("HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhi");
  client.ReceiveUntil("\r\n\r\nhi");
}

TEST_CASE("An upstream's reset right behind a part of its answer ends the answer") {
  World world;
  Client client = world.h.Connect();
  client.Send(MakeRequest("GET", "/"));
  Wire upstream = world.up.Accept();
  upstream.ReceiveRequest();
  upstream.Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n");
  CHECK(client.ReceiveUntil("one").ends_with("one"));
  world.InOneTurn([&] {
    upstream.Send("3\r\ntwo\r\n");
    upstream.Reset();
  });
  CHECK(client.ReceiveAll() == "\r\n3\r\ntwo\r\n");
  const Exchange exchange = world.h.NextExchange();
  CHECK(exchange.flags == "UC");
}

TEST_CASE("A client's reset right behind its request cancels the request") {
  World world;
  Client client = world.h.Connect();
  world.InOneTurn([&] {
    client.Send(MakeRequest("GET", "/waits"));
    client.Reset();
  });
  CHECK(world.h.NextExchange().flags == "DC");
  CHECK(world.h.Stat("cluster.up.upstream_rq_active") == 0);
}

TEST_CASE("A client's reset right behind bytes in a tunnel ends the tunnel") {
  World world;
  Client client = world.h.Connect();
  Wire upstream(-1);
  Upgrade(client, upstream, world);
  world.InOneTurn([&] {
    client.Send("last");
    client.Reset();
  });
  CHECK(upstream.ReceiveAll() == "last");
  CHECK(world.h.NextExchange().flags == "DC");
}

TEST_CASE("An upstream's reset right behind bytes in a tunnel ends the tunnel") {
  World world;
  Client client = world.h.Connect();
  Wire upstream(-1);
  Upgrade(client, upstream, world);
  world.InOneTurn([&] {
    upstream.Send("last");
    upstream.Reset();
  });
  CHECK(client.ReceiveAll() == "last");
}

}  // namespace
}  // namespace remora::harness
