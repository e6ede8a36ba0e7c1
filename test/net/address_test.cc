#include "source/net/address.h"

#include <sys/un.h>

#include <catch2/catch.hpp>
#include <string>

namespace remora::net {
namespace {

TEST_CASE("address: IPs in and out") {
  const auto v4 = Address::Ip("127.0.0.1", 80);
  REQUIRE(v4.ok());
  CHECK(v4->ToString() == "127.0.0.1:80");
  CHECK(v4->IpString() == "127.0.0.1");
  CHECK(v4->is_loopback());
  CHECK(v4->is_ip());
  CHECK(v4->port() == 80);
  CHECK(v4->family() == AF_INET);
  const auto v6 = Address::Ip("2001:db8::1", 8080);
  REQUIRE(v6.ok());
  CHECK(v6->ToString() == "[2001:db8::1]:8080");
  CHECK(v6->IpString() == "2001:db8::1");
  CHECK_FALSE(v6->is_loopback());
  CHECK(Address::Ip("::1", 0)->is_loopback());
}

TEST_CASE("address: every byte of an IPv4 address is written without zeros in front") {
  for (const char* text : {"0.0.0.0", "1.20.255.100", "255.255.255.255", "10.9.99.109"}) {
    CHECK(Address::Ip(text, 1)->IpString() == text);
  }
}

TEST_CASE("address: names and rubbish are refused, with the text") {
  for (const char* text : {"localhost", "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "[::1]", "::g",
                           "1.2.3.4 ", "01.2.3.4x"}) {
    INFO(text);
    const auto address = Address::Ip(text, 1);
    REQUIRE_FALSE(address.ok());
    CHECK(std::string(address.status().message()) == "malformed IP address: " + std::string(text));
  }
}

TEST_CASE("address: a zero byte does not hide what is behind it") {
  const std::string_view text("1.2.3.4\0x", 9);
  CHECK_FALSE(Address::Ip(text, 1).ok());
}

TEST_CASE("address: Unix sockets") {
  const auto path = Address::Unix("/tmp/x.sock", 0600);
  REQUIRE(path.ok());
  CHECK(path->ToString() == "/tmp/x.sock");
  CHECK(path->mode() == 0600);
  CHECK(path->is_loopback());
  CHECK_FALSE(path->is_ip());
  sockaddr_storage storage;
  const auto& un = reinterpret_cast<const sockaddr_un&>(storage);
  CHECK(path->Fill(storage) == offsetof(sockaddr_un, sun_path) + 12);
  CHECK(std::string(un.sun_path) == "/tmp/x.sock");
  const auto abstract = Address::Unix("@name");
  REQUIRE(abstract.ok());
  CHECK(abstract->Fill(storage) == offsetof(sockaddr_un, sun_path) + 5);
  CHECK(std::string(un.sun_path, 5) == std::string("\0name", 5));
  CHECK_FALSE(Address::Unix("").ok());
  CHECK_FALSE(Address::Unix("@").ok());
  CHECK(Address::Unix(std::string(107, 'x')).ok());
  CHECK_FALSE(Address::Unix(std::string(108, 'x')).ok());
}

TEST_CASE("address: through the kernel's form and back") {
  for (const char* text : {"127.0.0.1", "::1", "2001:db8::2"}) {
    const Address address = *Address::Ip(text, 1234);
    sockaddr_storage storage;
    const socklen_t length = address.Fill(storage);
    CHECK(Address::FromSocket(storage, length) == address);
  }
}

TEST_CASE("address: a v4 peer of a dual-stack socket is a v4 peer") {
  sockaddr_storage storage;
  const socklen_t length = Address::Ip("::ffff:10.1.2.3", 5)->Fill(storage);
  CHECK(Address::FromSocket(storage, length).ToString() == "10.1.2.3:5");
}

TEST_CASE("address: what the kernel leaves out is no address") {
  sockaddr_storage storage = {};
  storage.ss_family = AF_UNIX;
  CHECK(Address::FromSocket(storage, sizeof(sa_family_t)).kind() == Address::Kind::kNone);
  storage.ss_family = AF_INET;
  CHECK(Address::FromSocket(storage, 4).kind() == Address::Kind::kNone);
  CHECK(Address().ToString().empty());
}

TEST_CASE("address: equality") {
  CHECK(*Address::Ip("1.2.3.4", 1) == *Address::Ip("1.2.3.4", 1));
  CHECK_FALSE(*Address::Ip("1.2.3.4", 1) == *Address::Ip("1.2.3.4", 2));
  CHECK_FALSE(*Address::Ip("1.2.3.4", 1) == *Address::Ip("1.2.3.5", 1));
  CHECK_FALSE(*Address::Ip("::1", 1) == *Address::Ip("127.0.0.1", 1));
  CHECK(*Address::Unix("/a") == *Address::Unix("/a"));
  CHECK_FALSE(*Address::Unix("/a") == *Address::Unix("/b"));
}

TEST_CASE("An address with its port is parsed, and nothing that only looks like one") {
  const auto parsed = [](std::string_view text) {
    const absl::StatusOr<Address> address = Address::IpPort(text);
    return address.ok() ? address->ToString() : "none";
  };
  CHECK(parsed("127.0.0.1:80") == "127.0.0.1:80");
  CHECK(parsed("[::1]:65535") == "[::1]:65535");
  CHECK(parsed("127.0.0.1:0") == "127.0.0.1:0");
  for (const std::string_view bad :
       {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:+1", "127.0.0.1: 1",
        "127.0.0.1:1 ", "127.0.0.1:1x", "127.0.0.1:-1", "::1:80", "[::1]", "[127.0.0.1]:80",
        "[::1:80", "::1]:80", "a:80", ":80"}) {
    INFO(bad);
    CHECK(parsed(bad) == "none");
  }
  CHECK(Address::Ip("::1", 1)->WithPort(2).ToString() == "[::1]:2");
}

}  // namespace
}  // namespace remora::net
