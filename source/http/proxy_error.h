#pragma once

// ProxyError: why an exchange failed, as a value: which side, what kind, is it safe to try again.
//
// One table (proxy_error.cc) maps a kind to the HTTP status, the response flag, Envoy's details
// string, the reset reason text in the body; nothing else in the product invents those.
// Source: Envoy's router and codec behaviour, envoy docs "response code details".

#include <cstdint>
#include <string>
#include <string_view>

#include "source/http/response_flags.h"

namespace remora::http {

enum class Side : uint8_t { kDownstream, kUpstream, kLocal };

enum class ErrorKind : uint8_t {
  kNone,
  // Upstream, before or during the response.
  kConnectFailure,  // refused, unreachable
  kConnectTimeout,
  kLocalConnectFailure,    // we could not even start (descriptors or ports used up)
  kConnectionTermination,  // closed before the response was complete
  kRemoteReset,
  kProtocolError,  // what the upstream sent is no HTTP
  kOverflow,       // a circuit breaker is open
  kNoHealthyHost,
  kRouteTimeout,
  kStreamIdleTimeout,
  // Local decisions.
  kNoRoute,
  kNoCluster,
  kLocalReset,
  kRequestTooLarge,
  kResponseTooLarge,
  // Downstream.
  kDownstreamClosed,
  kDownstreamProtocolError,
  // One try of a request; a body that outgrew what is kept for the next one.
  kPerTryTimeout,
  kPerTryIdleTimeout,
  kRetryBufferLimit,
  kRequestHeadersTimeout,
  kRequestTimeout,
  kMaxStreamDuration,
  // An operator keeps requests from the cluster.
  kMaintenance,
  kRemoteRefused,    // the upstream has reset the stream without acting on it
  kDownstreamReset,  // the client has reset the stream
  kUpstreamMaxStreamDuration,
  kCount,
};

struct ProxyError {
  Side side = Side::kLocal;
  ErrorKind kind = ErrorKind::kNone;
  // Text that says more (a codec's detail, an errno name, why a handshake failed); empty when the
  // kind says it all. Valid while the error is told: who keeps it copies it.
  std::string_view detail = {};
  // The upstream has surely not acted on the request.
  bool safe_to_retry = false;
  // `detail` is what a transport says of itself.
  bool from_transport = false;
};

struct ErrorReply {
  uint16_t status;
  ResponseFlag flag;
  std::string_view reset_reason;  // Envoy's text for the body and the details of upstream failures
  std::string_view details;       // %RESPONSE_CODE_DETAILS%; for upstream resets a prefix
  std::string_view body;          // exact; empty when it is built from reset_reason
};

const ErrorReply& ReplyFor(ErrorKind kind);

// "upstream connect error or disconnect/reset before headers. reset reason: <reason>"; `retried`:
// "retried and the latest reset reason: <reason>".
std::string UpstreamResetBody(ErrorKind kind, bool retried = false);
// "upstream_reset_before_response_started{connection_termination}"; with what is known of the
// transport: "...{remote_connection_failure|delayed_connect_error:_Connection_refused}".
std::string UpstreamResetDetails(ErrorKind kind, bool response_started,
                                 std::string_view transport_failure = {});

}  // namespace remora::http
