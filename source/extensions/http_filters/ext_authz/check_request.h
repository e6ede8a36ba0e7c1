#pragma once

// The question to the authorization service: what is known of a request, as a serialized
// envoy.service.auth.v3.CheckRequest.
//
// Pure but for asking a TLS connection about its certificates; any thread. Nothing fails: what is
// not known is not set. Text that is no UTF-8 has `!` for each wrong byte.
// Source: Envoy source/extensions/filters/common/ext_authz/check_request_utils.cc.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "source/buffer/buffer.h"
#include "source/extensions/http_filters/ext_authz/settings.h"
#include "source/http/stream_info.h"

namespace remora::extensions {

// A field that is ours alone: whether there is more of the body.
inline constexpr std::string_view kPartialBody = "x-envoy-auth-partial-body";

struct CheckSubject {
  const http::RequestHead& head;
  const http::StreamInfo& info;
  uint64_t id = 0;
  const buffer::Buffer* body = nullptr;  // null: none was collected
  uint64_t max_body = 0;                 // so much of it is sent
  std::map<std::string, std::string> context_extensions = {};

  // Of what is sent.
  size_t body_size() const;
  std::string BodyText() const;
  bool partial() const { return body != nullptr && body->length() > max_body; }
};

std::string MakeCheckRequest(const CheckContent& content, const CheckSubject& subject);

}  // namespace remora::extensions
