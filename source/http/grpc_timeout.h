#pragma once

// The grpc-timeout field: how long a gRPC client waits (gRPC over HTTP/2, "Timeout").
//
// Read from requests that pass by, written into calls of our own.
// Pure functions; any thread, no owner. Nothing fails: what is no timeout is none, and the request
// goes on without, as in Envoy.

#include <optional>
#include <string>
#include <string_view>

#include "source/event/clock.h"

namespace remora::http {

// 1 to 8 digits and a unit (H, M, S, m, u or n).
std::optional<event::Duration> ParseGrpcTimeout(std::string_view value);
// In the finest unit, from milliseconds on, that takes no more than 8 digits. Rounded up: a server
// never gives up before its client.
std::string FormatGrpcTimeout(event::Duration timeout);

}  // namespace remora::http
