#pragma once

// ControlPlane: a discovery server of the gRPC library in this process, on 127.0.0.1 and a free
// port: ADS and the streams of single types, state of the world and delta, and faults on demand.
//
//   ControlPlane plane;
//   plane.Put(kCluster url, "a", bytes);       // pushed to every stream that wants it
//   plane.AwaitLine("ACK Cluster 1 ");
//
// It keeps the protocol's rules itself: stale nonces are passed over, a delta client gets what it
// does not have. Faults come from a seed, before responses: the stream breaks, a response comes
// twice, with the nonce of an earlier one, or is followed by garbage, by one of a type that nobody
// asked for, or by one that is too long.
//
// Threads: the library's; the test calls from its own. A wait has a bound and throws.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/net/address.h"

namespace remora::harness {

class ControlPlane {
 public:
  // Chances in percent, of each response.
  struct Faults {
    int break_stream = 0;
    int twice = 0;
    int stale_nonce = 0;
    int garbage = 0;
    int unknown_type = 0;
    int too_long = 0;
  };

  explicit ControlPlane(uint16_t port = 0);
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  net::Address address() const;

  // `type_url` is whole; `bytes` a serialized message of it.
  void Put(const std::string& type_url, const std::string& name, const std::string& bytes);
  void Remove(const std::string& type_url, const std::string& name);
  // Several of these as one version.
  void Change(const std::function<void()>& changes);
  // Answers no requests until Speak.
  void BeSilent();
  void Speak();
  void SetFaults(const Faults& faults, uint64_t seed);
  // Breaks all streams.
  void BreakStreams();
  // Ends all streams and connections.
  void Stop();

  // A line for each stream and request: "stream <method>", "ask|ACK|NACK <Type> <version> <names>
  // [-<names>] [held <name>:<version> ...] [<message>]"; the version of a delta request is its
  // nonce's.
  std::vector<std::string> lines() const;
  // Waits for a line that begins so, behind the `after` first ones; its number.
  size_t AwaitLine(std::string_view beginning, size_t after = 0) const;
  // The node's id of the last request that had a node; how many had one.
  std::string node_id() const;
  size_t nodes() const;
  // "name=value" of the metadata of the last stream.
  std::vector<std::string> metadata() const;

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace remora::harness
