// What Envoy 1.40 answers was measured; the tests say the same.

#include "source/extensions/http_filters/local_ratelimit/local_ratelimit.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

const std::string kOn =
    "stat_prefix: 'rl' filter_enabled { default_value { numerator: 100 } } "
    "filter_enforced { default_value { numerator: 100 } } ";
const std::string kNotEnforced =
    "stat_prefix: 'rl' filter_enabled { default_value { numerator: 100 } } ";

std::string Tokens(int tokens) {
  return "token_bucket { max_tokens: " + std::to_string(tokens) +
         " fill_interval { seconds: 60 } } ";
}

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<LocalRateLimit>();
  return registry;
}

http::FilterFactory Filter(const std::string& text) {
  std::string errors;
  http::FilterFactory factory =
      fakes::ParseFilter(Registry(), "rl", ProtoFromText<LocalRateLimit::Proto>(text), errors);
  CHECK(errors.empty());
  return factory;
}

std::string Errors(const std::string& text, bool on_route = false) {
  std::string errors;
  const auto proto = ProtoFromText<LocalRateLimit::Proto>(text);
  if (on_route) {
    fakes::ParseOverride(Registry(), "rl", proto, errors);
  } else {
    fakes::ParseFilter(Registry(), "rl", proto, errors);
  }
  return errors;
}

// One request through a filter; several worlds may share the filter and so its buckets.
struct World : ChainWorld {
  explicit World(const http::FilterFactory& factory, const Fields& fields = {},
                 fakes::RouteLevels levels = {}) {
    AddWithState(factory);
    UseRoutes(fakes::OneRoute(std::move(levels)));
    MakeRequest("GET", "/", fields);
    downstream.with_fields = upstream.with_fields = true;
    Start();
    Request();
  }
  bool passed() const { return upstream.heads == 1; }
  std::string Answer() {
    if (downstream.heads == 0) Response(200);
    return fakes::ToText(*downstream.last_head);
  }
  std::string Counts() {
    std::string text;
    for (const char* name : {"enabled", "enforced", "ok", "rate_limited"}) {
      text += std::string(name) + "=" +
              std::to_string(Stat("rl.http_local_rate_limit." + std::string(name))) + " ";
    }
    return text;
  }
};

TEST_CASE("local rate limit: a request without a token is answered") {
  const http::FilterFactory filter = Filter(kOn + Tokens(1));
  World first(filter);
  CHECK(first.passed());
  CHECK(first.Counts() == "enabled=1 enforced=0 ok=1 rate_limited=0 ");
  World second(filter);
  CHECK_FALSE(second.passed());
  CHECK(second.Answer() == "429 content-type=text/plain content-length=18");
  CHECK(second.downstream.body == "local_rate_limited");
  CHECK(second.info.flags.ToString() == "RL");
  CHECK(second.info.response_code_details == "local_rate_limited");
  CHECK(second.Counts() == "enabled=1 enforced=1 ok=0 rate_limited=1 ");
}

TEST_CASE("local rate limit: off is the default, and without a bucket everything passes") {
  World off(Filter("stat_prefix: 'rl' " + Tokens(1)));
  CHECK(off.passed());
  CHECK(off.Counts() == "enabled=0 enforced=0 ok=0 rate_limited=0 ");
  const http::FilterFactory filter = Filter(kOn);
  for (int i = 0; i < 3; ++i) CHECK(World(filter).passed());
}

TEST_CASE("local rate limit: not enforced") {
  const http::FilterFactory filter =
      Filter(kNotEnforced + Tokens(1) +
             "request_headers_to_add_when_not_enforced { header { key: 'x-limited' value: "
             "'%REQ(:path)%' } } response_headers_to_add { header { key: 'x-no' value: '1' } }");
  World first(filter);
  CHECK(first.Take() == "up:head(GET /) up:end");
  World second(filter);
  CHECK(second.Take() == "up:head(GET / x-limited=/) up:end");
  CHECK(second.Answer() == "200");
  CHECK(second.Counts() == "enabled=1 enforced=0 ok=0 rate_limited=1 ");
}

