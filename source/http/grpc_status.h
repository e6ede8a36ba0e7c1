#pragma once

// What gRPC over HTTP/2 says in header fields: its status codes, its message, its content type.
//
// Pure functions and constants; any thread. Nothing fails: what a peer wrote that is no status is
// kUnknown, as in every gRPC library.
// Source: gRPC docs, "gRPC over HTTP2" and "HTTP to gRPC Status Code Mapping"; Envoy
// source/common/grpc/status.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "source/http/message.h"

namespace remora::http {

enum class GrpcCode : uint8_t {
  kOk,
  kCancelled,
  kUnknown,
  kInvalidArgument,
  kDeadlineExceeded,
  kNotFound,
  kAlreadyExists,
  kPermissionDenied,
  kResourceExhausted,
  kFailedPrecondition,
  kAborted,
  kOutOfRange,
  kUnimplemented,
  kInternal,
  kUnavailable,
  kDataLoss,
  kUnauthenticated,
  kLast = kUnauthenticated,
};

// "DEADLINE_EXCEEDED"
std::string_view GrpcCodeName(GrpcCode code);

// What a response without a gRPC status means by its HTTP status.
GrpcCode GrpcCodeOfHttp(uint16_t http_status);

// The grpc-status of a head or trailers as written, -1 for what is no number; nothing when there
// is none.
std::optional<int> FindGrpcStatus(const HeaderMap& headers);

// application/grpc, also with a format behind it (application/grpc+proto), but not grpc-web.
bool IsGrpcContentType(std::string_view type);
bool IsGrpcRequest(const RequestHead& request);

// The field grpc-message: percent-encoded outside of printable ASCII. What was not encoded rightly
// is decoded to itself.
std::string EncodeGrpcMessage(std::string_view text);
std::string DecodeGrpcMessage(std::string_view field);

}  // namespace remora::http
