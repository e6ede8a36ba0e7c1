#pragma once

// Where a request goes: from request target and Host to the head's scheme, authority and path
// (RFC 9112 section 3.2).
//
//   origin-form      /path?query        authority is Host
//   absolute-form    http://host/path   the URL's host takes the place of Host
//   authority-form   host:port          CONNECT only
//   asterisk-form    *                  OPTIONS only
//
// Pure functions over views with kReadSlack; failures fill a CodecError. A fragment (`#`) stays in
// the path: whether it is refused is the connection manager's policy.

#include <cstdint>
#include <string_view>

#include "source/http/codec.h"
#include "source/http/http1/start_line.h"
#include "source/http/message.h"

namespace remora::http1 {

struct TargetRules {
  bool allow_absolute_url = true;
  bool secure = false;
  std::string_view default_host_for_http_10;
};

struct HostField {
  std::string_view value;
  uint32_t count = 0;
};

bool ResolveTarget(const RequestLine& line, const HostField& host, const TargetRules& rules,
                   http::RequestHead& head, http::CodecError& error);

}  // namespace remora::http1
