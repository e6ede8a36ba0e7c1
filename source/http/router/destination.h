#pragma once

// FindDestination: where a request to an ORIGINAL_DST cluster goes.
//
// A pure function; any thread. In Envoy's order: dynamic metadata, the request's header, where the
// client wanted to go before it was redirected. What is no address is counted and passed over.
// Nothing else fails; no value: the request goes nowhere.
// Source: Envoy source/extensions/clusters/original_dst/original_dst_cluster.cc.

#include <optional>

#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/net/address.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::router {

std::optional<net::Address> FindDestination(const upstream::ClusterRuntime& cluster,
                                            const http::StreamInfo& info,
                                            const http::RequestHead& head);

}  // namespace remora::router
