// scale_peer: everything around the proxy in the scale benchmark: its control plane, its origins
// and its clients. Commands come on standard input, one a line; each has one line of JSON as its
// answer. tools/bench/scale.py says what it is for.
//
//   scale_peer CLUSTERS ENDPOINTS VIRTUAL_HOSTS LISTENER_PORT STEADY_PORT filled|empty

#include <unistd.h>

#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "tools/bench/scale/plane.h"
#include "tools/bench/scale/resources.h"
#include "tools/bench/scale/traffic.h"

namespace remora::bench {
namespace {

constexpr int kLongestSeconds = 120;
constexpr int64_t kLongestNs = int64_t{kLongestSeconds} * 1'000'000'000;

class Session {
 public:
  Session(const Shape& shape, uint16_t steady_port, bool filled)
      : shape_(shape),
        steady_port_(steady_port),
        plane_(shape, filled),
        client_(shape.listener_port) {}

  uint16_t plane_port() const { return plane_.port(); }

  // Whether it was a command.
  bool Obey(const std::string& line) {
    if (line == "ready") return Ready();
    if (line == "move") return Move();
    if (line == "push") return Push();
    if (line == "fill" || line == "clear") {
      line == "fill" ? plane_.Fill() : plane_.Clear();
      return Say("taken", plane_.AwaitTaken(kLongestSeconds) ? NowNs() : 0);
    }
    if (line == "steady") {
      steady_.emplace(steady_port_);
      return Say("begun", NowNs());
    }
    if (line == "figures" && steady_.has_value()) return Figures();
    return false;
  }

 private:
  static bool Say(const char* name, int64_t value) {
    std::printf("{\"%s\": %" PRId64 "}\n", name, value);
    return true;
  }

  // The last route.
  size_t last() const {
    return (shape_.virtual_hosts > 0 ? shape_.virtual_hosts : shape_.clusters) - 1;
  }

  // When the last route has answered with 200.
  bool Ready() {
    const int64_t begun = NowNs();
    while (client_.Get(HostOf(shape_, last()), PathOf(last())).status != 200) {
      if (NowNs() - begun > kLongestNs) return Say("ready", 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return Say("ready", NowNs());
  }

  // How long after an endpoint of the last cluster has moved a request gets to where it is.
  bool Move() {
    const size_t cluster = shape_.clusters - 1;
    client_.Get(HostOf(shape_, last()), PathOf(last()));  // a connection
    moved_ = !moved_;
    const int64_t sent = plane_.Move(cluster);
    int64_t now = 0;
    bool seen = false;
    // All endpoints in turn, without the other origin: it has left.
    size_t without = 0;
    while (!seen && now - sent < kLongestNs) {
      const Client::Answer answer = client_.Get(HostOf(shape_, last()), PathOf(last()));
      now = NowNs();
      without = answer.origin == '1' ? without + 1 : 0;
      seen = moved_ ? answer.origin == '2' : without > shape_.endpoints;
    }
    return Say("seen_ns", seen ? now - sent : 0);
  }

  // One of the first cluster, without requests: until the proxy has taken it.
  bool Push() {
    const int64_t sent = plane_.Move(0);
    return Say("taken_ns", plane_.AwaitTaken(kLongestSeconds) ? NowNs() - sent : 0);
  }

  bool Figures() {
    const Steady::Figures figures = steady_->Take();
    std::printf("{\"failed\": %zu, \"longest_ns\": %" PRId64 "}\n", figures.failed,
                figures.longest_ns);
    return true;
  }

  const Shape shape_;
  const uint16_t steady_port_;
  Plane plane_;
  Client client_;
  bool moved_ = false;
  std::optional<Steady> steady_;
};

int Main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr,
                 "usage: scale_peer CLUSTERS ENDPOINTS VIRTUAL_HOSTS LISTENER_PORT STEADY_PORT "
                 "filled|empty\n");
    return 2;
  }
  Shape shape;
  shape.clusters = std::strtoul(argv[1], nullptr, 10);
  shape.endpoints = std::strtoul(argv[2], nullptr, 10);
  shape.virtual_hosts = std::strtoul(argv[3], nullptr, 10);
  shape.listener_port = static_cast<uint16_t>(std::strtoul(argv[4], nullptr, 10));
  const auto steady_port = static_cast<uint16_t>(std::strtoul(argv[5], nullptr, 10));
  const Origin origin(shape.endpoints);
  shape.origin_port = origin.port();
  shape.other_origin_port = origin.other_port();
  Session session(shape, steady_port, std::strcmp(argv[6], "filled") == 0);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::printf("{\"plane\": %u, \"origin\": %u}\n", session.plane_port(), origin.port());
  for (std::string line; std::getline(std::cin, line);) {
    if (session.Obey(line)) continue;
    std::fprintf(stderr, "scale_peer: what is '%s'?\n", line.c_str());
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace remora::bench

int main(int argc, char** argv) { return remora::bench::Main(argc, argv); }
