#include "source/grpc/status.h"

#include "absl/strings/str_cat.h"

namespace remora::grpc {

using http::ErrorKind;

std::string Status::ToString() const {
  std::string text(http::GrpcCodeName(code));
  if (!message.empty()) absl::StrAppend(&text, ": ", message);
  return text;
}

Status ReadStatus(const http::HeaderMap& fields) {
  const std::optional<int> number = http::FindGrpcStatus(fields);
  if (!number.has_value()) return {GrpcCode::kUnknown, "the response has no grpc-status"};
  Status status;
  status.message = http::DecodeGrpcMessage(fields.Get(http::HeaderId::kGrpcMessage));
  const bool known = *number >= 0 && *number <= static_cast<int>(GrpcCode::kLast);
  status.code = known ? static_cast<GrpcCode>(*number) : GrpcCode::kUnknown;
  return status;
}

Status StatusOfHttp(uint16_t http_status) {
  return {http::GrpcCodeOfHttp(http_status), absl::StrCat("HTTP status ", http_status)};
}

Status StatusOfError(const http::ProxyError& error, bool response_began) {
  if (error.kind == ErrorKind::kRouteTimeout) {
    return {GrpcCode::kDeadlineExceeded, "the deadline has passed"};
  }
  const http::ErrorReply& reply = http::ReplyFor(error.kind);
  std::string text = reply.reset_reason.empty() ? std::string(reply.body)
                     : response_began           ? std::string(reply.reset_reason)
                                                : http::UpstreamResetBody(error.kind);
  if (!error.detail.empty()) {
    absl::StrAppend(&text, ": ", absl::string_view(error.detail.data(), error.detail.size()));
  }
  // A stream that the server has reset half-way, and what is no HTTP, are its errors.
  const bool faulty = error.kind == ErrorKind::kProtocolError ||
                      (error.kind == ErrorKind::kRemoteReset && response_began);
  return {faulty ? GrpcCode::kInternal : GrpcCode::kUnavailable, std::move(text)};
}

}  // namespace remora::grpc
