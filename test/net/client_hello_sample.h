#pragma once

// ClientHellos for tests: the bytes of one, built from its parts.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace remora::net {

inline std::string Number(size_t value, size_t size) {
  std::string out;
  for (size_t i = size; i > 0; --i) out.push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xff));
  return out;
}
inline std::string Block(std::string_view bytes, size_t length_size) {
  return Number(bytes.size(), length_size) + std::string(bytes);
}
inline std::string Extension(size_t type, std::string_view value) {
  return Number(type, 2) + Block(value, 2);
}
inline std::string ServerName(std::string_view name) {
  return Extension(0, Block(Number(0, 1) + Block(name, 2), 2));
}
inline std::string Protocols(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += Block(name, 1);
  return Extension(16, Block(list, 2));
}
// The body of the message, with these extensions.
inline std::string HelloBody(std::string_view extensions) {
  return "\x03\x03" + std::string(32, 'r') + Block("session", 1) + Block("\x13\x01\x13\x02", 2) +
         Block(std::string(1, '\0'), 1) + Block(extensions, 2);
}
inline std::string HandshakeMessage(std::string_view body) { return Number(1, 1) + Block(body, 3); }
// `message` in records of at most `size` bytes.
inline std::string Records(std::string_view message, size_t size = 16384) {
  std::string out;
  while (!message.empty()) {
    out += "\x16\x03\x01" + Block(message.substr(0, size), 2);
    message.remove_prefix(std::min(size, message.size()));
  }
  return out;
}
inline std::string Hello(std::string_view extensions) {
  return Records(HandshakeMessage(HelloBody(extensions)));
}

}  // namespace remora::net
