#pragma once

// Translators of envoy.config.core.v3.ConfigSource and ApiConfigSource: where configuration comes
// from that changes while the process runs.
//
// Pure but for looking whether a file is there; main thread. Faults go to Translation::errors with
// their fields' paths; texts are Envoy's where it has one. A server has to be behind one of the
// bootstrap's own clusters: Translation::primary_clusters says which there are.
// Source: Envoy source/common/config/utility.cc (checkApiConfigSourceNames and below).

#include <memory>
#include <optional>
#include <string_view>

#include "source/config/config_source.h"
#include "source/config/core_config.h"

namespace envoy::config::core::v3 {
class ApiConfigSource;
class ConfigSource;
}  // namespace envoy::config::core::v3

namespace remora::config {

// nullopt after an error.
std::optional<ConfigSource> ParseConfigSource(const envoy::config::core::v3::ConfigSource& proto,
                                              const FieldPath& path, Translation& translation);
// One that may be asked for more and more names: only delta can say that there is none of a name.
std::optional<ConfigSource> ParseDeltaSource(const envoy::config::core::v3::ConfigSource& proto,
                                             const FieldPath& path, Translation& translation);
std::optional<ApiSource> ParseApiSource(const envoy::config::core::v3::ApiConfigSource& proto,
                                        const FieldPath& path, Translation& translation);

// Of an extension; null after an error.
std::shared_ptr<const ConfigSource> ParseDeltaSource(
    const envoy::config::core::v3::ConfigSource& proto, std::string_view field,
    ConfigContext& context);

}  // namespace remora::config
