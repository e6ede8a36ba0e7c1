#pragma once

// envoy.type.matcher.v3.MetadataMatcher to route::MetadataMatch.
//
// Pure, main thread. What is wrong goes to Translation::errors; expressions are compiled by whoever
// takes the value.

#include "source/config/core_config.h"
#include "source/http/route/config.h"

namespace envoy::type::matcher::v3 {
class MetadataMatcher;
}

namespace remora::config {

route::MetadataMatch ParseMetadataMatch(const envoy::type::matcher::v3::MetadataMatcher& proto,
                                        const FieldPath& path, Translation& translation);

}  // namespace remora::config
