#include "source/xds/snapshot.h"

#include <catch2/catch.hpp>

namespace remora::xds {
namespace {

std::shared_ptr<const std::string> Bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

Snapshot Sample() {
  Snapshot snapshot = {"me", "mine", {}};
  snapshot.parts.push_back({"ADS", ResourceType::kCluster, "7", 1'700'000'000'000'000'000, {}});
  snapshot.parts[0].resources = {{"a", "7", Bytes("A")}, {"b", "6", Bytes(std::string(300, '\0'))}};
  snapshot.parts.push_back({"cluster xds", ResourceType::kRoutes, "", 5, {}});
  return snapshot;
}

TEST_CASE("A snapshot is read as it was written") {
  const absl::StatusOr<Snapshot> read = DecodeSnapshot(EncodeSnapshot(Sample()));
  REQUIRE(read.ok());
  CHECK(read->node_id == "me");
  CHECK(read->node_cluster == "mine");
  REQUIRE(read->parts.size() == 2);
  const SnapshotPart& clusters = read->parts[0];
  CHECK(clusters.source == "ADS");
  CHECK(clusters.type == ResourceType::kCluster);
  CHECK(clusters.version == "7");
  CHECK(clusters.at == 1'700'000'000'000'000'000);
  REQUIRE(clusters.resources.size() == 2);
  CHECK(clusters.resources[1].name == "b");
  CHECK(clusters.resources[1].version == "6");
  CHECK(*clusters.resources[1].bytes == std::string(300, '\0'));
  CHECK(read->parts[1].resources.empty());
}

TEST_CASE("A snapshot that is cut anywhere is refused") {
  const std::string whole = EncodeSnapshot(Sample());
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeSnapshot(whole.substr(0, size)).ok());
  }
  CHECK_FALSE(DecodeSnapshot(whole + '\0').ok());
}

TEST_CASE("A snapshot with any bit turned is refused") {
  const std::string whole = EncodeSnapshot(Sample());
  for (size_t i = 0; i < whole.size() * 8; ++i) {
    CAPTURE(i);
    std::string damaged = whole;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    CHECK_FALSE(DecodeSnapshot(damaged).ok());
  }
}

TEST_CASE("A snapshot of another format says so") {
  std::string other = EncodeSnapshot(Sample());
  other[std::string_view("remora snapshot ").size()] = '2';
  CHECK(DecodeSnapshot(other).status().message() ==
        "it is no snapshot, or one of another version of the format");
  CHECK(DecodeSnapshot("{}").status().message() ==
        "it is no snapshot, or one of another version of the format");
  CHECK(DecodeSnapshot(EncodeSnapshot(Sample()).substr(0, 40)).status().message() ==
        "it is damaged");
}

TEST_CASE("Snapshots are the same if their resources are, whenever that was") {
  const Snapshot one = Sample();
  Snapshot other = one;
  other.parts[0].at = 1;
  CHECK(SameResources(one, other));
  other.parts[0].resources[0].version = "8";
  CHECK_FALSE(SameResources(one, other));
  other = one;
  other.parts[0].resources[0].bytes = Bytes("A");  // told again
  CHECK_FALSE(SameResources(one, other));
  other = one;
  other.parts.pop_back();
  CHECK_FALSE(SameResources(one, other));
}

}  // namespace
}  // namespace remora::xds