TEST_CASE("local rate limit: status, fields and gRPC") {
  const auto answer = [](const std::string& more, const Fields& fields = {}) {
    const http::FilterFactory filter = Filter(kOn + Tokens(1) + more);
    World first(filter);
    return World(filter, fields).Answer();
  };
  CHECK(answer("status { code: ServiceUnavailable }") ==
        "503 content-type=text/plain content-length=18");
  CHECK(answer("status { code: Found }") == "429 content-type=text/plain content-length=18");
  CHECK(answer("response_headers_to_add { header { key: 'X-A' value: "
               "'%RESPONSE_CODE_DETAILS%' } }") ==
        "429 content-type=text/plain content-length=18 x-a=local_rate_limited");
  const Fields grpc = {{"content-type", "application/grpc"}};
  CHECK(answer("", grpc) ==
        "200 content-type=application/grpc grpc-status=14 grpc-message=local_rate_limited");
  CHECK(answer("rate_limited_as_resource_exhausted: true", grpc) ==
        "200 content-type=application/grpc grpc-status=8 grpc-message=local_rate_limited");
}

TEST_CASE("local rate limit: the client is told") {
  const http::FilterFactory filter =
      Filter(kOn + Tokens(2) + "enable_x_ratelimit_headers: DRAFT_VERSION_03");
  CHECK(World(filter).Answer() ==
        "200 x-ratelimit-limit=2 x-ratelimit-remaining=1 x-ratelimit-reset=0");
  CHECK(World(filter).Answer() ==
        "200 x-ratelimit-limit=2 x-ratelimit-remaining=0 x-ratelimit-reset=60");
  CHECK(World(filter).Answer() ==
        "429 content-type=text/plain content-length=18 x-ratelimit-limit=2 "
        "x-ratelimit-remaining=0 x-ratelimit-reset=60");
}

TEST_CASE("local rate limit: descriptors of the filter's own rate_limits") {
  const http::FilterFactory filter =
      Filter(kOn + Tokens(100) +
             "rate_limits { actions { request_headers { header_name: 'x-user' descriptor_key: "
             "'user' } } } descriptors { entries { key: 'user' value: 'bob' } token_bucket { "
             "max_tokens: 1 fill_interval { seconds: 60 } } }");
  CHECK(World(filter, {{"x-user", "bob"}}).passed());
  CHECK_FALSE(World(filter, {{"x-user", "bob"}}).passed());
  CHECK(World(filter, {{"x-user", "ann"}}).passed());
  CHECK(World(filter).passed());
}

TEST_CASE("local rate limit: a request counts as several, or only at its end elsewhere") {
  const std::string bucket =
      "descriptors { entries { key: 'generic_key' value: 'a' } token_bucket { max_tokens: 3 "
      "fill_interval { seconds: 60 } } } ";
  const std::string key = "actions { generic_key { descriptor_value: 'a' } } ";
  const http::FilterFactory two =
      Filter(kOn + Tokens(100) + bucket + "rate_limits { hits_addend { number { value: 2 } } " +
             key + "}");
  CHECK(World(two).passed());
  CHECK_FALSE(World(two).passed());
  const http::FilterFactory formatted =
      Filter(kOn + Tokens(100) + bucket + "rate_limits { hits_addend { format: '%REQ(x-n)%' } " +
             key + "}");
  CHECK_FALSE(World(formatted, {{"x-n", "4"}}).passed());
  CHECK(World(formatted, {{"x-n", "3"}}).passed());
  CHECK(World(formatted, {{"x-n", "many"}}).passed());
  const http::FilterFactory at_end =
      Filter(kOn + Tokens(100) + bucket + "rate_limits { apply_on_stream_done: true " + key + "}");
  for (int i = 0; i < 5; ++i) CHECK(World(at_end).passed());
}

