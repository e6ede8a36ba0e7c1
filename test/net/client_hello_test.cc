#include "source/net/client_hello.h"

#include <catch2/catch.hpp>

#include "test/net/client_hello_sample.h"

namespace remora::net {
namespace {

// "name [protocol protocol]", or why there is none.
std::string Read(std::string_view bytes) {
  ClientHello hello;
  switch (ParseClientHello(bytes, hello)) {
    case ClientHelloParse::kIncomplete:
      return "incomplete";
    case ClientHelloParse::kNotTls:
      return "not TLS";
    case ClientHelloParse::kTooLarge:
      return "too large";
    case ClientHelloParse::kComplete:
      break;
  }
  std::string text = hello.server_name + " [";
  for (const std::string& protocol : hello.protocols) text += protocol + " ";
  return text + "]";
}

TEST_CASE("client hello: name and protocols") {
  CHECK(Read(Hello(ServerName("Www.Example.COM") + Protocols({"h2", "http/1.1"}))) ==
        "www.example.com [h2 http/1.1 ]");
  CHECK(Read(Hello(Protocols({"h2"}) + Extension(0xff01, "?") + ServerName("a"))) == "a [h2 ]");
  CHECK(Read(Hello("")) == " []");
  CHECK(Read(Hello(Extension(0x1234, ""))) == " []");
  // What follows the ClientHello is not looked at.
  CHECK(Read(Hello(ServerName("a")) + "garbage") == "a []");
}

TEST_CASE("client hello: a client without extensions") {
  const std::string body = "\x03\x01" + std::string(32, 'r') + Block("", 1) + Block("\x13\x01", 2) +
                           Block(std::string(1, '\0'), 1);
  CHECK(Read(Records(HandshakeMessage(body))) == " []");
}

TEST_CASE("client hello: cut anywhere it is incomplete, in records of any size it is the same") {
  const std::string extensions = ServerName("www.example.com") + Protocols({"h2", "http/1.1"});
  for (const size_t size : {16384, 50, 7, 1}) {
    const std::string whole = Records(HandshakeMessage(HelloBody(extensions)), size);
    for (size_t i = 0; i < whole.size(); ++i) {
      INFO(size << " " << i);
      REQUIRE(Read(std::string_view(whole).substr(0, i)) == "incomplete");
    }
    CHECK(Read(whole) == "www.example.com [h2 http/1.1 ]");
  }
}

TEST_CASE("client hello: what is no TLS is known with its first wrong byte") {
  CHECK(Read("") == "incomplete");
  CHECK(Read("G") == "not TLS");
  CHECK(Read("GET / HTTP/1.1\r\n") == "not TLS");
  CHECK(Read("\x16") == "incomplete");
  CHECK(Read("\x16\x02") == "not TLS");
  CHECK(Read("\x16\x03\x01\x40\x01") == "not TLS");                    // a record of 16385 bytes
  CHECK(Read(std::string("\x16\x03\x01\0\0", 5)) == "incomplete");     // an empty record
  CHECK(Read(std::string("\x16\x03\x01\0\x04\x02", 6)) == "not TLS");  // a ServerHello
  CHECK(Read(std::string("\x80\x2e\x01\x03\x01", 5)) == "not TLS");    // SSL 2
  // An alert between two fragments.
  const std::string message = HandshakeMessage(HelloBody(ServerName("a")));
  CHECK(Read(Records(message.substr(0, 9)) + std::string("\x15\x03\x01\0\x02\x02\x28", 7)) ==
        "not TLS");
}

TEST_CASE("client hello: what does not add up is no TLS") {
  const auto with = [](std::string_view extensions) { return Read(Hello(extensions)); };
  CHECK(with("x") == "not TLS");
  CHECK(with(Number(0, 2) + Number(9, 2) + "short") == "not TLS");
  CHECK(with(ServerName("")) == "not TLS");
  CHECK(with(ServerName(std::string("a\0b", 3))) == "not TLS");
  CHECK(with(ServerName(std::string(256, 'a'))) == "not TLS");
  CHECK(with(ServerName(std::string(255, 'a'))) == std::string(255, 'a') + " []");
  CHECK(with(ServerName("a") + ServerName("b")) == "not TLS");
  // Two names, another type, bytes behind the list.
  const std::string name = Number(0, 1) + Block("a", 2);
  CHECK(with(Extension(0, Block(name + name, 2))) == "not TLS");
  CHECK(with(Extension(0, Block(Number(1, 1) + Block("a", 2), 2))) == "not TLS");
  CHECK(with(Extension(0, Block(name, 2) + "x")) == "not TLS");
  CHECK(with(Extension(0, "")) == "not TLS");
  CHECK(with(Protocols({})) == "not TLS");
  CHECK(with(Protocols({""})) == "not TLS");
  CHECK(with(Extension(16, Block("\x03h2", 2))) == "not TLS");
  CHECK(with(Protocols({"h2"}) + Protocols({"h2"})) == "not TLS");
  // Bytes behind the extensions; no cipher; an odd number of bytes of them; no compression.
  const auto body = [](const std::string& ciphers, const std::string& compressions,
                       const std::string& rest) {
    return Read(Records(HandshakeMessage("\x03\x03" + std::string(32, 'r') + Block("", 1) +
                                         Block(ciphers, 2) + Block(compressions, 1) + rest)));
  };
  CHECK(body("\x13\x01", "0", Block("", 2)) == " []");
  CHECK(body("\x13\x01", "0", Block("", 2) + "x") == "not TLS");
  CHECK(body("", "0", "") == "not TLS");
  CHECK(body("\x13\x01\x13", "0", "") == "not TLS");
  CHECK(body("\x13\x01", "", "") == "not TLS");
  CHECK(Read(Records(HandshakeMessage(""))) == "not TLS");
}

TEST_CASE("client hello: it has its limit") {
  const std::string_view large = "\x16\x03\x01\x40";
  // A message that says it is larger, and one that comes in very many records.
  CHECK(Read(std::string(large) + std::string("\0\x01\x00\x40\x01", 5)) == "too large");
  const std::string padded = HandshakeMessage(HelloBody(Extension(21, std::string(12000, '\0'))));
  CHECK(Read(Records(padded)) == " []");
  CHECK(Read(Records(padded, 5)) == "too large");
}

TEST_CASE("client hello: its shape, when it is asked for") {
  const std::string extensions = Extension(10, Block(std::string("\x00\x1d\x00\x17", 4), 2)) +
                                 Extension(11, Block(std::string(1, '\0'), 1)) + ServerName("a") +
                                 Extension(13, Block("\x04\x03\x08\x04", 2)) +
                                 Extension(43, Block("\x03\x04\x03\x03", 1));
  ClientHello hello;
  REQUIRE(ParseClientHello(Hello(extensions), hello, true) == ClientHelloParse::kComplete);
  using Numbers = std::vector<uint16_t>;
  CHECK(hello.shape.version == 0x0303);
  CHECK(hello.shape.ciphers == Numbers{0x1301, 0x1302});
  CHECK(hello.shape.extensions == Numbers{10, 11, 0, 13, 43});
  CHECK(hello.shape.groups == Numbers{29, 23});
  CHECK(hello.shape.point_formats == Numbers{0});
  CHECK(hello.shape.signature_algorithms == Numbers{0x0403, 0x0804});
  CHECK(hello.shape.versions == Numbers{0x0304, 0x0303});
  // A broken list ends where it breaks, and is for the handshake to refuse.
  REQUIRE(ParseClientHello(Hello(Extension(10, "\x09\x09\x01") + Extension(13, Block("abc", 2))),
                           hello, true) == ClientHelloParse::kComplete);
  CHECK(hello.shape.groups.empty());
  CHECK(hello.shape.signature_algorithms == Numbers{0x6162});
  REQUIRE(ParseClientHello(Hello(extensions), hello) == ClientHelloParse::kComplete);
  CHECK(hello.shape.ciphers.empty());
}

}  // namespace
}  // namespace remora::net
