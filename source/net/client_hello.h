#pragma once

// ParseClientHello: what the first message of a TLS handshake says in the clear: the server name
// and the protocols that the client offers.
//
// A pure function over the bytes of a connection from its beginning; any thread. It reads only
// what it needs and believes no length: whatever does not add up is kNotTls. A ClientHello may
// come in several records. Not more than kMaxClientHello bytes are looked at.
// Source: RFC 8446 sections 4.1.2, 5.1; RFC 6066 section 3 (SNI); RFC 7301 (ALPN).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace remora::net {

// Envoy's limit for the records of a ClientHello.
inline constexpr size_t kMaxClientHello = 16 * 1024;

struct ClientHello {
  std::string server_name;             // in lower case; empty: none
  std::vector<std::string> protocols;  // ALPN, in the client's order
};

enum class ClientHelloParse : uint8_t {
  kComplete,
  kIncomplete,  // so far it may be one
  kNotTls,      // it is none, or a broken one
  kTooLarge,
};

// `hello` is set when the answer is kComplete.
ClientHelloParse ParseClientHello(std::string_view bytes, ClientHello& hello);

}  // namespace remora::net
