#pragma once

// Translator of envoy.config.core.v3.Http2ProtocolOptions, which connection managers and clusters
// share.
//
// Pure. What is wrong goes to Translation::errors with the field's path.
// Source: Envoy source/common/http/utility.cc, initializeAndValidateOptions.

#include "source/config/core_config.h"
#include "source/http/http2/options.h"

namespace envoy::config::core::v3 {
class Http2ProtocolOptions;
}

namespace remora::config {

http2::ProtocolOptions ParseHttp2Options(const envoy::config::core::v3::Http2ProtocolOptions& proto,
                                         const FieldPath& path, Translation& translation);

}  // namespace remora::config
