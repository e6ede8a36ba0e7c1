#include "source/extensions/http_filters/set_metadata/set_metadata.h"

#include <utility>

#include "envoy/extensions/filters/http/set_metadata/v3/set_metadata.pb.h"
#include "source/config/format_config.h"

namespace remora::extensions {
namespace {

using http::MetadataValue;
using Kind = MetadataValue::Kind;

// Depths are bounded by the loader's limit on nested messages.
void Merge(const MetadataValue& from, MetadataValue& to) {
  for (const auto& [name, value] : from.fields) {
    const auto [place, is_new] = to.fields.try_emplace(name, value);
    MetadataValue& old = place->second;
    if (is_new) continue;
    if (value.kind == Kind::kStruct && old.kind == Kind::kStruct) {
      Merge(value, old);
    } else if (value.kind == Kind::kList && old.kind == Kind::kList) {
      old.items.insert(old.items.end(), value.items.begin(), value.items.end());
    } else {
      old = value;
    }
  }
}

}  // namespace

std::optional<SetMetadata::Config> SetMetadata::Parse(const Proto& proto, config::ConfigContext&) {
  Config config;
  if (!proto.metadata_namespace().empty() && proto.has_value()) {
    config.entries.push_back(
        {proto.metadata_namespace(), config::ToMetadataValue(proto.value()), true});
  }
  for (const auto& entry : proto.metadata()) {
    if (!entry.has_value()) continue;
    config.entries.push_back({entry.metadata_namespace(), config::ToMetadataValue(entry.value()),
                              entry.allow_overwrite()});
  }
  return config;
}

std::optional<SetMetadata::RouteConfig> SetMetadata::ParseRoute(const RouteProto& proto,
                                                                config::ConfigContext& context) {
  return Parse(proto, context);
}

http::FilterPtr SetMetadata::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<SetMetadataFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> SetMetadata::CreateWorkerState(
    const Config&, const http::WorkerSetup& setup) {
  return std::make_unique<SetMetadataState>(setup);
}

void SetMetadataFilter::Apply(const SetMetadata::Config& config) {
  http::StreamInfo& info = context_.stream_info();
  for (const SetMetadata::Entry& entry : config.entries) {
    const bool there =
        info.dynamic_metadata != nullptr && info.dynamic_metadata->contains(entry.name_space);
    if (there && !entry.overwrites) {
      context_.worker_state<SetMetadataState>().stats.overwrite_denied.Inc();
    } else {
      Merge(entry.value, metadata_.Open(info, entry.name_space));
    }
  }
}

http::Answer SetMetadataFilter::OnRequestHead(http::RequestHead&) {
  Apply(config_);
  const auto* const route = context_.RouteConfig<SetMetadata::RouteConfig>();
  if (route != nullptr) Apply(*route);
  return http::Answer::kContinue;
}

}  // namespace remora::extensions
