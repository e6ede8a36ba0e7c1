#pragma once

// SourceSet: all sources of the process: the ADS stream, streams of single types, files; made when
// somebody subscribes, gone when nobody does any more.
//
//   Subscribe(source, type, ...) --> WatchSubscription --> StreamSource (ADS, or of its own)
//                                                     \--> RestSource, FileSource
//
// Subscriptions with equal sources and the same type share one. Owner: Server; subscriptions end
// before it. Thread: main. Close ends streams, before the clusters that they go through.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/config/config_source.h"
#include "source/xds/file_source.h"
#include "source/xds/rest_source.h"
#include "source/xds/stream_source.h"
#include "source/xds/subscription.h"

namespace remora::xds {

class SourceSet final : public Sources {
 public:
  struct Services {
    event::Dispatcher& dispatcher;
    upstream::ClusterSet& clusters;  // main's
    stats::Store& stats;
    event::FileWatcher& files;
    config::UnknownFieldPolicy unknown_fields = config::UnknownFieldPolicy::kWarn;
    stats::Counter unknown_fields_met = {};
  };

  // `ads`: of the bootstrap. `node`: a serialized envoy.config.core.v3.Node.
  SourceSet(std::optional<config::ApiSource> ads, std::string node, const Services& services);

  // Sources. With kAds there is an `ads`: the translators see to it.
  std::unique_ptr<Subscription> Subscribe(const config::ConfigSource& source, ResourceType type,
                                          bool wildcard, std::string_view stat_prefix,
                                          ResourceUser& user) override;
  void Pause(ResourceType type) override { pauses_.Begin(type); }
  void Resume(ResourceType type) override;

  // Before anybody subscribes: what the sources had said before this process started, and whom to
  // call when they have said something new, which Collect gives then.
  void UseSnapshot(std::vector<SnapshotPart> parts, std::function<void()> on_taken);
  std::vector<SnapshotPart> Collect() const;
  // The sources whose resources in use are a snapshot's, in words.
  std::vector<std::string> Restored() const;

  // What has become of everything that somebody wants of a source.
  std::vector<ResourceStatus> Show() const;
  const std::string& node() const { return node_; }

  // What is wrong with sources that somebody wants something of, in words.
  std::vector<std::string> Troubles() const;
  void Close();

 private:
  static void OnTurnEnd(void* self);
  Source& Find(const config::ConfigSource& source, ResourceType type, std::string_view stat_prefix);
  StreamSource& FindStream(const config::ApiSource& source, ResourceType type,
                           std::string_view stat_prefix);
  RestSource& FindRest(const config::ApiSource& source, ResourceType type);
  FileSource& FindFile(const config::ConfigSource& source, ResourceType type);
  // Gives it the parts that are its own.
  void Restore(Source& source, std::string_view name, std::optional<ResourceType> type);

  SourceServices StreamServices() {
    return {services_.dispatcher,
            services_.clusters,
            google_,
            services_.stats,
            random_,
            node_,
            pauses_,
            on_taken_};
  }

  const std::string node_;
  Services services_;
  grpc::GoogleClient google_;
  base::Random random_;
  Pauses pauses_;
  std::function<void()> on_taken_;
  std::vector<SnapshotPart> shelf_;    // of sources that there are not yet
  std::unique_ptr<StreamSource> ads_;  // null: there is no ads_config
  std::vector<std::unique_ptr<StreamSource>> streams_;
  std::vector<std::unique_ptr<RestSource>> rests_;
  std::vector<std::unique_ptr<FileSource>> files_;
  event::TurnTask sweep_;
};

}  // namespace remora::xds
