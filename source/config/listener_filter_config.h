#pragma once

// Translator of envoy.config.listener.v3.ListenerFilter: what looks at a connection before its
// filter chain is chosen.
//
// Pure. Filters are found by type in the registry; what is wrong goes to Translation::errors.
// Source: Envoy source/common/listener_manager/listener_manager_impl.cc.

#include <vector>

#include "source/config/core_config.h"
#include "source/net/listener_filter.h"

namespace envoy::config::listener::v3 {
class ListenerFilter;
}

namespace remora::config {

std::vector<net::ListenerFilterFactory> ParseListenerFilters(
    const google::protobuf::RepeatedPtrField<envoy::config::listener::v3::ListenerFilter>& protos,
    const FieldPath& path, Translation& translation);

}  // namespace remora::config
