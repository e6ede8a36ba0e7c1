#include "source/http/codes.h"

#include <algorithm>
#include <array>

namespace remora::http {
namespace {

struct Reason {
  uint16_t status;
  std::string_view text;
};

constexpr Reason kReasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
    {599, "Last Unassigned Server Error Code"},  // Envoy's name for it.
};

constexpr std::string_view FindReason(uint16_t status) {
  for (const Reason& reason : kReasons) {
    if (reason.status == status) return reason.text;
  }
  return "Unknown";
}

// "HTTP/1.1 431 Request Header Fields Too Large\r\n" and "... Network Authentication Required".
constexpr size_t kLongestLine = 52;
struct Line {
  std::array<char, kLongestLine> text{};
  uint8_t size = 0;
};

constexpr std::array<Line, 500> BuildLines() {
  std::array<Line, 500> lines{};
  for (uint16_t status = 100; status < 600; ++status) {
    Line& line = lines[status - 100];
    const auto put = [&](std::string_view text) {
      for (const char c : text) line.text[line.size++] = c;
    };
    put("HTTP/1.1 ");
    const char digits[] = {static_cast<char>('0' + status / 100),
                           static_cast<char>('0' + status / 10 % 10),
                           static_cast<char>('0' + status % 10)};
    put({digits, 3});
    put(" ");
    put(FindReason(status));
    put("\r\n");
  }
  return lines;
}
constexpr std::array<Line, 500> kLines = BuildLines();

}  // namespace

std::string_view ReasonPhrase(uint16_t status) {
  if (status < 100 || status > 599) return "Unknown";
  const std::string_view line = StatusLine(status);
  return line.substr(13, line.size() - 15);
}

std::string_view StatusLine(uint16_t status) {
  if (status < 100 || status > 599) return {};
  const Line& line = kLines[status - 100];
  return {line.text.data(), line.size};
}

}  // namespace remora::http
