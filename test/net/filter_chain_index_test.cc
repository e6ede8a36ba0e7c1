#include "source/net/filter_chain_index.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace remora::net {
namespace {

Address Ip(const std::string& ip, uint16_t port) { return *Address::Ip(ip, port); }
CidrRange Range(const std::string& ip, uint32_t bits) { return CidrRange(Ip(ip, 0), bits); }

struct Visitor {
  Address local = Ip("10.0.0.1", 443);
  Address remote = Ip("192.0.2.7", 40000);
  Address direct_remote = Ip("192.0.2.7", 40000);
  std::string server_name = "";
  std::string transport = "raw_buffer";
  std::vector<std::string> protocols = {};
};

// The chain that takes the visitor; -1: none.
int Find(const std::vector<FilterChainMatch>& chains, const Visitor& visitor) {
  FilterChainIndex index;
  for (size_t i = 0; i < chains.size(); ++i) REQUIRE(index.Add(chains[i], i));
  const auto found = index.Find({visitor.local, visitor.remote, visitor.direct_remote,
                                 visitor.server_name, visitor.transport, &visitor.protocols});
  return found.has_value() ? static_cast<int>(*found) : -1;
}

bool Fits(const std::vector<FilterChainMatch>& chains) {
  FilterChainIndex index;
  for (size_t i = 0; i < chains.size(); ++i) {
    if (!index.Add(chains[i], i)) return false;
  }
  return true;
}

FilterChainMatch Port(uint16_t port) {
  FilterChainMatch match;
  match.destination_port = port;
  return match;
}
FilterChainMatch Names(std::vector<std::string> names) {
  FilterChainMatch match;
  match.server_names = std::move(names);
  return match;
}
FilterChainMatch Destination(const std::string& ip, uint32_t bits) {
  FilterChainMatch match;
  match.prefix_ranges = {Range(ip, bits)};
  return match;
}

TEST_CASE("filter chains: one chain without conditions needs no look") {
  FilterChainIndex index;
  CHECK_FALSE(index.only().has_value());
  REQUIRE(index.Add(FilterChainMatch(), 0));
  CHECK(index.only() == 0);
  REQUIRE(index.Add(Port(80), 1));
  CHECK_FALSE(index.only().has_value());
}

TEST_CASE("filter chains: the port comes first, and there is no way back from it") {
  FilterChainMatch both = Port(443);
  both.server_names = {"a.example"};
  const std::vector<FilterChainMatch> chains = {FilterChainMatch(), both, Names({"b.example"})};
  Visitor visitor;
  visitor.server_name = "a.example";
  CHECK(Find(chains, visitor) == 1);
  // The name would fit the third chain, but some chain has this port.
  visitor.server_name = "b.example";
  CHECK(Find(chains, visitor) == -1);
  visitor.local = Ip("10.0.0.1", 80);
  CHECK(Find(chains, visitor) == 2);
  visitor.server_name = "";
  CHECK(Find(chains, visitor) == 0);
}

TEST_CASE("filter chains: the longest destination prefix wins") {
  FilterChainMatch tls = Destination("10.0.0.0", 24);
  tls.transport_protocol = "tls";
  const std::vector<FilterChainMatch> chains = {Destination("10.0.0.0", 8), tls,
                                                Destination("2001:db8::", 33), FilterChainMatch()};
  Visitor visitor;
  CHECK(Find(chains, visitor) == -1);  // 10.0.0.0/24 it is, and that wants TLS
  visitor.transport = "tls";
  CHECK(Find(chains, visitor) == 1);
  visitor.local = Ip("10.1.0.1", 443);
  CHECK(Find(chains, visitor) == 0);
  visitor.local = Ip("11.1.0.1", 443);
  CHECK(Find(chains, visitor) == 3);
  visitor.local = Ip("2001:db8:7fff::1", 443);
  CHECK(Find(chains, visitor) == 2);
  visitor.local = Ip("2001:db8:8000::1", 443);
  CHECK(Find(chains, visitor) == 3);
}

TEST_CASE("filter chains: exact names before the longest wildcard") {
  const std::vector<FilterChainMatch> chains = {Names({".com"}), Names({".example.com"}),
                                                Names({"www.example.com", "example.org"}),
                                                FilterChainMatch()};
  const auto find = [&](const std::string& name) {
    Visitor visitor;
    visitor.server_name = name;
    return Find(chains, visitor);
  };
  CHECK(find("www.example.com") == 2);
  CHECK(find("api.example.com") == 1);
  CHECK(find("a.b.example.com") == 1);
  CHECK(find("example.com") == 0);
  CHECK(find("com") == 3);
  CHECK(find("example.org") == 2);
  CHECK(find("www.example.org") == 3);
  CHECK(find("") == 3);
  CHECK(find(".") == 3);
  CHECK(find("..com") == 0);
  CHECK(find("www.example.com.") == 3);
}

TEST_CASE("filter chains: application protocols in the client's order") {
  FilterChainMatch h2;
  h2.application_protocols = {"h2"};
  FilterChainMatch h1;
  h1.application_protocols = {"http/1.1", "http/1.0"};
  const std::vector<FilterChainMatch> chains = {h2, h1};
  Visitor visitor;
  visitor.protocols = {"x", "http/1.1", "h2"};
  CHECK(Find(chains, visitor) == 1);
  visitor.protocols = {"h2", "http/1.1"};
  CHECK(Find(chains, visitor) == 0);
  visitor.protocols = {};
  CHECK(Find(chains, visitor) == -1);
}

TEST_CASE("filter chains: the client and the peer are two things") {
  FilterChainMatch balancer;
  balancer.direct_source_prefix_ranges = {Range("10.9.0.0", 16)};
  FilterChainMatch client = balancer;
  client.source_prefix_ranges = {Range("192.0.2.0", 24)};
  FilterChainMatch port = client;
  port.source_ports = {7, 8};
  const std::vector<FilterChainMatch> chains = {balancer, client, port};
  Visitor visitor;
  CHECK(Find(chains, visitor) == -1);
  visitor.direct_remote = Ip("10.9.1.1", 1);
  CHECK(Find(chains, visitor) == 1);
  visitor.remote = Ip("192.0.2.7", 8);
  CHECK(Find(chains, visitor) == 2);
  visitor.remote = Ip("203.0.113.1", 8);
  CHECK(Find(chains, visitor) == 0);
}

TEST_CASE("filter chains: where a connection comes from") {
  FilterChainMatch local;
  local.source_type = FilterChainMatch::SourceType::kSameIpOrLoopback;
  FilterChainMatch external;
  external.source_type = FilterChainMatch::SourceType::kExternal;
  Visitor visitor;
  CHECK(Find({local, external, FilterChainMatch()}, visitor) == 1);
  CHECK(Find({local, FilterChainMatch()}, visitor) == 1);
  visitor.remote = Ip("127.0.0.9", 1);
  CHECK(Find({local, external, FilterChainMatch()}, visitor) == 0);
  visitor.remote = Ip("10.0.0.1", 1);  // the address it goes to
  CHECK(Find({local, external}, visitor) == 0);
  visitor.remote = *Address::Unix("/client");
  CHECK(Find({local, external}, visitor) == 0);
}

TEST_CASE("filter chains: a Unix socket has no port and no address") {
  Visitor visitor;
  visitor.local = *Address::Unix("/listener");
  visitor.remote = visitor.direct_remote = Address();
  FilterChainMatch sources;
  sources.source_prefix_ranges = {Range("192.0.2.0", 24)};
  CHECK(Find({Port(443), sources, FilterChainMatch()}, visitor) == 2);
  CHECK(Find({Port(443)}, visitor) == -1);
}

TEST_CASE("filter chains: two must not take the same connection") {
  CHECK(Fits({Names({"a", "b"}), Names({"c"})}));
  CHECK_FALSE(Fits({Names({"a", "b"}), Names({"b"})}));
  CHECK_FALSE(Fits({FilterChainMatch(), FilterChainMatch()}));
  // Without a prefix is with the widest one.
  CHECK_FALSE(Fits({FilterChainMatch(), Destination("0.0.0.0", 0)}));
  CHECK_FALSE(Fits({Destination("10.0.0.1", 8), Destination("10.255.0.0", 8)}));
  CHECK(Fits({Destination("10.0.0.1", 8), Destination("10.0.0.1", 9)}));
}

// "3:5 " for chain 3, which fell out at condition 5; then what takes the visitor.
std::string Explained(const std::vector<FilterChainMatch>& chains, const Visitor& visitor) {
  FilterChainIndex index;
  for (size_t i = 0; i < chains.size(); ++i) REQUIRE(index.Add(chains[i], i));
  const ConnectionTraits traits{visitor.local,       visitor.remote,    visitor.direct_remote,
                                visitor.server_name, visitor.transport, &visitor.protocols};
  std::vector<FilterChainIndex::Loser> losers;
  const auto found = index.Explain(traits, losers);
  CHECK(found == index.Find(traits));
  std::string text;
  for (const auto& loser : losers) {
    text +=
        std::to_string(loser.chain) + ":" + std::to_string(static_cast<int>(loser.condition)) + " ";
  }
  return text + (found.has_value() ? std::to_string(*found) : "none");
}

TEST_CASE("filter chains: each that loses is named once, with the condition it fell out at") {
  FilterChainMatch tls = Names({"a.example", "b.example"});
  tls.transport_protocol = "tls";
  FilterChainMatch h2 = tls;
  h2.application_protocols = {"h2"};
  const std::vector<FilterChainMatch> chains = {
      Port(80), Destination("10.0.0.0", 8), tls, h2, Names({".example"}), FilterChainMatch()};
  Visitor visitor;
  CHECK(Explained({Port(80), FilterChainMatch()}, visitor) == "0:0 1");
  CHECK(Explained(chains, visitor) == "0:0 2:1 3:1 4:1 5:1 1");
  visitor.local = Ip("192.0.2.1", 443);
  visitor.server_name = "b.example";
  visitor.transport = "tls";
  visitor.protocols = {"h2"};
  CHECK(Explained(chains, visitor) == "0:0 1:1 4:2 5:2 2:4 3");
  // No way back: its name has chains, but none for plain text.
  visitor.transport = "raw_buffer";
  CHECK(Explained(chains, visitor) == "0:0 1:1 4:2 5:2 2:3 3:3 none");
  CHECK(Explained({FilterChainMatch()}, visitor) == "0");
}

}  // namespace
}  // namespace remora::net
