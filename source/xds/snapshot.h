#pragma once

// Snapshot: what sources have said last, as it is kept on disk for a start without them.
//
//   Snapshot --EncodeSnapshot--> "remora snapshot 1\n" checksum "\n" body --DecodeSnapshot-->
//
// Plain values, any thread; resources are shared with whoever holds them and never change. The body
// is numbers of 8 bytes (little endian) and texts with their length in front. Decoding checks the
// form, the checksum (XXH64, against damage, not against an attacker) and every length; whose it is
// and how old is its reader's to judge (snapshot_file.h).

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/xds/resource.h"

namespace remora::xds {

// The source of a part that is the control plane of ads_config.
inline constexpr std::string_view kAdsName = "ADS";

struct SnapshotResource {
  std::string name = {};
  std::string version = {};
  std::shared_ptr<const std::string> bytes = nullptr;

  // The same bytes: equal pointers.
  bool operator==(const SnapshotResource&) const = default;
};

// Everything of one type that one source has said.
struct SnapshotPart {
  std::string source = {};  // kAdsName, or as config::Describe names it
  ResourceType type = ResourceType::kCluster;
  std::string version = {};  // of its last response
  int64_t at = 0;            // when the source was last known to stand by it; ns since the epoch
  std::vector<SnapshotResource> resources = {};
};

struct Snapshot {
  // Whose it is.
  std::string node_id = {};
  std::string node_cluster = {};
  std::vector<SnapshotPart> parts = {};
};

// Whether they hold the same, whenever that was.
bool SameResources(const Snapshot& a, const Snapshot& b);

std::string EncodeSnapshot(const Snapshot& snapshot);
absl::StatusOr<Snapshot> DecodeSnapshot(std::string_view bytes);

}  // namespace remora::xds
