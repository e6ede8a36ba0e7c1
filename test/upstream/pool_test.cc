// Pool: real loopback sockets in one thread, time moved by hand.

#include <catch2/catch.hpp>

#include "source/stats/store.h"
#include "source/upstream/cluster_runtime.h"
#include "test/fakes/simulated_clock.h"
#include "test/harness/full_listener.h"
#include "test/harness/scripted_upstream.h"

namespace remora::upstream {
namespace {

using event::kMillisecond;
using event::kSecond;

// A request that wants a stream, and writes down what happens to it.
class User final : public StreamUser {
 public:
  User(base::ArenaPool& arenas, std::string& journal, std::string name)
      : arena_(arenas), journal_(journal), name_(std::move(name)) {}

  void OnStreamReady(StreamLease lease) override {
    Note("ready");
    Use(std::move(lease));
  }
  void OnStreamFailed(const http::ProxyError& error) override {
    Note("failed(" + std::string(http::ReplyFor(error.kind).reset_reason) + ")");
  }
  void OnUpstreamFull() override { Note("full"); }
  void OnUpstreamDrained() override { Note("drained"); }
  base::Arena& arena() override { return arena_; }
  void OnHead(http::ResponseHead& head) override { Note(std::to_string(head.status)); }
  void OnData(buffer::Buffer& data) override {
    Note("data(" + data.ToString() + ")");
    data.Clear();
  }
  void OnEnd(http::HeaderMap*) override {
    lease_.Finish();
    Note("end");
  }
  void OnReset(const http::ProxyError& error) override {
    lease_.Finish();
    Note("reset(" + std::string(http::ReplyFor(error.kind).reset_reason) + ")");
  }

  // Sends GET /<name> on the stream.
  void Use(StreamLease lease) {
    lease_ = std::move(lease);
    auto* head = arena_.New<http::RequestHead>(arena_);
    head->method = "GET";
    head->method_id = http::Method::kGet;
    head->authority = "a";
    head->path = arena_.Copy("/" + name_);
    lease_.stream()->OnHead(*head);
    lease_.stream()->OnEnd(nullptr);
  }
  StreamLease& lease() { return lease_; }

 private:
  void Note(const std::string& what) {
    journal_ += (journal_.empty() ? "" : " ") + name_ + ":" + what;
  }

  base::Arena arena_;
  std::string& journal_;
  std::string name_;
  StreamLease lease_;
};

struct PoolWorld {
  explicit PoolWorld(const std::function<void(ClusterConfig&)>& change = {}) {
    ClusterConfig config;
    config.name = "up";
    HostConfig host;
    host.address = server.address();
    config.hosts.push_back(host);
    if (change) change(config);
    cluster = std::make_shared<const Cluster>(std::move(config), 1, store.AddScope("cluster.up"));
    runtime = std::make_unique<ClusterRuntime>(
        cluster,
        WorkerResources{dispatcher, blocks, random, runtime_view, store.worker_shard(0), 0});
    pool = runtime->PickPool();
  }

  // Acquires for `user`; what happened at once.
  std::string Acquire(User& user) {
    Pool::Acquired acquired = pool->Acquire(user);
    if (acquired.error.has_value()) return "refused";
    if (!acquired.lease.active()) return "waits";
    user.Use(std::move(acquired.lease));
    return "at once";
  }
  // Turns until the journal has `text`.
  void Until(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + harness::kPatience;
    while (journal.find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) FAIL("no " << text << " in: " << journal);
      dispatcher.RunOnce(false);
    }
  }
  // Turns until a stream's request has arrived at the server.
  std::string Serve(harness::Wire& wire) {
    for (int i = 0; i < 3; ++i) dispatcher.RunOnce(false);
    return wire.ReceiveRequest().target;
  }
  void Pass(event::Duration duration) {
    clock.Advance(duration);
    for (int i = 0; i < 3; ++i) dispatcher.RunOnce(false);
  }
  std::string Take() { return std::exchange(journal, {}); }
  uint64_t Stat(const std::string& name) {
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == "cluster.up." + name) return metric.value;
    }
    throw std::out_of_range(name);
  }

  std::string journal;
  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  base::ArenaPool arenas;
  buffer::BlockPool blocks;
  base::Random random{1};
  runtime::View runtime_view;
  stats::Store store{1};
  harness::ScriptedUpstream server;
  std::shared_ptr<const Cluster> cluster;
  std::unique_ptr<ClusterRuntime> runtime;
  Pool* pool = nullptr;
};

