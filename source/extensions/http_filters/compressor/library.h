#pragma once

// The coding that a configuration names, and the compressor that makes it.
//
// Main thread, at load. Faults go to the context with `field` as the place.

#include <memory>
#include <string_view>

#include "source/compression/codec.h"
#include "source/config/registry.h"

namespace envoy::config::core::v3 {
class TypedExtensionConfig;
}

namespace remora::extensions {

// Null after an error.
std::shared_ptr<const compression::CompressorLibrary> ParseCompressorLibrary(
    const envoy::config::core::v3::TypedExtensionConfig& proto, std::string_view field,
    config::ConfigContext& context);

}  // namespace remora::extensions
