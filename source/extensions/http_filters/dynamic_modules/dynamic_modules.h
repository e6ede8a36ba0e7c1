#pragma once

// The filter that is code of a module: configuration, and what is made of it.
//
// envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter: the module is loaded when
// its configuration is, and makes a value of it; ModuleFilter runs it. The interface is Remora's
// own (source/sdk/remora_filter_abi.h, ADR 26). Statistics:
// http.<stat_prefix>.dynamic_modules.misused and .failed, and what the module defines. Source of
// the messages: Envoy 1.40 api/envoy/extensions/dynamic_modules.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/config/registry.h"
#include "source/extensions/http_filters/dynamic_modules/module_config.h"
#include "source/http/filter/filter.h"

namespace envoy::extensions::filters::http::dynamic_modules::v3 {
class DynamicModuleFilter;
class DynamicModuleFilterPerRoute;
}  // namespace envoy::extensions::filters::http::dynamic_modules::v3

namespace remora::extensions {

struct DynamicModules {
  using Proto = envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilter;
  using RouteProto =
      envoy::extensions::filters::http::dynamic_modules::v3::DynamicModuleFilterPerRoute;
  struct Config {
    ModuleValue value;
    uint32_t hooks = 0;  // a set of remora_hook
    size_t filter_size = 0;
    std::vector<DefinedMetric> metrics;
  };
  struct RouteConfig {
    std::unique_ptr<const RouteSetting> setting;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::optional<RouteConfig> ParseRoute(const RouteProto& proto,
                                               config::ConfigContext& context);
  static std::unique_ptr<http::FilterWorkerState> CreateWorkerState(const Config& config,
                                                                    const http::WorkerSetup& setup);
  static http::FilterPtr Create(const Config& config, http::FilterContext& context);
  static http::Hooks HooksOf(const Config& config);

  // With the configuration as a value. Errors: of the field `filter_config`.
  static std::optional<Config> Make(std::shared_ptr<const Library> library, std::string_view name,
                                    const http::MetadataValue& value,
                                    config::ConfigContext& context);
  static std::optional<RouteConfig> MakeRoute(std::shared_ptr<const Library> library,
                                              std::string_view name, http::MetadataValue value,
                                              config::ConfigContext& context);
};

}  // namespace remora::extensions
