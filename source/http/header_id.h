#pragma once

// HeaderId: a one-byte code for field names that the proxy or most filters look at.
//
// Known names are compared as a byte and found without looking at names (the idea of proxygen's
// header codes). LookUpHeaderId hashes a lower-case name into a table built at compile time.
// To add a name: one line in the list; nothing else. Values, any thread.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace remora::http {

// clang-format off
#define REMORA_HEADER_LIST(X)                                      \
  X(kAccept, "accept")                                             \
  X(kAcceptEncoding, "accept-encoding")                            \
  X(kAcceptLanguage, "accept-language")                            \
  X(kAge, "age")                                                   \
  X(kAuthorization, "authorization")                               \
  X(kCacheControl, "cache-control")                                \
  X(kConnection, "connection")                                     \
  X(kContentEncoding, "content-encoding")                          \
  X(kContentLength, "content-length")                              \
  X(kContentType, "content-type")                                  \
  X(kCookie, "cookie")                                             \
  X(kDate, "date")                                                 \
  X(kEtag, "etag")                                                 \
  X(kExpect, "expect")                                             \
  X(kExpires, "expires")                                           \
  X(kForwarded, "forwarded")                                       \
  X(kGrpcMessage, "grpc-message")                                  \
  X(kGrpcStatus, "grpc-status")                                    \
  X(kGrpcTimeout, "grpc-timeout")                                  \
  X(kHost, "host")                                                 \
  X(kHttp2Settings, "http2-settings")                              \
  X(kIfModifiedSince, "if-modified-since")                         \
  X(kIfNoneMatch, "if-none-match")                                 \
  X(kKeepAlive, "keep-alive")                                      \
  X(kLastModified, "last-modified")                                \
  X(kLocation, "location")                                         \
  X(kOrigin, "origin")                                             \
  X(kProxyConnection, "proxy-connection")                          \
  X(kRange, "range")                                               \
  X(kReferer, "referer")                                           \
  X(kServer, "server")                                             \
  X(kSetCookie, "set-cookie")                                      \
  X(kTe, "te")                                                     \
  X(kTraceparent, "traceparent")                                   \
  X(kTracestate, "tracestate")                                     \
  X(kTrailer, "trailer")                                           \
  X(kTransferEncoding, "transfer-encoding")                        \
  X(kUpgrade, "upgrade")                                           \
  X(kUserAgent, "user-agent")                                      \
  X(kVary, "vary")                                                 \
  X(kVia, "via")                                                   \
  X(kXEnvoyAttemptCount, "x-envoy-attempt-count")                  \
  X(kXEnvoyDecoratorOperation, "x-envoy-decorator-operation")      \
  X(kXEnvoyDownstreamServiceCluster, "x-envoy-downstream-service-cluster") \
  X(kXEnvoyDownstreamServiceNode, "x-envoy-downstream-service-node") \
  X(kXEnvoyExpectedRqTimeoutMs, "x-envoy-expected-rq-timeout-ms")  \
  X(kXEnvoyExternalAddress, "x-envoy-external-address")            \
  X(kXEnvoyForceTrace, "x-envoy-force-trace")                      \
  X(kXEnvoyHedgeOnPerTryTimeout, "x-envoy-hedge-on-per-try-timeout") \
  X(kXEnvoyInternal, "x-envoy-internal")                           \
  X(kXEnvoyIpTags, "x-envoy-ip-tags")                              \
  X(kXEnvoyMaxRetries, "x-envoy-max-retries")                      \
  X(kXEnvoyOriginalHost, "x-envoy-original-host")                  \
  X(kXEnvoyOriginalPath, "x-envoy-original-path")                  \
  X(kXEnvoyOriginalUrl, "x-envoy-original-url")                    \
  X(kXEnvoyOverloaded, "x-envoy-overloaded")                       \
  X(kXEnvoyRetriableHeaderNames, "x-envoy-retriable-header-names") \
  X(kXEnvoyRetriableStatusCodes, "x-envoy-retriable-status-codes") \
  X(kXEnvoyRetryGrpcOn, "x-envoy-retry-grpc-on")                   \
  X(kXEnvoyRetryOn, "x-envoy-retry-on")                            \
  X(kXEnvoyUpstreamAltStatName, "x-envoy-upstream-alt-stat-name")  \
  X(kXEnvoyUpstreamRqPerTryTimeoutMs, "x-envoy-upstream-rq-per-try-timeout-ms") \
  X(kXEnvoyUpstreamRqTimeoutAltResponse, "x-envoy-upstream-rq-timeout-alt-response") \
  X(kXEnvoyUpstreamRqTimeoutMs, "x-envoy-upstream-rq-timeout-ms")  \
  X(kXEnvoyUpstreamServiceTime, "x-envoy-upstream-service-time")   \
  X(kXForwardedClientCert, "x-forwarded-client-cert")              \
  X(kXForwardedFor, "x-forwarded-for")                             \
  X(kXForwardedHost, "x-forwarded-host")                           \
  X(kXForwardedPort, "x-forwarded-port")                           \
  X(kXForwardedProto, "x-forwarded-proto")                         \
  X(kXRequestId, "x-request-id")
// clang-format on

enum class HeaderId : uint8_t {
#define REMORA_HEADER_ENUM(id, name) id,
  REMORA_HEADER_LIST(REMORA_HEADER_ENUM)
#undef REMORA_HEADER_ENUM
      kCount,
  kOther = 0xff,
};
static_assert(static_cast<int>(HeaderId::kCount) <= 128, "HeaderMap keeps 128 presence bits");

inline constexpr std::string_view kHeaderNames[] = {
#define REMORA_HEADER_NAME(id, name) name,
    REMORA_HEADER_LIST(REMORA_HEADER_NAME)
#undef REMORA_HEADER_NAME
};

// The lower-case name of a known header.
constexpr std::string_view HeaderName(HeaderId id) { return kHeaderNames[static_cast<size_t>(id)]; }

// `name` must be lower-case. kOther when it is not in the list.
HeaderId LookUpHeaderId(std::string_view name);

}  // namespace remora::http
