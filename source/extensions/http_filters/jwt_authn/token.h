#pragma once

// JwtToken: a JSON Web Token, read but not believed: nothing of it is verified yet.
//
// Owner: the check of one request, or a cache. Pure; any thread. Failures are Envoy's.
// Source: RFC 7515, RFC 7519; github.com/google/jwt_verify_lib jwt.cc, struct_utils.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/extensions/http_filters/jwt_authn/failure.h"
#include "source/http/metadata.h"

namespace remora::extensions {

struct JwtToken {
  std::string signed_text;   // "header.payload", as received
  size_t payload_begin = 0;  // of the payload in it
  std::string signature;
  http::MetadataValue header;
  http::MetadataValue payload;
  std::string algorithm;
  std::string key_id;  // empty: none
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  // Seconds since the Unix epoch; 0: none, `has_expiry` says which.
  uint64_t not_before = 0;
  uint64_t expires = 0;
  bool has_expiry = false;

  std::string_view payload_text() const {
    return std::string_view(signed_text).substr(payload_begin);
  }
};

// kNone: it is in `token`.
JwtFailure ReadToken(std::string_view text, JwtToken& token);

// base64url without padding, strictly (RFC 4648 section 5).
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace remora::extensions
