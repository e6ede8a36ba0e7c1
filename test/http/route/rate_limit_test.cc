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

http::MetadataValue Text(std::string text) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kString;
  value.text = std::move(text);
  return value;
}

http::MetadataValue Number(double number) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kNumber;
  value.number = number;
  return value;
}

http::MetadataValue Struct(std::map<std::string, http::MetadataValue, std::less<>> fields) {
  http::MetadataValue value;
  value.kind = http::MetadataValue::Kind::kStruct;
  value.fields = std::move(fields);
  return value;
}

TEST_CASE("rate limit: texts in metadata") {
  World world;
  const http::Metadata dynamic = {
      {"m", Struct({{"s", Text("d")}, {"empty", Text("")}, {"n", Number(1)}})}};
  const http::Metadata of_route = {{"m", Struct({{"s", Text("r")}})}};
  world.info.dynamic_metadata = &dynamic;
  world.info.route_metadata = &of_route;
  const auto describe = [&](const std::string& field, const std::string& otherwise = "",
                            bool from_route = false, bool skip_if_absent = false) {
    return world.Describe(
        List(RateLimit::GenericKey{"g", "1"},
             RateLimit::MetadataText{"k", {"m", {field}}, otherwise, from_route, skip_if_absent}));
  };
  CHECK(describe("s") == "g=1 k=d");
  CHECK(describe("s", "", true) == "g=1 k=r");
  CHECK(describe("none") == "none");
  CHECK(describe("empty") == "none");
  CHECK(describe("n") == "none");
  CHECK(describe("n", "other") == "g=1 k=other");
  CHECK(describe("none", "", false, true) == "g=1");
  world.info.dynamic_metadata = nullptr;
  CHECK(describe("s") == "none");
}

TEST_CASE("rate limit: a limit of its own") {
  World world;
  const http::Metadata dynamic = {
      {"m", Struct({{"hour", Struct({{"requests_per_unit", Number(42)}, {"unit", Text("HOUR")}})},
                    {"week", Struct({{"requests_per_unit", Number(42)}, {"unit", Text("WEEK")}})},
                    {"half", Struct({{"requests_per_unit", Number(1.5)}, {"unit", Text("DAY")}})},
                    {"less", Struct({{"requests_per_unit", Number(-1)}, {"unit", Text("DAY")}})},
                    {"text", Struct({{"requests_per_unit", Text("1")}, {"unit", Text("DAY")}})},
                    {"none", Struct({{"unit", Text("DAY")}})}})}};
  world.info.dynamic_metadata = &dynamic;
  RateLimit limit;
  limit.actions = List(RateLimit::GenericKey{"g", "1"});
  const auto describe = [&] {
    RateLimitDescriptor descriptor;
    CHECK(limit.Describe({world.head, world.info}, descriptor));
    return descriptor.limit.has_value() ? std::to_string(descriptor.limit->requests) + "/" +
                                              std::to_string(descriptor.limit->unit)
                                        : "none";
  };
  CHECK(describe() == "none");
  limit.limit = RateLimitOverride{7, 4};
  CHECK(describe() == "7/4");
  limit.limit = MetadataPlace{"m", {"hour"}};
  CHECK(describe() == "42/3");
  for (const char* const name : {"week", "half", "less", "text", "none", "absent"}) {
    limit.limit = MetadataPlace{"m", {name}};
    CHECK(describe() == "none");
  }
}

TEST_CASE("rate limit: how many requests one counts as") {
  World world;
  RateLimit limit;
  limit.actions = List(RateLimit::GenericKey{"g", "1"});
  const auto describe = [&]() -> std::string {
    RateLimitDescriptor descriptor;
    if (!limit.Describe({world.head, world.info}, descriptor)) return "none";
    return descriptor.hits.has_value() ? std::to_string(*descriptor.hits) : "one";
  };
  CHECK(describe() == "one");
  limit.hits = 0;
  CHECK(describe() == "0");
  limit.hits.reset();
  limit.hits_format = *formatter::Format::Parse("%REQ(x-hits)%", {});
  CHECK(describe() == "none");
  for (const auto& [field, hits] : {std::pair{"5", "5"},
                                    {"2.9", "2"},
                                    {"1e3", "1000"},
                                    {"1000000000", "1000000000"},
                                    {"1000000001", "none"},
                                    {"-1", "none"},
                                    {"inf", "none"},
                                    {"nan", "none"},
                                    {"5x", "none"}}) {
    CHECK(world.head.headers.Set("x-hits", field));
    CHECK(describe() == hits);
  }
  limit.hits_format = *formatter::Format::Parse("%BYTES_SENT%", {});
  world.info.bytes_sent = 17;
  CHECK(describe() == "17");
}

}  // namespace
}  // namespace remora::route
