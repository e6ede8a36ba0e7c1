#pragma once

// LocalReplyRules: how a connection manager's local replies look (local_reply_config).
//
// The first mapper that matches changes status, body and fields; then the body is written by its
// format, else by the general one. Applied before a reply is made into a message, so a gRPC request
// gets the written body as grpc-message. Immutable; shared by workers; nothing fails.
// Source: Envoy source/common/local_reply/local_reply.cc.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "source/http/filter/local_reply.h"
#include "source/http/formatter/template.h"
#include "source/http/stream_info.h"

namespace remora::http {

struct BodyFormat {
  formatter::Template text;
  std::string content_type;
};

struct LocalReplyMapper {
  // Sees the request and the response's status.
  std::function<bool(const formatter::Exchange&)> matches;
  std::optional<uint16_t> status;
  std::optional<std::string> body;
  std::optional<BodyFormat> format;
  // Puts fields into the response.
  std::function<void(HeaderMap&, const formatter::Exchange&)> change_headers;
};

struct LocalReplyRules {
  std::vector<LocalReplyMapper> mappers;
  std::optional<BodyFormat> format;

  // `request` may be null. `head` is the response's, still without what FillLocalReply puts there;
  // `info` gets the status.
  void Apply(const RequestHead* request, StreamInfo& info, ResponseHead& head,
             LocalReply& reply) const;
};

}  // namespace remora::http
