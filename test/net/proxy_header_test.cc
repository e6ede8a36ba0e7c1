#include "source/net/proxy_header.h"

#include <catch2/catch.hpp>

namespace remora::net {
namespace {

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string Bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

std::string Binary(int command, int family, const std::string& rest) {
  return kSignature +
         Bytes({command, family, static_cast<int>(rest.size() >> 8),
                static_cast<int>(rest.size() & 0xff)}) +
         rest;
}

const std::string kIpv4 = Bytes({192, 0, 2, 1, 10, 0, 0, 9, 0x9c, 0x40, 0x01, 0xbb});

// "v1 size source > destination [type=value ...]", or what it is instead.
std::string Read(std::string_view bytes) {
  ProxyHeader header;
  switch (ParseProxyHeader(bytes, header)) {
    case ProxyHeaderParse::kIncomplete:
      return "incomplete";
    case ProxyHeaderParse::kAbsent:
      return "absent";
    case ProxyHeaderParse::kMalformed:
      return "malformed v" + std::to_string(header.version);
    case ProxyHeaderParse::kComplete:
      break;
  }
  std::string text = "v" + std::to_string(header.version) + " " + std::to_string(header.size);
  if (header.local) return text + " local";
  text += " " + header.source.ToString() + " > " + header.destination.ToString();
  for (const ProxyTlv& tlv : header.tlvs) {
    text += " " + std::to_string(tlv.type) + "=" + std::string(tlv.value);
  }
  return text;
}

TEST_CASE("PROXY header: version 1") {
  CHECK(Read("PROXY TCP4 192.0.2.1 10.0.0.9 40000 443\r\nGET /") ==
        "v1 41 192.0.2.1:40000 > 10.0.0.9:443");
  CHECK(Read("PROXY TCP6 2001:db8::1 ::9 1 2\r\n") == "v1 32 [2001:db8::1]:1 > [::9]:2");
  CHECK(Read("PROXY UNKNOWN\r\n") == "v1 15 local");
  CHECK(Read("PROXY UNKNOWN whatever 1 2 3 4\r\n") == "v1 32 local");
}

TEST_CASE("PROXY header: version 1, malformed") {
  for (const char* line : {
           "PROXY \r\n",
           "PROXY TCP4\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 40000\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 40000 443 1\r\n",
           "PROXY TCP4  192.0.2.1 10.0.0.9 40000 443\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 40000 443 \r\n",
           "PROXY tcp4 192.0.2.1 10.0.0.9 40000 443\r\n",
           "PROXY TCP5 192.0.2.1 10.0.0.9 40000 443\r\n",
           "PROXY TCP4 2001:db8::1 ::9 1 2\r\n",
           "PROXY TCP6 192.0.2.1 10.0.0.9 40000 443\r\n",
           "PROXY TCP4 192.0.2.256 10.0.0.9 40000 443\r\n",
           "PROXY TCP4 192.0.2.01 10.0.0.9 40000 443\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 65536 443\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 -1 443\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 +1 443\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 0x1 443\r\n",
           "PROXY TCP4 192.0.2.1 10.0.0.9 1 \r\n",
           "PROXY TCP4 0.0.0.0 10.0.0.9 1 2\r\n",
           "PROXY TCP4 192.0.2.1 255.255.255.255 1 2\r\n",
           "PROXY TCP4 224.0.0.1 10.0.0.9 1 2\r\n",
           "PROXY TCP6 ff02::1 ::9 1 2\r\n",
           "PROXY TCP6 :: ::9 1 2\r\n",
       }) {
    INFO(line);
    CHECK(Read(line) == "malformed v1");
  }
  // 108 bytes without an end of line.
  CHECK(Read("PROXY UNKNOWN " + std::string(93, 'x')) == "incomplete");
  CHECK(Read("PROXY UNKNOWN " + std::string(94, 'x')) == "malformed v1");
  CHECK(Read("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n") == "v1 108 local");
  // A line feed alone is no end.
  CHECK(Read("PROXY UNKNOWN\n") == "incomplete");
}

TEST_CASE("PROXY header: version 2") {
  CHECK(Read(Binary(0x21, 0x11, kIpv4) + "GET /") == "v2 28 192.0.2.1:40000 > 10.0.0.9:443");
  const std::string v6 = Bytes({0x20, 1, 0xd, 0xb8}) + std::string(11, '\0') + Bytes({1}) +
                         std::string(15, '\0') + Bytes({9, 0, 1, 0, 2});
  CHECK(Read(Binary(0x21, 0x21, v6)) == "v2 52 [2001:db8::1]:1 > [::9]:2");
  CHECK(Read(Binary(0x20, 0x00, "")) == "v2 16 local");
  CHECK(Read(Binary(0x20, 0x11, "anything")) == "v2 24 local");
  const std::string tlvs = Bytes({1, 0, 2}) + "h2" + Bytes({0xea, 0, 3}) + "abc" + Bytes({4, 0, 0});
  CHECK(Read(Binary(0x21, 0x11, kIpv4 + tlvs)) ==
        "v2 42 192.0.2.1:40000 > 10.0.0.9:443 1=h2 234=abc 4=");
}

TEST_CASE("PROXY header: version 2, malformed") {
  CHECK(Read(Binary(0x11, 0x11, kIpv4)) == "malformed v2");  // version 1 in it
  CHECK(Read(Binary(0x22, 0x11, kIpv4)) == "malformed v2");  // no such command
  CHECK(Read(Binary(0x21, 0x00, kIpv4)) == "malformed v2");
  CHECK(Read(Binary(0x21, 0x31, std::string(216, 'u'))) == "malformed v2");
  CHECK(Read(Binary(0x21, 0x13, kIpv4)) == "malformed v2");
  CHECK(Read(Binary(0x21, 0x11, kIpv4.substr(1))) == "malformed v2");
  CHECK(Read(Binary(0x21, 0x21, kIpv4)) == "malformed v2");
  CHECK(Read(Binary(0x21, 0x11, std::string(12, '\0'))) == "malformed v2");
  // TLVs that end too early, or say that they are longer.
  CHECK(Read(Binary(0x21, 0x11, kIpv4 + Bytes({1}))) == "malformed v2");
  CHECK(Read(Binary(0x21, 0x11, kIpv4 + Bytes({1, 0}))) == "malformed v2");
  CHECK(Read(Binary(0x21, 0x11, kIpv4 + Bytes({1, 0, 3}) + "h2")) == "malformed v2");
  // What is wrong shows before the rest has come.
  CHECK(Read(kSignature + Bytes({0x31})) == "malformed v2");
  CHECK(Read(kSignature + Bytes({0x21, 0x31, 0, 9})) == "malformed v2");
}

TEST_CASE("PROXY header: cut anywhere it is incomplete") {
  for (const std::string& whole :
       {std::string("PROXY TCP4 192.0.2.1 10.0.0.9 40000 443\r\n"),
        Binary(0x21, 0x11, kIpv4 + Bytes({1, 0, 2}) + "h2"), Binary(0x20, 0, "xyz")}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      INFO(whole << " " << i);
      REQUIRE(Read(std::string_view(whole).substr(0, i)) == "incomplete");
    }
    CHECK(Read(whole).starts_with("v"));
  }
}

TEST_CASE("PROXY header: something else is known with its first wrong byte") {
  CHECK(Read("G") == "absent");
  CHECK(Read("PROXX") == "absent");
  CHECK(Read("PROXY\t") == "absent");
  CHECK(Read("\r\n\r\n\r") == "absent");
  CHECK(Read("\r\r") == "absent");
}

TEST_CASE("PROXY header: what is written is read") {
  const Address a = *Address::Ip("192.0.2.1", 40000);
  const Address b = *Address::Ip("10.0.0.9", 443);
  const Address c = *Address::Ip("2001:db8::1", 1);
  const Address d = *Address::Ip("::9", 2);
  CHECK(WriteProxyHeaderV1(a, b) == "PROXY TCP4 192.0.2.1 10.0.0.9 40000 443\r\n");
  CHECK(WriteProxyHeaderV1(c, d) == "PROXY TCP6 2001:db8::1 ::9 1 2\r\n");
  CHECK(WriteProxyHeaderV1(a, d) == "PROXY UNKNOWN\r\n");
  CHECK(WriteProxyHeaderV1(Address(), Address()) == "PROXY UNKNOWN\r\n");
  CHECK(WriteProxyHeaderV2(a, b, {}) == Binary(0x21, 0x11, kIpv4));
  CHECK(Read(WriteProxyHeaderV2(c, d, {})) == "v2 52 [2001:db8::1]:1 > [::9]:2");
  CHECK(Read(WriteProxyHeaderV2(a, b, {{5, "x"}, {6, ""}})) ==
        "v2 35 192.0.2.1:40000 > 10.0.0.9:443 5=x 6=");
  CHECK(Read(WriteProxyHeaderV2(*Address::Unix("/a"), b, {})) == "v2 16 local");
  const std::string most(65535 - 12 - 3, 'x');
  CHECK(WriteProxyHeaderV2(a, b, {{5, most}}).size() == 16 + 65535);
  CHECK(WriteProxyHeaderV2(a, b, {{5, most + "x"}}).empty());
}

}  // namespace
}  // namespace remora::net
