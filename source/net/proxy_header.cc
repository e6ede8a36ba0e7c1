#include "source/net/proxy_header.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "source/net/byte_reader.h"

namespace remora::net {
namespace {

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2{"\r\n\r\n\0\r\nQUIT\n", 12};
// "PROXY UNKNOWN" with two IPv6 addresses and two ports, and CRLF.
constexpr size_t kMaxVersion1 = 108;
constexpr size_t kHeader2 = 16;  // up to the addresses

constexpr uint8_t kVersion2 = 0x2;
constexpr uint8_t kCommandLocal = 0x0;
constexpr uint8_t kCommandProxy = 0x1;
constexpr uint8_t kFamilyIpv4 = 0x1;
constexpr uint8_t kFamilyIpv6 = 0x2;
constexpr uint8_t kStream = 0x1;
constexpr uint8_t kDatagram = 0x2;

bool IsPrefixOfEither(std::string_view a, std::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  return a.substr(0, size) == b.substr(0, size);
}

// Digits only, as the specification wants; no sign, no spaces.
bool ReadPort(std::string_view text, uint16_t& port) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), digit)) {
    return false;
  }
  uint32_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<uint32_t>(c - '0');
  port = static_cast<uint16_t>(value);
  return value <= UINT16_MAX;
}

bool ReadEnd(std::string_view ip, std::string_view port_text, Address::Kind kind, Address& end) {
  uint16_t port = 0;
  if (!ReadPort(port_text, port)) return false;
  const absl::StatusOr<Address> address = Address::Ip(ip, port);
  if (!address.ok() || address->kind() != kind) return false;
  end = *address;
  return true;
}

// An address that a TCP connection can have.
bool IsUnicast(const Address& address) {
  const std::string_view ip = address.ip_bytes();
  const auto first = static_cast<uint8_t>(ip[0]);
  const bool zero = std::all_of(ip.begin(), ip.end(), [](char c) { return c == 0; });
  if (zero) return false;
  if (address.kind() == Address::Kind::kIpv6) return first != 0xff;
  const bool broadcast = std::all_of(ip.begin(), ip.end(), [](char c) { return c == '\xff'; });
  return !broadcast && (first & 0xf0) != 0xe0;
}

ProxyHeaderParse Judged(const ProxyHeader& header) {
  if (header.local || (IsUnicast(header.source) && IsUnicast(header.destination))) {
    return ProxyHeaderParse::kComplete;
  }
  return ProxyHeaderParse::kMalformed;
}

// The words of `line`, one space between each two.
std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

ProxyHeaderParse ParseVersion1(std::string_view bytes, ProxyHeader& header) {
  const std::string_view window = bytes.substr(0, kMaxVersion1);
  const size_t end = window.find("\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() >= kMaxVersion1 ? ProxyHeaderParse::kMalformed
                                        : ProxyHeaderParse::kIncomplete;
  }
  header.size = end + 2;
  const std::vector<std::string_view> words =
      Words(window.substr(kSignature1.size(), end - kSignature1.size()));
  if (words[0] == "UNKNOWN") {
    header.local = true;
    return ProxyHeaderParse::kComplete;
  }
  const bool v4 = words[0] == "TCP4";
  if ((!v4 && words[0] != "TCP6") || words.size() != 5) return ProxyHeaderParse::kMalformed;
  const Address::Kind kind = v4 ? Address::Kind::kIpv4 : Address::Kind::kIpv6;
  if (!ReadEnd(words[1], words[3], kind, header.source) ||
      !ReadEnd(words[2], words[4], kind, header.destination)) {
    return ProxyHeaderParse::kMalformed;
  }
  return Judged(header);
}

bool ReadTlvs(std::string_view bytes, ProxyHeader& header) {
  ByteReader reader(bytes);
  while (!reader.empty()) {
    ProxyTlv tlv;
    tlv.type = static_cast<uint8_t>(reader.Number(1));
    tlv.value = reader.Block(2);
    if (reader.failed()) return false;
    header.tlvs.push_back(tlv);
  }
  return true;
}

