#pragma once

// LocalReplyRules: how a connection manager's local replies look (local_reply_config).
//
// The first mapper that matches changes status, body and fields; then the body is written by its
// format, else by the general one. Applied before a reply is made into a message, so a gRPC request
// gets the written body as grpc-message. Immutable; shared by workers; nothing fails.
// Source: Envoy source/common/local_reply/local_reply.cc.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/access_log/filter.h"
#include "source/http/filter/local_reply.h"
#include "source/http/formatter/template.h"
#include "source/http/route/header_changes.h"
#include "source/http/stream_info.h"

namespace remora::http {

struct BodyFormat {
  formatter::Template text;
  std::string content_type;
};

struct LocalReplyMapper {
  access_log::Filter filter;  // sees the request and the response's status
  std::optional<uint16_t> status;
  std::optional<std::string> body;
  std::optional<BodyFormat> format;
  std::unique_ptr<const route::HeaderChanges> headers;  // null: none
};

struct LocalReplyRules {
  std::vector<LocalReplyMapper> mappers;
  std::optional<BodyFormat> format;

  // `request` may be null. `head` is the response's, still without what FillLocalReply puts there;
  // `info` gets the status.
  void Apply(const RequestHead* request, const access_log::Surroundings& around, StreamInfo& info,
             ResponseHead& head, LocalReply& reply) const;
};

}  // namespace remora::http