TEST_CASE("local rate limit: a bucket for each connection") {
  const http::FilterFactory filter =
      Filter(kOn + Tokens(1) + "local_rate_limit_per_downstream_connection: true");
  CHECK(World(filter).passed());
  CHECK(World(filter).passed());
  // Two filters with the same configuration on one connection do not share.
  const http::FilterFactory other =
      Filter(kOn + Tokens(1) + "local_rate_limit_per_downstream_connection: true");
  ChainWorld world;
  world.AddWithState(filter);
  world.AddWithState(other);
  world.AddWithState(filter);
  world.Start();
  world.Request();
  CHECK(world.upstream.heads == 0);
  CHECK(world.Stat("rl.http_local_rate_limit.ok") == 2);
  CHECK(world.Stat("rl.http_local_rate_limit.rate_limited") == 1);
}

TEST_CASE("local rate limit: a route has settings and buckets of its own") {
  const http::FilterFactory filter = Filter("stat_prefix: 'other'");
  std::string errors;
  const route::FilterOverride override = fakes::ParseOverride(
      Registry(), "rl", ProtoFromText<LocalRateLimit::Proto>(kOn + Tokens(1)), errors);
  CHECK(errors.empty());
  World first(filter, {}, {.route = {override}});
  CHECK(first.passed());
  CHECK(first.Counts() == "enabled=1 enforced=0 ok=1 rate_limited=0 ");
  CHECK_FALSE(World(filter, {}, {.route = {override}}).passed());
  CHECK(World(filter).passed());
}

TEST_CASE("local rate limit: tokens come back") {
  const http::FilterFactory filter =
      Filter(kOn + "token_bucket { max_tokens: 1 fill_interval { seconds: 1 } }");
  CHECK(World(filter).passed());
  ChainWorld later;
  later.clock.Advance(event::kSecond);
  later.Turn();
  later.AddWithState(filter);
  later.Start();
  later.Request();
  CHECK(later.upstream.heads == 1);
}

TEST_CASE("local rate limit: what is wrong is named") {
  CHECK(Errors(
            "stat_prefix: 'rl' token_bucket { max_tokens: 1 fill_interval { nanos: 49999999 } }") ==
        "filter.token_bucket.fill_interval: local rate limit token bucket fill timer must be >= "
        "50ms\n");
  CHECK(Errors("stat_prefix: 'rl'", true) ==
        "route.token_bucket: local rate limit token bucket must be set for per filter configs\n");
  const std::string descriptor =
      "descriptors { entries { key: 'a' value: 'b' } token_bucket { max_tokens: 1 fill_interval { "
      "seconds: 1 } } } ";
  CHECK(Errors("stat_prefix: 'rl' " + descriptor + descriptor) ==
        "filter.descriptors[1]: duplicate descriptor in the local rate descriptor: a=b\n");
  CHECK(Errors("stat_prefix: 'rl' rate_limits { stage { value: 1 } actions { generic_key { "
               "descriptor_value: 'a' } } }") ==
        "filter.rate_limits[0]: 'stage' field and 'disable_key' field are not supported\n");
  CHECK(Errors("stat_prefix: 'rl' rate_limits { limit { rate_limit { unit: DAY } } hits_addend { "
               "number { value: 1 } is_negative_hits: true } actions { generic_key { "
               "descriptor_value: 'a' } } }") ==
        "filter.rate_limits[0]: 'limit' field is not supported\n"
        "filter.rate_limits[0].hits_addend: is_negative_hits is not supported\n");
  CHECK(Errors(
            "stat_prefix: 'rl' response_headers_to_add { header { key: ':status' value: '1' } }") ==
        "filter.response_headers_to_add[0].header.key: :-prefixed or host headers may not be "
        "modified\n");
}

}  // namespace
}  // namespace remora::extensions
