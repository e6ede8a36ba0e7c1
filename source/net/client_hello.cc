#include "source/net/client_hello.h"

#include <optional>
#include <utility>

#include "source/net/byte_reader.h"

namespace remora::net {
namespace {

constexpr uint8_t kHandshakeRecord = 22;
constexpr size_t kMaxRecord = 16 * 1024;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kRandomSize = 32;
constexpr size_t kMaxSessionId = 32;
constexpr uint16_t kServerNameExtension = 0;
constexpr uint16_t kGroupsExtension = 10;
constexpr uint16_t kPointFormatsExtension = 11;
constexpr uint16_t kSignatureAlgorithmsExtension = 13;
constexpr uint16_t kAlpnExtension = 16;
constexpr uint16_t kVersionsExtension = 43;
constexpr uint8_t kHostName = 0;
constexpr size_t kMaxHostName = 255;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// One list with one name of type host_name, as RFC 6066 has it.
bool ReadServerName(std::string_view extension, ClientHello& hello) {
  ByteReader reader(extension);
  ByteReader list(reader.Block(2));
  const uint64_t type = list.Number(1);
  const std::string_view name = list.Block(2);
  if (!reader.AtEnd() || !list.AtEnd() || type != kHostName) return false;
  if (name.empty() || name.size() > kMaxHostName) return false;
  for (const char c : name) {
    if (c == '\0') return false;
    hello.server_name.push_back(Lower(c));
  }
  return true;
}

bool ReadProtocols(std::string_view extension, ClientHello& hello) {
  ByteReader reader(extension);
  ByteReader list(reader.Block(2));
  if (!reader.AtEnd() || list.empty()) return false;
  while (!list.empty()) {
    const std::string_view name = list.Block(1);
    if (list.failed() || name.empty()) return false;
    hello.protocols.emplace_back(name);
  }
  return true;
}

// A list with its length in front, of numbers of `size` bytes. A broken one says as much as can be
// read: it is for the handshake to refuse it.
std::vector<uint16_t> ReadNumbers(std::string_view bytes, size_t length_size, size_t size) {
  std::vector<uint16_t> numbers;
  ByteReader list(ByteReader(bytes).Block(length_size));
  while (list.rest().size() >= size) numbers.push_back(static_cast<uint16_t>(list.Number(size)));
  return numbers;
}

void ReadShape(uint64_t type, std::string_view value, HelloShape& shape) {
  shape.extensions.push_back(static_cast<uint16_t>(type));
  if (type == kGroupsExtension) shape.groups = ReadNumbers(value, 2, 2);
  if (type == kPointFormatsExtension) shape.point_formats = ReadNumbers(value, 1, 1);
  if (type == kSignatureAlgorithmsExtension) shape.signature_algorithms = ReadNumbers(value, 2, 2);
  if (type == kVersionsExtension) shape.versions = ReadNumbers(value, 1, 2);
}

bool ReadExtensions(std::string_view bytes, bool with_shape, ClientHello& hello) {
  bool names = false;
  bool protocols = false;
  ByteReader reader(bytes);
  while (!reader.empty()) {
    const uint64_t type = reader.Number(2);
    const std::string_view value = reader.Block(2);
    if (reader.failed()) return false;
    if (with_shape) ReadShape(type, value, hello.shape);
    if (type == kServerNameExtension) {
      if (std::exchange(names, true) || !ReadServerName(value, hello)) return false;
    } else if (type == kAlpnExtension) {
      if (std::exchange(protocols, true) || !ReadProtocols(value, hello)) return false;
    }
  }
  return true;
}

bool ReadMessage(std::string_view body, bool with_shape, ClientHello& hello) {
  ByteReader reader(body);
  const uint64_t version = reader.Number(2);  // which says little since TLS 1.3
  reader.Bytes(kRandomSize);
  const std::string_view session = reader.Block(1);
  const std::string_view ciphers = reader.Block(2);
  const std::string_view compressions = reader.Block(1);
  if (reader.failed() || session.size() > kMaxSessionId) return false;
  if (ciphers.empty() || ciphers.size() % 2 != 0 || compressions.empty()) return false;
  if (with_shape) {
    hello.shape.version = static_cast<uint16_t>(version);
    for (ByteReader list(ciphers); !list.empty();) {
      hello.shape.ciphers.push_back(static_cast<uint16_t>(list.Number(2)));
    }
  }
  if (reader.empty()) return true;  // TLS before extensions
  const std::string_view extensions = reader.Block(2);
  return reader.AtEnd() && ReadExtensions(extensions, with_shape, hello);
}

struct Fragments {
  ClientHelloParse state = ClientHelloParse::kIncomplete;
  std::string_view message;  // of kComplete: the body of the message, in `bytes` or `joined`
  std::string joined;
};

// How long the message with this header is; nullopt: the header is not whole.
std::optional<size_t> MessageSize(std::string_view bytes) {
  constexpr size_t kHeader = 4;
  if (bytes.size() < kHeader) return std::nullopt;
  ByteReader header(bytes.substr(1));
  return kHeader + header.Number(3);
}

// Puts the message together from its records.
void Join(std::string_view bytes, Fragments& fragments) {
  const auto end = [&fragments](ClientHelloParse state) { fragments.state = state; };
  size_t records = 0;
  std::string_view message;
  while (!bytes.empty()) {
    // Each byte is judged as soon as it is there, so that nobody waits for more of what is no TLS.
    if (static_cast<uint8_t>(bytes[0]) != kHandshakeRecord) return end(ClientHelloParse::kNotTls);
    if (bytes.size() > 1 && bytes[1] != 3) return end(ClientHelloParse::kNotTls);
    if (bytes.size() < 5) return;
    ByteReader reader(bytes.substr(3));
    const size_t length = reader.Number(2);
    if (length > kMaxRecord) return end(ClientHelloParse::kNotTls);
    const std::string_view fragment = bytes.substr(5, length);
    if (++records == 1) {
      message = fragment;
    } else {
      if (records == 2) fragments.joined = message;
      fragments.joined.append(fragment);
      message = fragments.joined;
    }
    if (!message.empty() && static_cast<uint8_t>(message[0]) != kClientHelloMessage) {
      return end(ClientHelloParse::kNotTls);
    }
    const std::optional<size_t> size = MessageSize(message);
    if (size.has_value() && *size > kMaxClientHello) return end(ClientHelloParse::kTooLarge);
    if (size.has_value() && message.size() >= *size) {
      fragments.message = message.substr(4, *size - 4);
      return end(ClientHelloParse::kComplete);
    }
    if (fragment.size() < length) return;
    bytes.remove_prefix(5 + length);
  }
}

}  // namespace

ClientHelloParse ParseClientHello(std::string_view bytes, ClientHello& hello, bool with_shape) {
  Fragments fragments;
  Join(bytes.substr(0, kMaxClientHello), fragments);
  if (fragments.state == ClientHelloParse::kIncomplete) {
    return bytes.size() >= kMaxClientHello ? ClientHelloParse::kTooLarge : fragments.state;
  }
  if (fragments.state != ClientHelloParse::kComplete) return fragments.state;
  ClientHello read;
  if (!ReadMessage(fragments.message, with_shape, read)) return ClientHelloParse::kNotTls;
  hello = std::move(read);
  return ClientHelloParse::kComplete;
}

}  // namespace remora::net
