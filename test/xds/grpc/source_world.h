#pragma once

// SourceWorld: sources over real sockets to a control plane of the test, and a user that keeps what
// it is given.
//
// Owner and thread: the test's.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/event/file_watch.h"
#include "source/xds/source_set.h"
#include "test/grpc/call_world.h"
#include "test/harness/control_plane.h"

namespace remora::xds {

inline std::string Url(ResourceType type) { return std::string(TypeUrl(type)); }

// A serialized message of any of the types: its name and something else (a field that none has).
inline std::string Named(const std::string& name, const std::string& content = "") {
  std::string bytes = "\x0a";
  bytes += static_cast<char>(name.size());
  bytes += name;
  if (content.empty()) return bytes;
  bytes += "\xfa\x7f";  // field 2047
  bytes += static_cast<char>(content.size());
  return bytes + content;
}

// Keeps resources; refuses those whose content begins with "bad".
class KeepingUser final : public ResourceUser {
 public:
  std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) override {
    std::vector<ResourceError> errors;
    for (const Resource& resource : update.changed) {
      if (resource.bytes.find("bad") != std::string_view::npos) {
        errors.push_back({std::string(resource.name), "f: is bad"});
      } else {
        held[std::string(resource.name)] = std::string(resource.bytes);
      }
      log += "+" + std::string(resource.name) + " ";
    }
    for (const std::string& name : update.removed) {
      held.erase(name);
      log += "-" + name + " ";
    }
    version = std::string(update.version);
    ++updates;
    if (on_update) on_update();
    return errors;
  }
  void OnFetchTimeout(absl::Span<const std::string> names) override {
    log += "timeout";
    for (const std::string& name : names) log += " " + name;
    log += "; ";
  }

  std::map<std::string, std::string> held;
  std::string log;
  std::string version;
  int updates = 0;
  std::function<void()> on_update;
};

struct SourceWorld {
  explicit SourceWorld(const net::Address& server, config::ApiSource ads = {},
                       const std::function<void(upstream::ClusterConfig&)>& change = {})
      : world(server, change) {
    if (ads.services.empty()) ads.services.push_back({.cluster = "svc"});
    sources = std::make_unique<SourceSet>(
        ads, node, SourceSet::Services{world.dispatcher, world.clusters, world.store, files});
  }
  ~SourceWorld() {
    subscriptions.clear();
    sources->Close();
    world.dispatcher.RunOnce(false);
  }

  Subscription& Subscribe(ResourceType type, KeepingUser& user, std::vector<std::string> names = {},
                          const config::ConfigSource& source = {}) {
    const bool wildcard = names.empty();
    subscriptions.push_back(sources->Subscribe(source, type, wildcard, Prefix(type), user));
    if (!wildcard) subscriptions.back()->SetNames(std::move(names));
    subscriptions.back()->Start();
    return *subscriptions.back();
  }
  static std::string Prefix(ResourceType type) {
    return "test." + std::to_string(static_cast<int>(type)) + ".";
  }
  template <class Condition>
  void Until(const Condition& condition) {
    world.Until(condition);
  }
  uint64_t Stat(const std::string& name) {
    const stats::Snapshot snapshot = world.store.TakeSnapshot();
    for (const stats::Metric& metric : snapshot.metrics()) {
      if (metric.name == name) return metric.value;
    }
    throw std::out_of_range(name);
  }

  std::string node = "\x0a\x02me";  // Node{id: "me"}
  grpc::CallWorld world;
  event::FileWatcher files{world.dispatcher};
  std::unique_ptr<SourceSet> sources;
  std::vector<std::unique_ptr<Subscription>> subscriptions;
};

}  // namespace remora::xds
