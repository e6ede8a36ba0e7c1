#pragma once

// CallWorld: one thread with a dispatcher and a cluster "svc" of HTTP/2, from which calls are made
// to a server of the test's choice, on real sockets and the real clock.
//
// Answers of servers are awaited by turning the dispatcher, at most kPatience long. Owner and
// thread: the test's.

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/grpc/google_client.h"
#include "source/grpc/stream.h"
#include "source/grpc/unary_call.h"
#include "source/stats/store.h"
#include "test/harness/wire.h"

namespace remora::grpc {

struct CallWorld {
  explicit CallWorld(const net::Address& server,
                     const std::function<void(upstream::ClusterConfig&)>& change = {}) {
    upstream::ClusterConfig config;
    config.name = "svc";
    config.protocol = upstream::Protocol::kHttp2;
    config.limits[0].max_requests = 100'000;
    config.limits[0].max_pending_requests = 100'000;
    upstream::HostConfig host;
    host.address = server;
    config.hosts.push_back(host);
    if (change) change(config);
    auto table = std::make_shared<upstream::ClusterTable>();
    table->Put(std::make_shared<const upstream::Cluster>(std::move(config), 1,
                                                         store.AddScope("cluster.svc")));
    clusters.Apply(std::move(table));
  }
  ~CallWorld() {
    clusters.Clear();
    dispatcher.RunOnce(false);
  }

  template <class Condition>
  void Until(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + harness::kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) FAIL("nothing happens any more");
      dispatcher.RunOnce(false);
    }
  }
  buffer::Buffer Text(std::string_view text) {
    buffer::Buffer buffer(blocks);
    buffer.Append(text);
    return buffer;
  }
  uint64_t Stat(const std::string& name) {
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == "cluster.svc." + name) return metric.value;
    }
    throw std::out_of_range(name);
  }

  event::RealClock clock;
  buffer::BlockPool blocks;
  event::Dispatcher dispatcher{clock};
  base::Random random{1};
  runtime::View runtime_view;
  stats::Store store{1};
  upstream::ClusterSet clusters{
      {dispatcher, blocks, random, runtime_view, store.worker_shard(0), 0}};
  Service service{.cluster = "svc"};
};

// A call whose events are written down.
class NotedStream final : public StreamUser {
 public:
  NotedStream(CallWorld& world, const Service& service, std::string_view path)
      : stream(Stream::Open(world.clusters, service, path, *this)) {}
  NotedStream(CallWorld& world, std::string_view path) : NotedStream(world, world.service, path) {}
  NotedStream(GoogleClient& client, const Service& service, std::string_view path)
      : stream(client.Open(service, path, *this)) {}

  void OnInitialMetadata(const http::HeaderMap& fields) override {
    if (const http::HeaderEntry* field = fields.Find("x-got")) got = std::string(field->value());
  }
  void OnMessage(buffer::Buffer& message) override {
    bytes += message.length();
    messages.push_back(message.length() > 100 ? "long" : message.ToString());
    message.Clear();
    if (when_message) when_message();
  }
  void OnWritable() override { ++writable; }
  void OnClosed(const Status& with, const http::HeaderMap* trailers) override {
    ++closed;
    status = with.ToString();
    if (trailers == nullptr) return;
    if (const http::HeaderEntry* field = trailers->Find("x-end")) end = std::string(field->value());
  }

  std::string got, end, status;
  std::vector<std::string> messages;
  std::function<void()> when_message;
  size_t bytes = 0;
  size_t writable = 0;
  int closed = 0;
  StreamPtr stream;
};

class NotedAnswer final : public UnaryUser {
 public:
  void OnAnswer(const Status& status, buffer::Buffer& message) override {
    ++count;
    text = status.ok() ? message.ToString() : status.ToString();
  }
  int count = 0;
  std::string text;
};

}  // namespace remora::grpc
