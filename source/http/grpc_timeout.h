#pragma once

// The grpc-timeout field: how long a gRPC client waits (gRPC over HTTP/2, "Timeout").
//
// A pure function; any thread. What is no timeout is none: the request goes on without, as in
// Envoy.

#include <optional>
#include <string_view>

#include "source/event/clock.h"

namespace remora::http {

// 1 to 8 digits and a unit (H, M, S, m, u or n).
std::optional<event::Duration> ParseGrpcTimeout(std::string_view value);

}  // namespace remora::http
