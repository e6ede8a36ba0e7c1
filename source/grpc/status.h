#pragma once

// Status: how a call ended, as the server or we put it.
//
// A value, owned by whoever holds it; any thread. Reading one never fails: what is missing or no
// status is UNKNOWN. What an exchange's own failure means to a caller is decided here, once.
// Source: gRPC docs, "gRPC over HTTP2" (Responses) and "HTTP to gRPC Status Code Mapping".

#include <string>

#include "source/http/grpc_status.h"
#include "source/http/proxy_error.h"

namespace remora::grpc {

using http::GrpcCode;

struct Status {
  GrpcCode code = GrpcCode::kOk;
  std::string message = {};

  bool ok() const { return code == GrpcCode::kOk; }
  // "UNAVAILABLE: no healthy upstream"
  std::string ToString() const;
};

// Of trailers, or of a head that ends the response.
Status ReadStatus(const http::HeaderMap& fields);
// Of a response that is none of gRPC: a proxy's or web server's own.
Status StatusOfHttp(uint16_t http_status);
// Of an exchange that failed before its end.
Status StatusOfError(const http::ProxyError& error, bool response_began);

}  // namespace remora::grpc