ProxyHeaderParse ParseVersion2(std::string_view bytes, ProxyHeader& header) {
  // What is wrong shows before the rest has come.
  const auto at = [&bytes](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  if (bytes.size() > 12 && (at(12) >> 4 != kVersion2 || (at(12) & 0xf) > kCommandProxy)) {
    return ProxyHeaderParse::kMalformed;
  }
  if (bytes.size() < kHeader2) return ProxyHeaderParse::kIncomplete;
  header.size = kHeader2 + (size_t{at(14)} << 8 | at(15));
  header.local = (at(12) & 0xf) == kCommandLocal;
  const uint8_t family = at(13) >> 4;
  const uint8_t transport = at(13) & 0xf;
  const size_t ip_size = family == kFamilyIpv4 ? 4 : 16;
  if (!header.local) {
    const bool known = (family == kFamilyIpv4 || family == kFamilyIpv6) &&
                       (transport == kStream || transport == kDatagram);
    if (!known || header.size < kHeader2 + 2 * ip_size + 4) return ProxyHeaderParse::kMalformed;
  }
  if (bytes.size() < header.size) return ProxyHeaderParse::kIncomplete;
  // What a LOCAL header holds behind its length is skipped, whatever it is.
  if (header.local) return ProxyHeaderParse::kComplete;
  ByteReader reader(bytes.substr(kHeader2, header.size - kHeader2));
  const std::string_view source = reader.Bytes(ip_size);
  const std::string_view destination = reader.Bytes(ip_size);
  header.source = Address::FromIpBytes(source, static_cast<uint16_t>(reader.Number(2)));
  header.destination = Address::FromIpBytes(destination, static_cast<uint16_t>(reader.Number(2)));
  if (!ReadTlvs(reader.rest(), header)) return ProxyHeaderParse::kMalformed;
  return Judged(header);
}

void AppendNumber(std::string& out, size_t value, size_t size) {
  for (size_t i = size; i > 0; --i) out.push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xff));
}

bool Sayable(const Address& source, const Address& destination) {
  return source.is_ip() && source.kind() == destination.kind();
}

}  // namespace

ProxyHeaderParse ParseProxyHeader(std::string_view bytes, ProxyHeader& header) {
  header = ProxyHeader();
  if (IsPrefixOfEither(bytes, kSignature2)) {
    if (bytes.size() < kSignature2.size()) return ProxyHeaderParse::kIncomplete;
    header.version = 2;
    return ParseVersion2(bytes, header);
  }
  if (IsPrefixOfEither(bytes, kSignature1)) {
    if (bytes.size() < kSignature1.size()) return ProxyHeaderParse::kIncomplete;
    header.version = 1;
    return ParseVersion1(bytes, header);
  }
  return ProxyHeaderParse::kAbsent;
}

std::string WriteProxyHeaderV1(const Address& source, const Address& destination) {
  if (!Sayable(source, destination)) return "PROXY UNKNOWN\r\n";
  const bool v4 = source.kind() == Address::Kind::kIpv4;
  return absl::StrCat("PROXY ", v4 ? "TCP4 " : "TCP6 ", source.IpString(), " ",
                      destination.IpString(), " ", source.port(), " ", destination.port(), "\r\n");
}

std::string WriteProxyHeaderV2(const Address& source, const Address& destination,
                               const std::vector<ProxyTlv>& tlvs) {
  std::string out(kSignature2);
  if (!Sayable(source, destination)) {
    out.push_back(static_cast<char>(kVersion2 << 4 | kCommandLocal));
    out.append(3, '\0');
    return out;
  }
  const std::string_view from = source.ip_bytes();
  const std::string_view to = destination.ip_bytes();
  size_t length = from.size() + to.size() + 4;
  for (const ProxyTlv& tlv : tlvs) length += 3 + tlv.value.size();
  if (length > UINT16_MAX) return "";
  const uint8_t family = from.size() == 4 ? kFamilyIpv4 : kFamilyIpv6;
  out.push_back(static_cast<char>(kVersion2 << 4 | kCommandProxy));
  out.push_back(static_cast<char>(family << 4 | kStream));
  AppendNumber(out, length, 2);
  out.append(from);
  out.append(to);
  AppendNumber(out, source.port(), 2);
  AppendNumber(out, destination.port(), 2);
  for (const ProxyTlv& tlv : tlvs) {
    AppendNumber(out, tlv.type, 1);
    AppendNumber(out, tlv.value.size(), 2);
    out.append(tlv.value);
  }
  return out;
}

}  // namespace remora::net
