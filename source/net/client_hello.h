#pragma once

// ParseClientHello: what the first message of a TLS handshake says in the clear: the server name
// and the protocols that the client offers.
//
// A pure function over the bytes of a connection from its beginning; any thread. It reads only
// what it needs and believes no length: whatever does not add up is kNotTls. A ClientHello may
// come in several records. Not more than kMaxClientHello bytes are looked at.
// Source: RFC 8446 sections 4.1.2, 5.1; RFC 6066 section 3 (SNI); RFC 7301 (ALPN);
// RFC 8422 section 5.1 (groups, point formats).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace remora::net {

// Envoy's limit for the records of a ClientHello.
inline constexpr size_t kMaxClientHello = 16 * 1024;

// What clients are told apart by, all of it in the client's order.
struct HelloShape {
  uint16_t version = 0;  // the message's own
  std::vector<uint16_t> ciphers;
  std::vector<uint16_t> extensions;
  std::vector<uint16_t> groups;
  std::vector<uint16_t> point_formats;
  std::vector<uint16_t> signature_algorithms;
  std::vector<uint16_t> versions;  // supported_versions
};

struct ClientHello {
  std::string server_name;             // in lower case; empty: none
  std::vector<std::string> protocols;  // ALPN, in the client's order
  HelloShape shape;                    // when it was asked for
};

enum class ClientHelloParse : uint8_t {
  kComplete,
  kIncomplete,  // so far it may be one
  kNotTls,      // it is none, or a broken one
  kTooLarge,
};

// `hello` is set when the answer is kComplete. `with_shape`: hello.shape too.
ClientHelloParse ParseClientHello(std::string_view bytes, ClientHello& hello,
                                  bool with_shape = false);

}  // namespace remora::net
