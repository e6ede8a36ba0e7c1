#pragma once

// Translators of envoy.config.bootstrap.v3.LayeredRuntime and envoy.service.runtime.v3.Runtime.
//
// Pure: disk layers are read by the server. Every value is kept; keys that switch what is Envoy's
// own are reported to Translation::warnings, one each. Values that Envoy refuses (null, lists) are
// errors. Source: Envoy source/common/runtime/runtime_impl.cc.

#include <string_view>
#include <vector>

#include "source/config/bootstrap.h"
#include "source/config/core_config.h"

namespace envoy::config::bootstrap::v3 {
class LayeredRuntime;
}
namespace envoy::service::runtime::v3 {
class Runtime;
}

namespace remora::config {

// Also sets Translation::max_regex_program_size, from static layers. `service_cluster` is this
// node's.
std::vector<RuntimeLayerConfig> ParseRuntime(
    const envoy::config::bootstrap::v3::LayeredRuntime& proto, std::string_view service_cluster,
    const FieldPath& path, Translation& translation);

// Adds to the rtds layers of `layers`, made of the same message, where they come from: behind the
// clusters, which sources may be behind.
void ParseRuntimeSources(const envoy::config::bootstrap::v3::LayeredRuntime& proto,
                         const FieldPath& path, Translation& translation,
                         std::vector<RuntimeLayerConfig>& layers);

// The values of an rtds layer as its source has sent them.
runtime::Snapshot::Values ParseRuntimeLayer(const envoy::service::runtime::v3::Runtime& proto,
                                            const FieldPath& path, Translation& translation);

}  // namespace remora::config