TEST_CASE("A request waits for the first connection, the next ones find it free") {
  PoolWorld w;
  User a(w.arenas, w.journal, "a");
  REQUIRE(w.Acquire(a) == "waits");
  REQUIRE(w.Take().empty());  // never from inside Acquire
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  REQUIRE(w.Serve(wire) == "/a");
  wire.Send(harness::MakeResponse(200, "hi"));
  w.Until("a:end");
  REQUIRE(w.Take() == "a:ready a:200 a:data(hi) a:end");

  User b(w.arenas, w.journal, "b");
  REQUIRE(w.Acquire(b) == "at once");
  REQUIRE(b.lease().reused_connection());
  REQUIRE(w.Serve(wire) == "/b");
  wire.Send(harness::MakeResponse(200, ""));
  w.Until("b:end");
  REQUIRE(w.pool->connections() == 1);
  REQUIRE(w.Stat("upstream_cx_total") == 1);
  REQUIRE(w.Stat("upstream_rq_total") == 2);
  REQUIRE(w.Stat("upstream_rq_pending_total") == 1);
}

TEST_CASE("Waiting requests are served first in, first out") {
  PoolWorld w([](ClusterConfig& config) { config.limits[0].max_connections = 1; });
  User a(w.arenas, w.journal, "a");
  User b(w.arenas, w.journal, "b");
  User c(w.arenas, w.journal, "c");
  REQUIRE(w.Acquire(a) == "waits");
  REQUIRE(w.Acquire(b) == "waits");
  REQUIRE(w.Acquire(c) == "waits");
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  for (const char* path : {"/a", "/b", "/c"}) {
    REQUIRE(w.Serve(wire) == path);
    wire.Send(harness::MakeResponse(200, ""));
    w.Until(std::string(path + 1) + ":end");
  }
  REQUIRE(w.Take() == "a:ready a:200 a:end b:ready b:200 b:end c:ready c:200 c:end");
}

TEST_CASE("A refused connection fails every waiter at once") {
  PoolWorld w;
  w.server.Unlisten();
  User a(w.arenas, w.journal, "a");
  User b(w.arenas, w.journal, "b");
  REQUIRE(w.Acquire(a) == "waits");
  REQUIRE(w.Acquire(b) == "waits");
  w.Until("b:failed");
  REQUIRE(w.Take() == "a:failed(remote connection failure) b:failed(remote connection failure)");
  REQUIRE(w.Stat("upstream_rq_pending_active") == 0);
  REQUIRE(w.Stat("upstream_rq_pending_failure_eject") == 2);
  while (w.pool->connections() > 0) w.dispatcher.RunOnce(false);
  REQUIRE(w.Stat("upstream_cx_active") == 0);
}

TEST_CASE("A connection that does not come up in time fails its waiters") {
  const harness::FullListener hole;
  PoolWorld w([&](ClusterConfig& config) {
    config.connect_timeout = 300 * kMillisecond;
    config.hosts[0].address = hole.address();
  });
  User a(w.arenas, w.journal, "a");
  REQUIRE(w.Acquire(a) == "waits");
  w.Pass(290 * kMillisecond);
  REQUIRE(w.Take().empty());
  w.Pass(20 * kMillisecond);
  REQUIRE(w.Take() == "a:failed(connection timeout)");
  REQUIRE(w.Stat("upstream_cx_connect_timeout") == 1);
  REQUIRE(w.pool->connections() == 0);
}

