#pragma once

// Fingerprints of clients: what their TLS library offers, as text that logs and rules compare.
//
// Pure functions over a ClientHello that was read with its shape (net/client_hello.h); any thread.
// Values of GREASE (RFC 8701) are left out. Nothing fails.
// Source: Salesforce's JA3; FoxIO's JA4 (technical_details/JA4.md), as Envoy 1.40 makes it.

#include <cstddef>
#include <string>
#include <string_view>

#include "source/net/client_hello.h"

namespace remora::tls {

// The first `count` bytes of the SHA-256 of `bytes`, in hexadecimal.
std::string HashPrefix(std::string_view bytes, size_t count);

// MD5 of "version,ciphers,extensions,groups,point formats", in hexadecimal.
std::string Ja3(const net::HelloShape& shape);

// "t13d1516h2_8daaf6152771_02713d6af862"
std::string Ja4(const net::ClientHello& hello);

}  // namespace remora::tls
