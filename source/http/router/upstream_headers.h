#pragma once

// The x-envoy-* fields by which a request may say how it is to be tried, and those by which the
// router tells the upstream (Envoy docs: router filter, HTTP header manipulation).
//
// Only requests from inside have the first kind: the connection manager strips them from all
// others. They are consumed: the upstream does not see them. Values that are no numbers are
// ignored, unless strict_check_headers names the field. Pure functions over a request's head;
// nothing fails. Thread: the stream's worker.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/access_log/logger.h"
#include "source/event/clock.h"
#include "source/http/message.h"
#include "source/http/route/config.h"

namespace remora::router {

// envoy.extensions.filters.http.router.v3.Router.
struct Config {
  bool suppress_envoy_headers = false;
  // x-envoy-expected-rq-timeout-ms of the request is the timeout: the peer is another proxy.
  bool respect_expected_rq_timeout = false;
  // Fields whose values have to be valid, else 400.
  std::vector<http::HeaderId> strict_fields = {};
  // Logs of single tries: at their end, when they have got their connection, and so often while
  // they last (0: not).
  access_log::LoggerList upstream_log = {};
  bool log_new_tries = false;
  event::Duration log_interval = 0;
};

// 0: none.
struct Timeouts {
  event::Duration global = 0;        // from the end of the request, all tries together
  event::Duration per_try = 0;       // from the stream and the end of the request to the response
  event::Duration per_try_idle = 0;  // without a byte in either direction
  uint16_t status = 504;             // of the answer
  bool in_grpc = false;              // the upstream is told by grpc-timeout too
};

// The fields that are consumed.
inline constexpr http::HeaderIdSet kControlFields = {
    http::HeaderId::kXEnvoyRetryOn,
    http::HeaderId::kXEnvoyRetryGrpcOn,
    http::HeaderId::kXEnvoyMaxRetries,
    http::HeaderId::kXEnvoyRetriableStatusCodes,
    http::HeaderId::kXEnvoyRetriableHeaderNames,
    http::HeaderId::kXEnvoyHedgeOnPerTryTimeout,
    http::HeaderId::kXEnvoyUpstreamRqTimeoutMs,
    http::HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs,
    http::HeaderId::kXEnvoyUpstreamRqTimeoutAltResponse,
    http::HeaderId::kXEnvoyUpstreamAltStatName,
    http::HeaderId::kXEnvoyExpectedRqTimeoutMs,
};

// The first field that strict_check_headers refuses; null when there is none.
const http::HeaderEntry* FindRefusedField(const Config& config, const http::RequestHead& head);
// "invalid header 'x' with value 'y'".
std::string RefusedFieldBody(const http::HeaderEntry& field);

// Applies what the request asks for to the route's timeouts.
void ReadTimeouts(const Config& config, const http::RequestHead& head, Timeouts& timeouts);

// Where the route has max_grpc_timeout: what a gRPC request says of its time is its timeout.
void ReadGrpcTimeout(const route::ForwardAction& route, const http::RequestHead& head,
                     Timeouts& timeouts);

// How long the upstream may take: x-envoy-expected-rq-timeout-ms (unless suppressed), grpc-timeout.
// `elapsed`: since the end of the request.
void TellTimeout(const Config& config, const Timeouts& timeouts, event::Duration elapsed,
                 http::RequestHead& head);

// A number as text of the arena.
std::string_view NumberText(base::Arena& arena, int64_t number);
// A whole number, nothing else.
std::optional<uint64_t> ReadNumber(std::string_view text);

}  // namespace remora::router
