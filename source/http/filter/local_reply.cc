#include "source/http/filter/local_reply.h"

#include "absl/strings/str_cat.h"
#include "source/http/codes.h"
#include "source/http/grpc_status.h"

namespace remora::http {
namespace {

bool HasUpstreamBody(ErrorKind kind) { return !ReplyFor(kind).reset_reason.empty(); }

}  // namespace

LocalReply ReplyTo(const ProxyError& error) {
  const ErrorReply& row = ReplyFor(error.kind);
  LocalReply reply;
  reply.status = row.status;
  reply.flag = row.flag;
  reply.details = row.details;
  reply.body = HasUpstreamBody(error.kind) ? UpstreamResetBody(error.kind) : std::string(row.body);
  if (error.kind == ErrorKind::kOverflow || error.kind == ErrorKind::kMaintenance) {
    reply.headers.emplace_back(HeaderId::kXEnvoyOverloaded, "true");
  }
  return reply;
}

void SetReplyFields(const LocalReply& reply, HeaderMap& headers) {
  for (const auto& [id, value] : reply.headers) headers.Set(id, value);
  for (const auto& [name, value] : reply.fields) headers.Remove(name);
  for (const auto& [name, value] : reply.fields) headers.Add(name, value);
}

std::string_view FillLocalReply(const LocalReply& reply, const RequestHead* request, bool grpc,
                                ResponseHead& head) {
  HeaderMap& headers = head.headers;
  SetReplyFields(reply, headers);
  const bool is_head = request != nullptr && request->method_id == Method::kHead;
  if (grpc) {
    head.status = 200;
    head.framing = Framing::kNone;
    headers.SetReference(HeaderId::kContentType, "application/grpc");
    const uint32_t status =
        reply.grpc_status.value_or(static_cast<uint32_t>(GrpcCodeOfHttp(reply.status)));
    headers.Set(HeaderId::kGrpcStatus, absl::StrCat(status));
    if (!reply.body.empty() && !is_head)
      headers.Set(HeaderId::kGrpcMessage, EncodeGrpcMessage(reply.body));
    return {};
  }
  head.status = reply.status;
  if (StatusForbidsBody(reply.status)) {
    head.framing = Framing::kNone;
    return {};
  }
  if (reply.body.empty()) {
    headers.Remove(HeaderId::kContentType);
    if (request != nullptr && request->version == http::Version::kHttp2) {
      // As Envoy: HTTP/2 has another end of a message.
      head.framing = Framing::kNone;
      headers.Remove(HeaderId::kContentLength);
      return {};
    }
    head.framing = Framing::kLength;
    head.length = 0;
    headers.SetReference(HeaderId::kContentLength, "0");
    return {};
  }
  // A route may have said what it is.
  if (!reply.content_type.empty()) {
    headers.Set(HeaderId::kContentType, reply.content_type);
  } else if (!headers.Has(HeaderId::kContentType)) {
    headers.SetReference(HeaderId::kContentType, "text/plain");
  }
  headers.Set(HeaderId::kContentLength, absl::StrCat(reply.body.size()));
  if (is_head) {
    head.framing = Framing::kNone;
    return {};
  }
  head.framing = Framing::kLength;
  head.length = reply.body.size();
  return head.arena().Copy(reply.body);
}

}  // namespace remora::http
