#include "source/server/on_demand_clusters.h"

#include <utility>

#include "source/config/proto_values.h"

namespace remora::server {
namespace {

// Not the wildcard, no locator, nothing that cannot be written into a request.
bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= OnDemandClusters::kLongestName && name != "*" &&
         !name.starts_with("xdstp:") && config::ToUtf8(name) == name;
}

}  // namespace

class OnDemandClusters::Asked final : public xds::ResourceUser {
 public:
  Asked(OnDemandClusters& all, const config::ConfigSource& source)
      : all_(all), source_(source), subscription_(Subscribe()) {}

  const config::ConfigSource& source() const { return source_; }

  void Ask(const std::string& name) {
    const auto [at, is_new] = names_.try_emplace(name, State::kAwaited);
    if (!is_new) {
      if (at->second == State::kRefused) return all_.answer_(name);
      if (at->second == State::kAwaited || all_.services_.warmer.IsWarming(ClusterTarget(name))) {
        return;
      }
      // Another source has taken it away.
      subscription_->DropName(name);
      at->second = State::kAwaited;
    }
    if (all_.awaited_ >= kMostAwaited) {
      names_.erase(at);
      all_.stats_.overflow.Inc();
      all_.answer_(name);
      return;
    }
    ++all_.awaited_;
    subscription_->AddName(name);
  }

  std::vector<xds::ResourceError> OnUpdate(const xds::ResourceUpdate& update) override {
    std::vector<xds::ResourceError> errors = all_.clusters_.Take(update);
    for (const xds::Resource& resource : update.changed) {
      Note(std::string(resource.name), State::kTaken);
    }
    for (const xds::ResourceError& error : errors) Note(error.name, State::kRefused);
    for (const std::string& name : update.removed) Forget(name);
    return errors;
  }

  void OnFetchTimeout(absl::Span<const std::string> names) override {
    for (const std::string& name : names) Forget(name);
  }

 private:
  enum class State : uint8_t { kAwaited, kTaken, kRefused };

  std::unique_ptr<xds::Subscription> Subscribe() {
    config::ConfigSource source = source_;
    // A source that says nothing must not keep the place of others for ever.
    if (source.initial_fetch_timeout == 0) {
      source.initial_fetch_timeout = config::ConfigSource::kDefaultFetchTimeout;
    }
    auto subscription = all_.services_.sources.Subscribe(source, xds::ResourceType::kCluster, false,
                                                         "cluster_manager.odcds.", *this);
    subscription->Start();
    return subscription;
  }

  void Note(const std::string& name, State state) {
    const auto found = names_.find(name);
    if (found == names_.end()) return;
    if (found->second == State::kAwaited) --all_.awaited_;
    found->second = state;
    if (state == State::kRefused) all_.answer_(name);
  }

  void Forget(const std::string& name) {
    const auto found = names_.find(name);
    if (found == names_.end()) return;
    if (found->second == State::kAwaited) --all_.awaited_;
    names_.erase(found);
    subscription_->DropName(name);
    all_.answer_(name);
  }

  OnDemandClusters& all_;
  const config::ConfigSource source_;
  absl::flat_hash_map<std::string, State> names_;
  std::unique_ptr<xds::Subscription> subscription_;
};

OnDemandClusters::OnDemandClusters(const DynamicServices& services, DynamicClusters& clusters,
                                   Answer answer)
    : services_(services),
      clusters_(clusters),
      answer_(std::move(answer)),
      stats_(services.stats.AddScope("cluster_manager.odcds")
                 .Make<OnDemandStats>(services.stats.main_shard())) {}

OnDemandClusters::~OnDemandClusters() = default;

void OnDemandClusters::FindCluster(std::shared_ptr<const config::ConfigSource> source,
                                   std::string name) {
  services_.dispatcher.Post(
      [this, source = std::move(source), name = std::move(name)] { Find(*source, name); });
}

void OnDemandClusters::Find(const config::ConfigSource& source, const std::string& name) {
  // The worker did not know yet; it may have gone again before it does.
  if (services_.clusters.Contains(name)) return answer_(name);
  if (!IsName(name)) {
    stats_.overflow.Inc();
    return answer_(name);
  }
  SourceFor(source).Ask(name);
}

OnDemandClusters::Asked& OnDemandClusters::SourceFor(const config::ConfigSource& source) {
  for (const auto& asked : sources_) {
    if (asked->source() == source) return *asked;
  }
  return *sources_.emplace_back(std::make_unique<Asked>(*this, source));
}

}  // namespace remora::server
