#include "source/http/route/rate_limit.h"

#include <catch2/catch.hpp>
#include <string>

namespace remora::route {
namespace {

struct World {
  World() : head(arena), client(*net::Address::Ip("192.168.17.5", 1234)) {
    head.method = "GET";
    head.path = "/p?user=ann&user=ben&empty=";
    head.authority = "example.com";
    CHECK(head.headers.Add("x-user", "first"));
    CHECK(head.headers.Add("x-user", "second"));
  }
  // "key=value key=value", or "none".
  std::string Describe(std::vector<RateLimit::Action> actions) {
    RateLimit limit;
    limit.actions = std::move(actions);
    RateLimitDescriptor descriptor;
    info.downstream_remote = with_client ? &client : nullptr;
    if (!limit.Describe({head, info, "svc", "up"}, descriptor)) {
      return "none";
    }
    std::string text;
    for (const RateLimitEntry& entry : descriptor.entries) {
      text += (text.empty() ? "" : " ") + std::string(entry.key) + "=" + std::string(entry.value);
    }
    return text;
  }

  base::ArenaPool pool;
  base::Arena arena{pool};
  http::RequestHead head;
  http::StreamInfo info;
  net::Address client;
  bool with_client = true;
};

RateLimit::Action HeaderMatches(bool expected) {
  RateLimit::HeaderMatches action{"k", "v", expected, {}};
  HeaderMatch match;
  match.name = "x-user";
  action.headers.push_back(*HeaderMatcher::Compile(std::move(match), 100));
  return action;
}

RateLimit::Action QueryMatches(bool expected) {
  RateLimit::QueryMatches action{"q", "v", expected, {}};
  QueryParameterMatch match;
  match.name = "user";
  match.string = StringMatch{StringMatch::Kind::kExact, "ann", false};
  action.parameters.push_back(*QueryParameterMatcher::Compile(std::move(match), 100));
  return action;
}

template <class... Actions>
std::vector<RateLimit::Action> List(Actions... actions) {
  std::vector<RateLimit::Action> list;
  (list.emplace_back(std::move(actions)), ...);
  return list;
}

TEST_CASE("rate limit: fixed entries, in order") {
  World world;
  CHECK(world.Describe(List(RateLimit::GenericKey{"generic_key", "a"}, RateLimit::SourceCluster(),
                            RateLimit::DestinationCluster())) ==
        "generic_key=a source_cluster=svc destination_cluster=up");
}

TEST_CASE("rate limit: a field's first value, or no descriptor, or no entry") {
  World world;
  const RateLimit::GenericKey more{"g", "1"};
  CHECK(world.Describe(List(RateLimit::Field{"x-user", "user", false})) == "user=first");
  CHECK(world.Describe(List(more, RateLimit::Field{"x-none", "user", false})) == "none");
  CHECK(world.Describe(List(more, RateLimit::Field{"x-none", "user", true})) == "g=1");
  CHECK(world.Describe(List(RateLimit::Field{"x-none", "user", true})) == "none");
  CHECK(world.Describe(List(RateLimit::Field{":path", "path", false},
                            RateLimit::Field{":method", "method", false},
                            RateLimit::Field{"host", "host", false})) ==
        "path=/p?user=ann&user=ben&empty= method=GET host=example.com");
}

TEST_CASE("rate limit: a query parameter") {
  World world;
  CHECK(world.Describe(List(RateLimit::QueryParameter{"user", "u", false})) == "u=ann");
  CHECK(world.Describe(List(RateLimit::QueryParameter{"empty", "e", false})) == "e=");
  CHECK(world.Describe(List(RateLimit::QueryParameter{"none", "n", false})) == "none");
}

TEST_CASE("rate limit: the client") {
  World world;
  CHECK(world.Describe(List(RateLimit::RemoteAddress())) == "remote_address=192.168.17.5");
  CHECK(world.Describe(List(RateLimit::MaskedRemoteAddress{20, 64})) ==
        "masked_remote_address=192.168.16.0/20");
  world.client = *net::Address::Ip("2001:abcd:ef01:2345:6789:abcd:ef01:234", 1);
  CHECK(world.Describe(List(RateLimit::MaskedRemoteAddress{20, 64})) ==
        "masked_remote_address=2001:abcd:ef01:2345::/64");
  CHECK(world.Describe(List(RateLimit::MaskedRemoteAddress())) ==
        "masked_remote_address=2001:abcd:ef01:2345:6789:abcd:ef01:234/128");
  world.client = *net::Address::Unix("/path");
  CHECK(world.Describe(List(RateLimit::RemoteAddress())) == "none");
  world.with_client = false;
  CHECK(world.Describe(List(RateLimit::MaskedRemoteAddress())) == "none");
}

TEST_CASE("rate limit: masks of every length") {
  const net::Address all = *net::Address::Ip("255.255.255.255", 1);
  CHECK(MaskedAddress(all, 0) == "0.0.0.0/0");
  CHECK(MaskedAddress(all, 1) == "128.0.0.0/1");
  CHECK(MaskedAddress(all, 9) == "255.128.0.0/9");
  CHECK(MaskedAddress(all, 31) == "255.255.255.254/31");
  CHECK(MaskedAddress(all, 32) == "255.255.255.255/32");
}

TEST_CASE("rate limit: by conditions") {
  World world;
  CHECK(world.Describe(List(HeaderMatches(true))) == "k=v");
  CHECK(world.Describe(List(HeaderMatches(false))) == "none");
  CHECK(world.Describe(List(QueryMatches(true))) == "q=v");
  CHECK(world.Describe(List(QueryMatches(false))) == "none");
}

}  // namespace
}  // namespace remora::route
