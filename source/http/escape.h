#pragma once

// Escapes for text that a peer may have chosen, so that it can neither break a log line in two nor
// end a JSON string.
//
// Pure functions, any thread; nothing fails and nothing is allocated but what the text needs to
// grow. Source: RFC 8259 section 7; RFC 3629 for what is UTF-8.

#include <cstddef>
#include <string>
#include <string_view>

namespace remora::http {

// text[begin..] becomes what may stand between the quotes of a JSON string. Valid UTF-8 stays as it
// is; in anything else every byte from 0x80 up is taken as Latin-1, so that the outcome is always
// valid JSON, in Envoy's form.
void EscapeJson(std::string& text, size_t begin);

// In text[begin..] control characters become \xNN: the C0 ones (line ends, tabs, ESC), DEL, and the
// C1 ones in their UTF-8 form, which terminals obey too. Everything else stays.
void EscapeControls(std::string& text, size_t begin);

// A certificate in PEM as it may stand in a header: line ends, spaces, `+`, `/` and `=` as %XX.
void AppendUrlEncodedPem(std::string_view pem, std::string& out);

// A JSON string with its quotes.
void AppendJsonString(std::string_view text, std::string& out);
// A JSON number: whole ones without a fraction.
void AppendJsonNumber(double number, std::string& out);

}  // namespace remora::http
