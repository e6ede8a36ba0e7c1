#pragma once

// SessionState: where a client keeps the address of its session's host, and how: a cookie, a field,
// or around a field of the application's.
//
//   cookie    NAME="base64(protobuf: 1: address, 2: seconds since 1970 until when it counts)"
//   header    base64(address)
//   envelope  base64(address) ";UV:" base64(the application's value)
//
// A value, made from envoy.extensions.http.stateful_session.*; immutable, any thread. What a client
// sends and cannot be read is as if it had sent nothing. Texts that are made live in the message's
// arena. Measured on Envoy 1.40 (test/differential/cases/stateful_session.txt).
// Source: Envoy source/extensions/http/stateful_session/.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "source/config/registry.h"
#include "source/http/message.h"

namespace envoy::config::core::v3 {
class TypedExtensionConfig;
}

namespace remora::extensions {

class SessionState {
 public:
  // nullopt after an error.
  static std::optional<SessionState> Parse(
      const envoy::config::core::v3::TypedExtensionConfig& proto, std::string_view field,
      config::ConfigContext& context);

  // Requests to other paths have no session.
  bool CoversPath(std::string_view path) const;
  // The address that the request says. `now`: seconds since 1970. An envelope is taken off.
  std::optional<std::string_view> Take(http::RequestHead& head, int64_t now) const;
  // Tells the client the address of the host that answered; `known`: the request had it. False when
  // that is no news to the client, or there is no place for it.
  bool Give(std::string_view address, bool known, int64_t now, http::ResponseHead& head) const;

 private:
  enum class Kind : uint8_t { kCookie, kHeader, kEnvelope };

  SessionState() = default;
  static std::optional<SessionState> ParseField(Kind kind, const std::string& name,
                                                const std::string& field,
                                                config::ConfigContext& context);
  std::optional<std::string_view> TakeCookie(const http::RequestHead& head, int64_t now) const;
  std::optional<std::string_view> TakeEnvelope(http::RequestHead& head) const;
  void GiveCookie(std::string_view address, int64_t now, http::ResponseHead& head) const;
  bool GiveEnvelope(std::string_view address, http::ResponseHead& head) const;

  Kind kind_ = Kind::kCookie;
  std::string name_;        // of the cookie, or of the field (lower-case)
  std::string path_;        // of the cookie; empty: all
  int64_t ttl_ = 0;         // of the cookie, seconds; 0: none
  std::string attributes_;  // of the cookie, as they follow its value
};

}  // namespace remora::extensions
