#pragma once

// The filter that leaves fixed dynamic metadata of every request.
//
// envoy.extensions.filters.http.set_metadata.v3.Config; a route's entries come after the filter's.
// What is there already stays, and is counted, unless the entry may overwrite: then structs are
// merged, lists appended, other values replaced. Measured on Envoy 1.40.
// Source: Envoy source/extensions/filters/http/set_metadata/set_metadata_filter.cc.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/config/registry.h"
#include "source/http/filter/dynamic_metadata.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_context.h"
#include "source/stats/group.h"

namespace envoy::extensions::filters::http::set_metadata::v3 {
class Config;
}

namespace remora::extensions {

class SetMetadataFilter;

struct SetMetadata {
  using Proto = envoy::extensions::filters::http::set_metadata::v3::Config;
  using RouteProto = Proto;
  using Filter = SetMetadataFilter;
  struct Entry {
    std::string name_space;
    http::MetadataValue value;  // a struct
    bool overwrites = false;
  };
  struct Config {
    std::vector<Entry> entries;
  };
  using RouteConfig = Config;

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
};

// `http.<stat_prefix>.set_metadata.`
struct SetMetadataStats {
  // Entries that found something there and may not overwrite it.
  stats::NamedCounter<"set_metadata.overwrite_denied"> overwrite_denied;
};

class SetMetadataState final : public http::FilterWorkerState {
 public:
  explicit SetMetadataState(const http::WorkerSetup& setup)
      : stats(setup.scope.Make<SetMetadataStats>(setup.shard)) {}
  const SetMetadataStats stats;
};

class SetMetadataFilter final : public http::Filter {
 public:
  SetMetadataFilter(const SetMetadata::Config& config, http::FilterContext& context)
      : config_(config), context_(context) {}

  http::Answer OnRequestHead(http::RequestHead& head) override;

 private:
  void Apply(const SetMetadata::Config& config);

  const SetMetadata::Config& config_;
  http::FilterContext& context_;
  http::DynamicMetadata metadata_;
};

}  // namespace remora::extensions
