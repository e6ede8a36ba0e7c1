#include "source/xds/snapshot_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "source/config/read_file.h"
#include "test/fakes/folder.h"
#include "test/fakes/simulated_clock.h"

namespace remora::xds {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext;

constexpr event::Duration kHour = 3600 * event::kSecond;

SnapshotRules Rules(int64_t now = 0, event::Duration max_age = 0) {
  return {"me", "mine", now, max_age};
}

std::shared_ptr<const Snapshot> Make(const std::vector<std::pair<std::string, Cluster>>& clusters,
                                     int64_t at = 0) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->node_id = "me";
  snapshot->node_cluster = "mine";
  SnapshotPart& part = snapshot->parts.emplace_back();
  part = {"ADS", ResourceType::kCluster, "1", at, {}};
  for (const auto& [name, cluster] : clusters) {
    part.resources.push_back(
        {name, "1", std::make_shared<const std::string>(cluster.SerializeAsString())});
  }
  return snapshot;
}

Cluster Named(const std::string& name) {
  Cluster cluster;
  cluster.set_name(name);
  return cluster;
}

Cluster WithKey(const std::string& name, bool in_file) {
  Cluster cluster = Named(name);
  UpstreamTlsContext tls;
  auto& key = *tls.mutable_common_tls_context()->add_tls_certificates()->mutable_private_key();
  if (in_file) {
    key.set_filename("/key.pem");
  } else {
    key.set_inline_string("top secret");
  }
  cluster.mutable_transport_socket()->mutable_typed_config()->PackFrom(tls);
  return cluster;
}

std::string NamesIn(const Snapshot& snapshot) {
  std::string names;
  for (const SnapshotPart& part : snapshot.parts) {
    for (const SnapshotResource& resource : part.resources) names += resource.name + " ";
  }
  return names;
}

TEST_CASE("What was put last is in the file, for its owner alone") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  fakes::SimulatedClock clock;
  {
    SnapshotFile file(path, clock);
    file.Put(Make({{"a", Named("a")}}));
    file.Put(Make({{"b", Named("b")}}));
  }
  const absl::StatusOr<Snapshot> read = ReadSnapshot(path, Rules());
  REQUIRE(read.ok());
  CHECK(NamesIn(*read) == "b ");
  struct stat status;
  REQUIRE(stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(access((path + ".tmp").c_str(), F_OK) != 0);
  SnapshotFile file(path, clock);
  file.Write(*read);
  CHECK(file.totals().written == 1);
  CHECK(file.totals().bytes == static_cast<uint64_t>(status.st_size));
}

TEST_CASE("A resource with a key in it is left out, one that names a file is not") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  fakes::SimulatedClock clock;
  SnapshotFile file(path, clock);
  for (int time = 0; time < 2; ++time) {
    file.Write(*Make({{"inline", WithKey("inline", false)}, {"file", WithKey("file", true)}}));
    const absl::StatusOr<Snapshot> read = ReadSnapshot(path, Rules());
    REQUIRE(read.ok());
    CHECK(NamesIn(*read) == "file ");
    CHECK(file.totals().left_out == 1);
  }
  const absl::StatusOr<std::string> bytes = config::ReadFile(path, 1'000'000);
  REQUIRE(bytes.ok());
  CHECK(bytes->find("top secret") == std::string::npos);
}

TEST_CASE("A snapshot of another node is refused") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  fakes::SimulatedClock clock;
  SnapshotFile file(path, clock);
  file.Write(*Make({{"a", Named("a")}}));
  SnapshotRules rules = Rules();
  rules.node_id = "you";
  CHECK(std::string(ReadSnapshot(path, rules).status().message()) ==
        "file " + path + ": it is of node 'me' of cluster 'mine', not of 'you' of 'mine'");
  rules = Rules();
  rules.node_cluster = "yours";
  CHECK_FALSE(ReadSnapshot(path, rules).ok());
}

TEST_CASE("A snapshot is used until its age, and parts of it by theirs") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  fakes::SimulatedClock clock;
  SnapshotFile file(path, clock);
  Snapshot two = *Make({{"a", Named("a")}}, 10 * kHour);
  two.parts.push_back(Make({{"b", Named("b")}}, 20 * kHour)->parts[0]);
  file.Write(two);
  const auto names = [&path](int64_t now, event::Duration max_age) {
    const absl::StatusOr<Snapshot> read = ReadSnapshot(path, Rules(now, max_age));
    return read.ok() ? NamesIn(*read) : std::string(read.status().message());
  };
  CHECK(names(20 * kHour, 10 * kHour) == "a b ");
  CHECK(names(20 * kHour + 1, 10 * kHour) == "b ");
  CHECK(names(31 * kHour, 10 * kHour) == "file " + path + ": it is too old: 11 h 0 min");
  CHECK(names(1000 * kHour, 0) == "a b ");  // any age
}

TEST_CASE("What cannot be read or is damaged is refused, by name") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  CHECK(std::string(ReadSnapshot(path, Rules()).status().message()) ==
        "file " + path + " does not exist");
  folder.Write("snapshot", "remora snapshot 1\nno");
  CHECK(std::string(ReadSnapshot(path, Rules()).status().message()) ==
        "file " + path + ": it is damaged");
}

TEST_CASE("A file that cannot be written is counted, and the one before stays") {
  const fakes::Folder folder;
  const std::string path = folder.At("snapshot");
  fakes::SimulatedClock clock;
  SnapshotFile file(path, clock);
  file.Write(*Make({{"a", Named("a")}}));
  // A folder is in the way.
  REQUIRE(mkdir((path + ".tmp").c_str(), 0700) == 0);
  file.Write(*Make({{"b", Named("b")}}));
  CHECK(file.totals().failed == 1);
  CHECK(NamesIn(*ReadSnapshot(path, Rules())) == "a ");
  REQUIRE(rmdir((path + ".tmp").c_str()) == 0);
  file.Write(*Make({{"c", Named("c")}}));
  CHECK(file.totals().written == 2);
  CHECK(NamesIn(*ReadSnapshot(path, Rules())) == "c ");
  SnapshotFile nowhere("/nowhere/at/all", clock);
  nowhere.Write(*Make({}));
  CHECK(nowhere.totals().failed == 1);
}

}  // namespace
}  // namespace remora::xds
