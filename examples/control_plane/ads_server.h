#pragma once

// AdsServer: the gRPC server that sidecars connect to. It serves the two methods of
// AggregatedDiscoveryService and refuses every other one; each stream is an AdsStream.
//
// Publish may be called from any thread: the new snapshot goes to every stream that is due
// something of it, as soon as the stream's last write has left. Refusals are logged. The threads
// are the library's. Destroying it ends all streams.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "examples/control_plane/route_table.pb.h"
#include "examples/control_plane/snapshot.h"

namespace remora::control_plane {

class AdsServer final {
 public:
  // `address`: "127.0.0.1:18000"; port 0 is any free one.
  static absl::StatusOr<std::unique_ptr<AdsServer>> Start(const std::string& address,
                                                          std::shared_ptr<const Snapshot> snapshot);
  ~AdsServer();
  AdsServer(const AdsServer&) = delete;
  AdsServer& operator=(const AdsServer&) = delete;

  uint16_t port() const;
  void Publish(std::shared_ptr<const Snapshot> snapshot);
  v1::Sidecars Describe() const;

 private:
  struct State;

  explicit AdsServer(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace remora::control_plane
