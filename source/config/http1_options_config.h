#pragma once

// Translators of envoy.config.core.v3.Http1ProtocolOptions that connection managers and clusters
// share.
//
// Pure. What is wrong goes to Translation::errors with the field's path.
// Source: Envoy source/common/http/http1/settings.cc.

#include "source/config/core_config.h"
#include "source/http/codec.h"

namespace envoy::config::core::v3 {
class Http1ProtocolOptions;
}

namespace remora::config {

// header_key_format.
http::NameCase ParseNameCase(const envoy::config::core::v3::Http1ProtocolOptions& proto,
                             const FieldPath& path, Translation& translation);

}  // namespace remora::config
