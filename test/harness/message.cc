#include "test/harness/message.h"

#include <strings.h>

#include <cctype>
#include <cstdint>
#include <limits>

namespace remora::harness {
namespace {

constexpr std::string_view kCrlf = "\r\n";

[[noreturn]] void Malformed(const std::string& what, std::string_view where) {
  throw MalformedMessage(what + ": \"" + std::string(where.substr(0, 200)) + "\"");
}

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool IsToken(std::string_view text) {
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return !text.empty();
}

// The line at `at`, which moves behind its CRLF; nothing when it is not whole.
std::optional<std::string_view> TakeLine(std::string_view bytes, size_t& at) {
  const size_t end = bytes.find('\n', at);
  if (end == std::string_view::npos) return std::nullopt;
  if (end == at || bytes[end - 1] != '\r') Malformed("bare LF", bytes.substr(at));
  const std::string_view line = bytes.substr(at, end - 1 - at);
  for (const char c : line) {
    if (c == '\r' || c == '\0') Malformed("CR or NUL in a line", line);
  }
  at = end + 1;
  return line;
}

// Lines up to the empty one; false when it has not come.
bool TakeFields(std::string_view bytes, size_t& at, std::vector<Field>& fields) {
  while (true) {
    const std::optional<std::string_view> line = TakeLine(bytes, at);
    if (!line.has_value()) return false;
    if (line->empty()) return true;
    const size_t colon = line->find(':');
    if (colon == std::string_view::npos || !IsToken(line->substr(0, colon))) {
      Malformed("bad field line", *line);
    }
    std::string_view value = line->substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
      value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    fields.push_back({std::string(line->substr(0, colon)), std::string(value)});
  }
}

void ParseFirstLine(MessageKind kind, Message& message) {
  const std::string_view line = message.first_line;
  const size_t first = line.find(' ');
  if (first == std::string_view::npos) Malformed("bad first line", line);
  if (kind == MessageKind::kRequest) {
    const size_t second = line.find(' ', first + 1);
    if (second == std::string_view::npos) Malformed("bad request line", line);
    message.method = line.substr(0, first);
    message.target = line.substr(first + 1, second - first - 1);
    message.version = line.substr(second + 1);
    if (!IsToken(message.method) || message.target.empty()) Malformed("bad request line", line);
  } else {
    message.version = line.substr(0, first);
    const std::string_view code = line.substr(first + 1, 3);
    if (code.size() != 3 || line.size() < first + 5 || line[first + 4] != ' ') {
      Malformed("bad status line", line);
    }
    for (const char c : code) message.status = message.status * 10 + (c - '0');
    if (message.status < 100 || message.status > 599) Malformed("bad status", line);
    message.reason = line.substr(first + 5);
  }
  if (message.version != "HTTP/1.1" && message.version != "HTTP/1.0") Malformed("version", line);
}

size_t ParseNumber(std::string_view text, unsigned base) {
  // What most recipients can hold; a position can be added to it.
  constexpr size_t kLargest = std::numeric_limits<int64_t>::max();
  size_t value = 0;
  if (text.empty()) Malformed("bad number", text);
  for (const char c : text) {
    const int digit = std::isdigit(static_cast<unsigned char>(c)) != 0 ? c - '0'
                      : std::isxdigit(static_cast<unsigned char>(c)) != 0
                          ? std::tolower(c) - 'a' + 10
                          : 99;
    if (digit >= static_cast<int>(base)) Malformed("bad number", text);
    if (value > (kLargest - static_cast<size_t>(digit)) / base) Malformed("large number", text);
    value = value * base + static_cast<size_t>(digit);
  }
  return value;
}

// False when the body is not whole yet.
bool TakeChunks(std::string_view bytes, size_t& at, Message& message) {
  std::vector<std::pair<size_t, size_t>> pieces;
  while (true) {
    const std::optional<std::string_view> line = TakeLine(bytes, at);
    if (!line.has_value()) return false;
    const size_t size = ParseNumber(*line, 16);
    if (size == 0) break;
    if (bytes.size() < at + size + 2) return false;
    if (bytes.substr(at + size, 2) != kCrlf) Malformed("no CRLF behind a chunk", *line);
    pieces.emplace_back(at, size);
    at += size + 2;
  }
  if (!TakeFields(bytes, at, message.trailers)) return false;
  for (const auto& [start, size] : pieces) {
    message.chunks.push_back(size);
    message.body.append(bytes.substr(start, size));
  }
  return true;
}

bool TakeBody(std::string_view bytes, MessageKind kind, bool ended, bool bodiless, size_t& at,
              Message& message) {
  const size_t lengths = message.Count("content-length");
  const size_t codings = message.Count("transfer-encoding");
  if (lengths + codings > 1) Malformed("ambiguous framing", bytes);
  if (kind == MessageKind::kResponse &&
      (bodiless || message.status < 200 || message.status == 204 || message.status == 304)) {
    return true;
  }
  if (codings > 0) {
    if (message.Get("transfer-encoding") != "chunked") Malformed("transfer coding", bytes);
    message.chunked = true;
    return TakeChunks(bytes, at, message);
  }
  if (lengths > 0) {
    const size_t length = ParseNumber(message.Get("content-length"), 10);
    if (bytes.size() < at + length) return false;
    message.body = bytes.substr(at, length);
    at += length;
    return true;
  }
  if (kind == MessageKind::kRequest) return true;
  if (!ended) return false;
  message.body = bytes.substr(at);
  at = bytes.size();
  return true;
}

}  // namespace

std::string_view Message::Get(std::string_view name) const {
  for (const Field& field : fields) {
    if (SameName(field.name, name)) return field.value;
  }
  return {};
}

size_t Message::Count(std::string_view name) const {
  size_t count = 0;
  for (const Field& field : fields) count += SameName(field.name, name) ? 1 : 0;
  return count;
}

std::optional<Message> TakeMessage(std::string& bytes, MessageKind kind, bool ended,
                                   bool bodiless) {
  std::vector<int> interim;
  size_t at = 0;
  while (true) {
    Message message;
    const std::optional<std::string_view> line = TakeLine(bytes, at);
    if (!line.has_value()) return std::nullopt;
    message.first_line = *line;
    if (!TakeFields(bytes, at, message.fields)) return std::nullopt;
    ParseFirstLine(kind, message);
    if (!TakeBody(bytes, kind, ended, bodiless, at, message)) return std::nullopt;
    if (kind == MessageKind::kResponse && message.status < 200 && message.status != 101) {
      interim.push_back(message.status);
      continue;
    }
    message.interim = std::move(interim);
    bytes.erase(0, at);
    return message;
  }
}

}  // namespace remora::harness
