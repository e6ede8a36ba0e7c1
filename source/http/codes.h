#pragma once

// Status codes: reason phrases and prebuilt HTTP/1.1 status lines (RFC 9110 section 15).
// Thread: any; all of it is constant data made at compile time. Nothing fails: a code that has no
// name is "Unknown", as Envoy says, and one that cannot be a status has an empty line.
//
// To add a name: one line in codes.cc.

#include <cstdint>
#include <string_view>

namespace remora::http {

// "Not Found"; "Unknown" for codes without a name, as Envoy says.
std::string_view ReasonPhrase(uint16_t status);

// "HTTP/1.1 404 Not Found\r\n"; empty for codes outside 100-599.
std::string_view StatusLine(uint16_t status);

// RFC 9110 section 6.4.1: responses that never have a body whatever their headers say.
inline bool StatusForbidsBody(uint16_t status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace remora::http