TEST_CASE("A free connection ends after the idle timeout, one in use does not") {
  PoolWorld w([](ClusterConfig& config) { config.idle_timeout = 10 * kSecond; });
  User a(w.arenas, w.journal, "a");
  w.Acquire(a);
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  w.Pass(20 * kSecond);
  REQUIRE(w.pool->connections() == 1);
  wire.Send(harness::MakeResponse(200, ""));
  w.Until("a:end");
  w.Pass(9 * kSecond);
  REQUIRE(w.pool->connections() == 1);
  w.Pass(2 * kSecond);
  REQUIRE(w.pool->connections() == 0);
  REQUIRE(w.Stat("upstream_cx_idle_timeout") == 1);
  REQUIRE(wire.AwaitEnd() == harness::WireEnd::kFin);
}

TEST_CASE("Letting go of a stream before its response has ended closes the connection") {
  PoolWorld w;
  User a(w.arenas, w.journal, "a");
  w.Acquire(a);
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  a.lease().Cancel();
  while (w.pool->connections() > 0) w.dispatcher.RunOnce(false);
  REQUIRE(wire.ReceiveAll().empty());
  REQUIRE(w.Stat("upstream_cx_destroy_local_with_active_rq") == 1);
  REQUIRE(w.Stat("upstream_rq_active") == 0);
  REQUIRE(w.Take() == "a:ready");
}

TEST_CASE("A waiter that gives up leaves the queue") {
  PoolWorld w([](ClusterConfig& config) { config.limits[0].max_connections = 1; });
  User a(w.arenas, w.journal, "a");
  User b(w.arenas, w.journal, "b");
  User c(w.arenas, w.journal, "c");
  w.Acquire(a);
  w.Acquire(b);
  w.Acquire(c);
  w.pool->CancelWaiting(b);
  REQUIRE(w.Stat("upstream_rq_cancelled") == 1);
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  wire.Send(harness::MakeResponse(200, ""));
  w.Until("c:ready");
  REQUIRE(w.Serve(wire) == "/c");
  REQUIRE(w.journal.find("b:") == std::string::npos);
}

TEST_CASE("A connection that the host closes is replaced for those that still wait") {
  PoolWorld w([](ClusterConfig& config) { config.limits[0].max_connections = 1; });
  User a(w.arenas, w.journal, "a");
  User b(w.arenas, w.journal, "b");
  w.Acquire(a);
  w.Acquire(b);
  w.Until("a:ready");
  {
    harness::Wire wire = w.server.Accept();
    w.Serve(wire);
    wire.Reset();
  }
  w.Until("b:ready");
  harness::Wire second = w.server.Accept();
  REQUIRE(w.Serve(second) == "/b");
  REQUIRE(w.Take() == "a:ready a:reset(connection termination) b:ready");
}

TEST_CASE("A pool that goes fails those in flight and those that wait") {
  PoolWorld w([](ClusterConfig& config) { config.limits[0].max_connections = 1; });
  User a(w.arenas, w.journal, "a");
  User b(w.arenas, w.journal, "b");
  w.Acquire(a);
  w.Acquire(b);
  w.Until("a:ready");
  w.runtime.reset();
  REQUIRE(w.Take() == "a:ready a:reset(connection termination) b:failed(connection termination)");
  w.dispatcher.RunOnce(false);
}

TEST_CASE("Breakers refuse at once") {
  PoolWorld w([](ClusterConfig& config) { config.limits[0].max_pending_requests = 1; });
  User a(w.arenas, w.journal, "a");
  User b(w.arenas, w.journal, "b");
  REQUIRE(w.Acquire(a) == "waits");
  REQUIRE(w.Acquire(b) == "refused");
  REQUIRE(w.Stat("upstream_rq_pending_overflow") == 1);
  w.pool->CancelWaiting(a);
}

