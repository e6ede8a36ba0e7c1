#include "source/xds/source_set.h"

#include <utility>

#include "source/base/check.h"
#include "source/config/text.h"
#include "source/xds/watch_subscription.h"

namespace remora::xds {

SourceSet::SourceSet(std::optional<config::ApiSource> ads, std::string node,
                     const Services& services)
    : node_(std::move(node)),
      services_(services),
      google_(services.dispatcher, services.clusters.worker().blocks, services.stats),
      sweep_(&OnTurnEnd, this) {
  if (!ads.has_value()) return;
  ads_ = std::make_unique<StreamSource>(*std::move(ads), std::nullopt, "", StreamServices());
}

std::unique_ptr<Subscription> SourceSet::Subscribe(const config::ConfigSource& source,
                                                   ResourceType type, bool wildcard,
                                                   std::string_view stat_prefix,
                                                   ResourceUser& user) {
  return std::make_unique<WatchSubscription>(WatchSubscription::Setup{
      Find(source, type, stat_prefix), type, wildcard,
      source.kind == config::ConfigSource::Kind::kPath, source.initial_fetch_timeout, stat_prefix,
      user, services_.dispatcher, services_.stats, sweep_});
}

Source& SourceSet::Find(const config::ConfigSource& source, ResourceType type,
                        std::string_view stat_prefix) {
  switch (source.kind) {
    case config::ConfigSource::Kind::kAds:
      CHECK(ads_ != nullptr);
      return *ads_;
    case config::ConfigSource::Kind::kApi:
      if (source.api.kind == config::ApiSource::Kind::kRest) return FindRest(source.api, type);
      return FindStream(source.api, type, stat_prefix);
    case config::ConfigSource::Kind::kPath:
      break;
  }
  return FindFile(source, type);
}

StreamSource& SourceSet::FindStream(const config::ApiSource& source, ResourceType type,
                                    std::string_view stat_prefix) {
  for (const auto& stream : streams_) {
    if (stream->only() == type && stream->source() == source) return *stream;
  }
  streams_.push_back(std::make_unique<StreamSource>(source, type, stat_prefix, StreamServices()));
  Restore(*streams_.back(), config::Describe(source), type);
  return *streams_.back();
}

RestSource& SourceSet::FindRest(const config::ApiSource& source, ResourceType type) {
  for (const auto& rest : rests_) {
    if (rest->type() == type && rest->source() == source) return *rest;
  }
  rests_.push_back(
      std::make_unique<RestSource>(source, type, services_.unknown_fields, StreamServices()));
  Restore(*rests_.back(), config::Describe(source), type);
  return *rests_.back();
}

FileSource& SourceSet::FindFile(const config::ConfigSource& source, ResourceType type) {
  for (const auto& file : files_) {
    if (file->type() == type && file->path() == source.path &&
        file->watched_directory() == source.watched_directory) {
      return *file;
    }
  }
  files_.push_back(std::make_unique<FileSource>(
      source.path, source.watched_directory, type,
      FileServices{services_.dispatcher, services_.files, services_.unknown_fields,
                   services_.unknown_fields_met}));
  return *files_.back();
}

void SourceSet::Resume(ResourceType type) {
  pauses_.End(type);
  if (pauses_.paused(type)) return;
  if (ads_ != nullptr) ads_->Wake();
  for (const auto& stream : streams_) stream->Wake();
  for (const auto& rest : rests_) rest->Wake();
}

void SourceSet::OnTurnEnd(void* self) {
  auto* const set = static_cast<SourceSet*>(self);
  std::erase_if(set->streams_, [](const auto& stream) {
    if (stream->attached()) return false;
    stream->Close();
    return true;
  });
  std::erase_if(set->rests_, [](const auto& rest) { return !rest->attached(); });
  std::erase_if(set->files_, [](const auto& file) { return !file->attached(); });
}

std::vector<std::string> SourceSet::Troubles() const {
  std::vector<std::string> troubles;
  const auto add = [&troubles](const Source& source) {
    std::string trouble = source.Trouble();
    if (!trouble.empty()) troubles.push_back(std::move(trouble));
  };
  if (ads_ != nullptr) add(*ads_);
  for (const auto& stream : streams_) add(*stream);
  for (const auto& rest : rests_) add(*rest);
  for (const auto& file : files_) add(*file);
  return troubles;
}

std::vector<ResourceStatus> SourceSet::Show() const {
  std::vector<ResourceStatus> resources;
  if (ads_ != nullptr) ads_->Show(resources);
  for (const auto& stream : streams_) stream->Show(resources);
  for (const auto& rest : rests_) rest->Show(resources);
  for (const auto& file : files_) file->Show(resources);
  return resources;
}

// --- the snapshot ---

void SourceSet::UseSnapshot(std::vector<SnapshotPart> parts, std::function<void()> on_taken) {
  on_taken_ = std::move(on_taken);
  shelf_ = std::move(parts);
  if (ads_ != nullptr) Restore(*ads_, kAdsName, std::nullopt);
}

void SourceSet::Restore(Source& source, std::string_view name, std::optional<ResourceType> type) {
  std::erase_if(shelf_, [&source, name, type](SnapshotPart& part) {
    if (part.source != name || (type.has_value() && part.type != *type)) return false;
    source.Restore(std::move(part));
    return true;
  });
}

std::vector<SnapshotPart> SourceSet::Collect() const {
  std::vector<SnapshotPart> parts;
  if (ads_ != nullptr) ads_->Collect(parts);
  for (const auto& stream : streams_) stream->Collect(parts);
  for (const auto& rest : rests_) rest->Collect(parts);
  parts.insert(parts.end(), shelf_.begin(), shelf_.end());
  return parts;
}

std::vector<std::string> SourceSet::Restored() const {
  std::vector<std::string> restored;
  const auto add = [&restored](const Source& source, const std::string& name) {
    const size_t count = source.restored();
    if (count > 0) restored.push_back(config::Concat(name, ": ", count, " resources"));
  };
  if (ads_ != nullptr) add(*ads_, std::string(kAdsName));
  for (const auto& stream : streams_) add(*stream, config::Describe(stream->source()));
  for (const auto& rest : rests_) add(*rest, config::Describe(rest->source()));
  return restored;
}

void SourceSet::Close() {
  if (ads_ != nullptr) ads_->Close();
  for (const auto& stream : streams_) stream->Close();
  for (const auto& rest : rests_) rest->Close();
  for (const auto& file : files_) file->Close();
}

}  // namespace remora::xds
