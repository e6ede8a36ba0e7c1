#pragma once

// TcpWorld: one worker's TCP proxy without a server: real loopback sockets in one thread, time
// moved by hand. The client and the hosts are descriptors that the test drives.

#include <errno.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "source/net/plaintext.h"
#include "source/stats/store.h"
#include "source/tcp/session.h"
#include "test/fakes/peer.h"
#include "test/fakes/simulated_clock.h"

namespace remora::tcp {

// A listening socket that somebody connects to.
class HostSocket {
 public:
  explicit HostSocket(uint32_t backlog = 0) {
    net::ListenOptions options;
    options.backlog = backlog;
    auto bound = net::BindListener(*net::Address::Ip("127.0.0.1", 0), options);
    if (!bound.ok() || !net::StartListening(*bound, options).ok()) {
      throw std::runtime_error("listen");
    }
    socket_ = *std::move(bound);
    address_ = net::LocalAddress(socket_.fd());
  }
  const net::Address& address() const { return address_; }
  // Connections are refused from now on.
  void Stop() { socket_.Close(); }
  // Its queue is full: whoever connects waits for ever.
  void Fill() {
    for (int i = 0; i < 2; ++i) fillers_.push_back(*net::StartConnect(address_, std::nullopt));
  }
  bool waiting() const {
    const int fd = accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) accepted_.emplace_back(fd);
    return !accepted_.empty();
  }
  fakes::Peer Accept() {
    if (!waiting()) throw std::runtime_error("nobody connected");
    fakes::Peer peer(std::move(accepted_.front()));
    accepted_.erase(accepted_.begin());
    return peer;
  }

 private:
  net::Socket socket_;
  net::Address address_;
  std::vector<net::Socket> fillers_;
  mutable std::vector<net::Socket> accepted_;
};

// "open", "fin", "reset": what there is to read is taken first.
inline std::string EndOf(fakes::Peer& peer) {
  char piece[65536];
  while (true) {
    const ssize_t n = recv(peer.fd(), piece, sizeof(piece), 0);
    if (n > 0) continue;
    if (n == 0) return "fin";
    return errno == ECONNRESET ? "reset" : "open";
  }
}

class TcpWorld final : public net::SessionOwner {
 public:
  explicit TcpWorld(const std::function<void(Config&, upstream::ClusterConfig&)>& change = {},
                    uint32_t buffer_limit = 1024 * 1024) {
    auto config = std::make_shared<Config>();
    config->stat_prefix = "t";
    config->clusters.push_back({"up", 1});
    upstream::ClusterConfig cluster;
    cluster.name = "up";
    upstream::HostConfig host_config;
    host_config.address = host.address();
    cluster.hosts.push_back(host_config);
    if (change) change(*config, cluster);
    auto table = std::make_shared<upstream::ClusterTable>();
    table->Put(std::make_shared<const upstream::Cluster>(std::move(cluster), 1,
                                                         store.AddScope("cluster.up")));
    clusters.Apply(std::move(table));
    worker_config = std::make_shared<WorkerConfig>(
        std::move(config), WorkerServices{resources, clusters, pipes, last_connection, nullptr},
        buffer_limit, store.AddScope("tcp.t"), &drain);
  }
  ~TcpWorld() {
    session.reset();
    others.clear();
    dispatcher.RunOnce(false);
    clusters.Clear();
    dispatcher.RunOnce(false);
  }

  // A client connects; the session begins.
  fakes::Peer Connect() {
    auto [ours, theirs] = fakes::TcpPair();
    net::Accepted accepted;
    accepted.socket = std::move(ours);
    accepted.remote = accepted.direct_remote = *net::Address::Ip("127.0.0.1", 1);
    accepted.transport = std::make_unique<net::Plaintext>();
    if (session != nullptr) others.push_back(std::move(session));
    session = std::make_unique<Session>(worker_config, *this, std::move(accepted));
    session->Start();
    Turn();
    return fakes::Peer(std::move(theirs));
  }
  void Turn(int count = 4) {
    for (int i = 0; i < count; ++i) dispatcher.RunOnce(false);
  }
  void Advance(event::Duration time) {
    clock.Advance(time);
    Turn();
  }
  void OnSessionClosed(net::DownstreamSession& closed) override {
    ++ended;
    if (&closed == session.get()) dispatcher.DeferDelete(std::move(session));
    for (auto& other : others) {
      if (&closed == other.get()) dispatcher.DeferDelete(std::move(other));
    }
  }
  uint64_t Stat(std::string_view name) {
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == name) return metric.value;
    }
    throw std::runtime_error("no statistic " + std::string(name));
  }

  HostSocket host;
  fakes::SimulatedClock clock;
  stats::Store store{1};
  buffer::BlockPool blocks;
  base::Random random{1};
  runtime::View runtime;
  event::Dispatcher dispatcher{clock};
  upstream::WorkerResources resources{dispatcher, blocks, random, runtime, store.worker_shard(0),
                                      0};
  upstream::ClusterSet clusters{resources};
  net::PipePool pipes;
  net::Drain drain;
  uint64_t last_connection = 0;
  std::shared_ptr<WorkerConfig> worker_config;
  std::unique_ptr<Session> session;
  std::vector<std::unique_ptr<Session>> others;
  int ended = 0;
};

}  // namespace remora::tcp