// One exchange on a connection of its own, which the host closes after `idle`.
void CloseIdleAfter(PoolWorld& w, event::Duration idle) {
  User user(w.arenas, w.journal, "u");
  w.Acquire(user);
  w.Until("u:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  wire.Send(harness::MakeResponse(200, ""));
  w.Until("u:end");
  w.Pass(idle);
  wire.Close();
  while (w.pool->connections() > 0) w.dispatcher.RunOnce(false);
  w.Take();
}

TEST_CASE("The host's idle timeout is learnt: older connections are left alone, then closed") {
  PoolWorld w;
  CloseIdleAfter(w, 4 * kSecond);
  CloseIdleAfter(w, 4 * kSecond);
  REQUIRE(w.pool->idle_age().limit_once() == 2 * kSecond);
  User a(w.arenas, w.journal, "a");
  w.Acquire(a);
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  wire.Send(harness::MakeResponse(200, ""));
  w.Until("a:end");
  w.Pass(3 * kSecond);
  SECTION("one that must not be sent twice gets a new connection") {
    User once(w.arenas, w.journal, "once");
    once.wish.once = true;
    REQUIRE(w.Acquire(once) == "waits");
    w.Until("once:ready");
    // The old one made room: such requests do not pile connections up.
    REQUIRE(w.pool->connections() == 1);
  }
  SECTION("others still take it") {
    User b(w.arenas, w.journal, "b");
    REQUIRE(w.Acquire(b) == "at once");
  }
  SECTION("before the host closes it we do") {
    w.Pass(kSecond);
    REQUIRE(w.pool->connections() == 0);
    REQUIRE(w.Stat("upstream_cx_idle_timeout") == 1);
  }
}

TEST_CASE("A wish for a new connection is not met with a used one") {
  PoolWorld w([](ClusterConfig& config) { config.limits[0].max_connections = 2; });
  User a(w.arenas, w.journal, "a");
  w.Acquire(a);
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  User fresh(w.arenas, w.journal, "fresh");
  fresh.wish.fresh = true;
  REQUIRE(w.Acquire(fresh) == "waits");
  wire.Send(harness::MakeResponse(200, ""));
  w.Until("a:end");
  w.Until("fresh:ready");
  REQUIRE_FALSE(fresh.lease().reused_connection());
  User third(w.arenas, w.journal, "third");
  third.wish.fresh = true;
  REQUIRE(w.Acquire(third) == "refused");
}

TEST_CASE("A connection that has had its time is not used again") {
  PoolWorld w([](ClusterConfig& config) { config.max_connection_duration = 10 * kSecond; });
  User a(w.arenas, w.journal, "a");
  w.Acquire(a);
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  SECTION("after its exchange") {
    w.Pass(11 * kSecond);
    REQUIRE(w.pool->connections() == 1);
    wire.Send(harness::MakeResponse(200, ""));
    w.Until("a:end");
    w.Pass(0);
  }
  SECTION("while nobody uses it") {
    wire.Send(harness::MakeResponse(200, ""));
    w.Until("a:end");
    w.Pass(11 * kSecond);
  }
  REQUIRE(w.pool->connections() == 0);
  REQUIRE(w.Stat("upstream_cx_max_duration_reached") == 1);
}

TEST_CASE("A limit for each host allows one connection at least") {
  PoolWorld w([](ClusterConfig& config) { config.limits[0].max_connections_per_host = 1; });
  User a(w.arenas, w.journal, "a");
  User b(w.arenas, w.journal, "b");
  w.Acquire(a);
  w.Acquire(b);
  REQUIRE(w.pool->connections() == 1);
  REQUIRE(w.Stat("upstream_cx_overflow") == 1);
}

TEST_CASE("An answer before the request has left belongs to nobody") {
  PoolWorld w;
  User a(w.arenas, w.journal, "a");
  w.Acquire(a);
  w.Until("a:ready");
  harness::Wire wire = w.server.Accept();
  w.Serve(wire);
  wire.Send(harness::MakeResponse(200, ""));
  w.Until("a:end");
  w.Take();
  // It comes in the turn in which the next request takes the connection.
  wire.Send(harness::MakeResponse(200, "poison"));
  User b(w.arenas, w.journal, "b");
  b.wish.once = true;
  REQUIRE(w.Acquire(b) == "at once");
  w.Until("b:reset");
  REQUIRE(w.Take() == "b:reset(connection termination)");
}

}  // namespace
}  // namespace remora::upstream
