#pragma once

// LocalReply: an answer that the proxy itself gives, as a value.
//
// A filter leaves it with FilterContext::SendLocalReply; the connection manager and the router use
// the same. The chain turns it into a response head and body that run through every response
// filter. A gRPC request (content-type application/grpc) gets HTTP 200 with grpc-status and
// grpc-message instead (Envoy: Utility::sendLocalReply).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/message.h"
#include "source/http/response_flags.h"

namespace remora::http {

struct LocalReply {
  uint16_t status = 503;
  std::string body = {};
  std::string_view details = {};  // %RESPONSE_CODE_DETAILS%; a literal or arena memory
  ResponseFlag flag = ResponseFlag::kNone;
  std::optional<uint32_t> grpc_status = std::nullopt;  // overrides the one derived from `status`
  std::vector<std::pair<HeaderId, std::string>> headers = {};
  std::string content_type = {};  // of the body; empty: the route's own, else text/plain
  // Any fields (names in lower case), several of one name too. They take the place of those of the
  // route; what is not valid is left out.
  std::vector<std::pair<std::string, std::string>> fields = {};
};

// The reply for an error of the table in proxy_error.cc.
LocalReply ReplyTo(const ProxyError& error);

// Puts the reply's own fields into a head.
void SetReplyFields(const LocalReply& reply, HeaderMap& headers);

// Fills `head` (in its arena) for `reply` to `request` (null when there was no readable request);
// `grpc`: as the client asked it, it was gRPC. Returns the body to send; empty when there is none
// (no body, HEAD, gRPC).
std::string_view FillLocalReply(const LocalReply& reply, const RequestHead* request, bool grpc,
                                ResponseHead& head);

}  // namespace remora::http
