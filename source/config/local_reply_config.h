#pragma once

// Translator of local_reply_config: rules for the answers that the proxy itself gives.
//
// Pure but for data sources (core_config.h). What is wrong goes to Translation::errors with the
// field's path. Source: Envoy source/common/local_reply/local_reply.cc.

#include <memory>

#include "source/config/core_config.h"
#include "source/http/filter/local_reply_rules.h"

namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class LocalReplyConfig;
}

namespace remora::config {

std::shared_ptr<const http::LocalReplyRules> ParseLocalReplies(
    const envoy::extensions::filters::network::http_connection_manager::v3::LocalReplyConfig& proto,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
