// Fingerprints of clients: published ones of published greetings.

#include "source/tls/fingerprint.h"

#include <catch2/catch.hpp>
#include <utility>

namespace remora::tls {
namespace {

TEST_CASE("fingerprint: JA3 of the examples of its authors") {
  net::HelloShape shape;
  shape.version = 769;
  shape.ciphers = {47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4};
  shape.extensions = {0, 10, 11};
  shape.groups = {23, 24, 25};
  shape.point_formats = {0};
  CHECK(Ja3(shape) == "ada70206e40642a3e4461f35503241d5");
  SECTION("GREASE says nothing of a client") {
    shape.ciphers.insert(shape.ciphers.begin(), 0x1a1a);
    shape.extensions.push_back(0xfafa);
    shape.groups.push_back(0x0a0a);
    CHECK(Ja3(shape) == "ada70206e40642a3e4461f35503241d5");
    shape.ciphers.push_back(0x1a2a);  // not one of its values
    CHECK(Ja3(shape) != "ada70206e40642a3e4461f35503241d5");
  }
  SECTION("a client without extensions") {
    shape.ciphers = {4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99};
    shape.extensions = shape.groups = shape.point_formats = {};
    CHECK(Ja3(shape) == "de350869b8c85de67a350c8d186f11e6");
  }
}

// A browser's, as FoxIO's description of JA4 has it.
net::ClientHello Browser() {
  net::ClientHello hello;
  hello.protocols = {"h2", "http/1.1"};
  net::HelloShape& shape = hello.shape;
  shape.version = 0x0303;
  shape.versions = {0x2a2a, 0x0304, 0x0303};
  shape.ciphers = {0x8a8a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030,
                   0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035};
  shape.extensions = {0x3a3a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d,
                      0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015};
  shape.signature_algorithms = {0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601};
  return hello;
}

TEST_CASE("fingerprint: JA4 of the example of its authors") {
  net::ClientHello hello = Browser();
  CHECK(Ja4(hello) == "t13d1516h2_8daaf6152771_e5627efa2ab1");
  SECTION("the order of ciphers and extensions does not count") {
    std::swap(hello.shape.ciphers[1], hello.shape.ciphers[5]);
    std::swap(hello.shape.extensions[1], hello.shape.extensions[5]);
    CHECK(Ja4(hello) == "t13d1516h2_8daaf6152771_e5627efa2ab1");
  }
  SECTION("a protocol that is no word") {
    hello.protocols = {"\x0a\xab"};
    CHECK(Ja4(hello).substr(0, 10) == "t13d15160b");
  }
  SECTION("a client that says nothing") {
    hello = net::ClientHello();
    hello.shape.version = 0x0301;
    CHECK(Ja4(hello) == "t10i000000_000000000000_000000000000");
  }
}

}  // namespace
}  // namespace remora::tls
