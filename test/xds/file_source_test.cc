#include "source/xds/file_source.h"

#include <stdlib.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/text_format.h"
#include "source/xds/watch_subscription.h"
#include "test/fakes/simulated_clock.h"

namespace remora::xds {
namespace {

namespace fs = std::filesystem;
using envoy::config::endpoint::v3::ClusterLoadAssignment;

class NotingUser final : public ResourceUser {
 public:
  std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) override {
    std::vector<ResourceError> errors;
    for (const Resource& resource : update.changed) {
      log += "+" + std::string(resource.name) + " ";
      if (resource.name == refused) errors.push_back({refused, "no"});
    }
    for (const std::string& name : update.removed) log += "-" + name + " ";
    log += "@" + std::string(update.version) + " ";
    return errors;
  }
  void OnFetchTimeout(absl::Span<const std::string> names) override {
    log += "timeout";
    for (const std::string& name : names) log += " " + name;
  }
  std::string Take() { return std::exchange(log, ""); }

  std::string log;
  std::string refused;
};

// A source over a directory of its own, whose files are replaced by rename.
class World {
 public:
  explicit World(const std::string& name, bool directory = false) {
    char made[] = "/tmp/remora_file_XXXXXX";
    root = mkdtemp(made);
    fs::create_directory(root + "/d");
    source =
        std::make_unique<FileSource>(root + "/d/" + name, directory ? root + "/d" : "",
                                     ResourceType::kEndpoints, FileServices{dispatcher, files});
  }
  ~World() {
    subscription.reset();
    fs::remove_all(root);
  }

  void Put(const std::string& text) const {
    std::ofstream(root + "/temporary") << text;
    fs::rename(root + "/temporary", source->path());
  }
  void Subscribe(std::vector<std::string> names, event::Duration timeout = 0) {
    subscription = std::make_unique<WatchSubscription>(
        WatchSubscription::Setup{*source, ResourceType::kEndpoints, names.empty(), true, timeout,
                                 "s.", user, dispatcher, store, ended});
    if (!names.empty()) subscription->SetNames(std::move(names));
    subscription->Start();
  }
  // A turn, after time enough for the watches to speak again.
  void Turn() {
    clock.Advance(event::FileWatch::kQuiet + 10 * event::kMillisecond);
    dispatcher.RunOnce(false);
    dispatcher.RunOnce(false);
  }
  std::string Stats() {
    std::string out;
    const stats::Snapshot snapshot = store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      for (const char* name : {"update_attempt", "update_success", "update_failure",
                               "update_rejected", "init_fetch_timeout"}) {
        if (metric.name == std::string("s.") + name && metric.value > 0) {
          out += std::string(name) + "=" + std::to_string(metric.value) + " ";
        }
      }
    }
    return out;
  }

  std::string root;
  fakes::SimulatedClock clock;
  event::Dispatcher dispatcher{clock};
  event::FileWatcher files{dispatcher};
  stats::Store store{0};
  event::TurnTask ended{[](void*) {}, nullptr};
  NotingUser user;
  std::unique_ptr<FileSource> source;
  std::unique_ptr<WatchSubscription> subscription;
};

std::string Yaml(const std::string& version, const std::vector<std::string>& names) {
  std::string text = "version_info: \"" + version + "\"\nresources:\n";
  for (const std::string& name : names) {
    text +=
        "- '@type': type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment\n"
        "  cluster_name: " +
        name + "\n";
  }
  return text;
}

TEST_CASE("A file gives what is asked for, and again when it is replaced") {
  const bool directory = GENERATE(false, true);
  World w("eds.yaml", directory);
  w.Put(Yaml("1", {"a", "b"}));
  w.Subscribe({"a", "c"});
  CHECK(w.user.Take().empty());
  w.Turn();
  CHECK(w.user.Take() == "+a @1 ");
  CHECK(w.Stats() == "update_attempt=1 update_success=1 ");
  w.Put(Yaml("2", {"a", "c"}));
  w.Turn();
  CHECK(w.user.Take() == "+c @2 ");
  // Names that come later are read at once.
  w.Put(Yaml("3", {"a", "b", "c"}));
  w.Turn();
  w.subscription->SetNames({"b"});
  w.Turn();
  CHECK(w.user.Take() == "+b @3 ");
  CHECK(w.source->Trouble().empty());
}

TEST_CASE("A file in any of its forms") {
  const std::string form = GENERATE("eds.pb", "eds.pb_text", "eds.json");
  World w(form);
  envoy::service::discovery::v3::DiscoveryResponse response;
  response.set_version_info("1");
  ClusterLoadAssignment assignment;
  assignment.set_cluster_name("a");
  response.add_resources()->PackFrom(assignment);
  std::string text = response.SerializeAsString();
  if (form == "eds.pb_text") google::protobuf::TextFormat::PrintToString(response, &text);
  if (form == "eds.json") {
    text = R"({"version_info": "1", "resources": [{"@type":
        "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "clusterName": "a"}]})";
  }
  w.Put(text);
  w.Subscribe({});
  w.Turn();
  CHECK(w.user.Take() == "+a @1 ");
}

TEST_CASE("A file that is wrong changes nothing, and is taken when it is right") {
  World w("eds.yaml");
  w.Put("resources: [");
  w.Subscribe({"a"});
  w.Turn();
  CHECK(w.user.Take().empty());
  CHECK(w.Stats() == "update_attempt=1 update_failure=1 ");
  CHECK(w.source->Trouble().find("eds.yaml") != std::string::npos);
  w.Put("type_url: type.googleapis.com/envoy.config.cluster.v3.Cluster\n");
  w.Turn();
  CHECK(w.Stats() == "update_attempt=2 update_failure=2 ");
  w.user.refused = "a";
  w.Put(Yaml("1", {"a"}));
  w.Turn();
  CHECK(w.user.Take() == "+a @1 ");
  CHECK(w.Stats() == "update_attempt=3 update_failure=2 update_rejected=1 ");
  w.user.refused = "";
  w.Put(Yaml("1", {"a"}));
  w.Turn();
  CHECK(w.user.Take() == "+a @1 ");
  CHECK(w.Stats() == "update_attempt=4 update_failure=2 update_rejected=1 update_success=1 ");
  CHECK(w.source->Trouble().empty());
}

TEST_CASE("What the file does not have is given up after initial_fetch_timeout") {
  World w("eds.yaml");
  w.Put(Yaml("1", {"a"}));
  w.Subscribe({"a", "b"}, event::kSecond);
  w.Turn();
  CHECK(w.user.Take() == "+a @1 ");
  w.clock.Advance(2 * event::kSecond);
  w.dispatcher.RunOnce(false);
  w.dispatcher.RunOnce(false);
  CHECK(w.user.Take() == "timeout b");
  CHECK(w.Stats() == "init_fetch_timeout=1 update_attempt=1 update_success=1 ");
}

}  // namespace
}  // namespace remora::xds
