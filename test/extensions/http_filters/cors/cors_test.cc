// What Envoy 1.40 answers was measured; the tests say the same.

#include "source/extensions/http_filters/cors/cors.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<Cors>();
  return registry;
}

route::FilterOverride Policy(const std::string& text) {
  std::string errors;
  route::FilterOverride parsed =
      fakes::ParseOverride(Registry(), "cors", ProtoFromText<Cors::RouteProto>(text), errors);
  CHECK(errors.empty());
  return parsed;
}

fakes::RouteLevels OnRoute(const std::string& text) { return {.route = {Policy(text)}}; }

struct World : ChainWorld {
  World(fakes::RouteLevels levels, std::string_view method, const Fields& fields) {
    std::string errors;
    AddWithState(fakes::ParseFilter(Registry(), "cors", Cors::Proto(), errors));
    CHECK(errors.empty());
    UseRoutes(fakes::OneRoute(std::move(levels)));
    MakeRequest(method, "/", fields);
    downstream.with_fields = true;
    Start();
    Request();
    Take();
  }
  // The fields of the answer: this filter's, or with those of the upstream's.
  std::string Answer() {
    if (downstream.heads == 0) Response(200);
    return fakes::ToText(*downstream.last_head);
  }
  uint64_t Valid() { return Stat("http.test.cors.origin_valid"); }
  uint64_t Invalid() { return Stat("http.test.cors.origin_invalid"); }
};

const std::string kPolicy =
    "allow_origin_string_match { suffix: '.example.com' } allow_methods: 'GET,POST' "
    "allow_headers: 'x-b' expose_headers: 'x-a' max_age: '600' allow_credentials { value: true } "
    "allow_private_network_access { value: true } ";

Fields Preflight(const std::string& origin) {
  return {{"origin", origin},
          {"access-control-request-method", "PUT"},
          {"access-control-request-headers", "x-c,x-d"}};
}

TEST_CASE("cors: a preflight request is answered") {
  World world(OnRoute(kPolicy), "OPTIONS", Preflight("http://a.example.com"));
  CHECK(world.upstream.heads == 0);
  CHECK(world.Answer() ==
        "200 content-length=0 access-control-allow-origin=http://a.example.com "
        "access-control-allow-credentials=true access-control-allow-methods=GET,POST "
        "access-control-allow-headers=x-b access-control-max-age=600 "
        "access-control-expose-headers=x-a");
  CHECK(world.info.response_code_details == "cors_response");
  CHECK(world.info.flags.empty());
  CHECK(world.Valid() == 1);
}

TEST_CASE("cors: * is what the preflight request asks for") {
  World world(OnRoute("allow_origin_string_match { exact: '*' } allow_methods: '*' "
                      "allow_headers: '*'"),
              "OPTIONS", Preflight("http://any"));
  CHECK(world.Answer() ==
        "200 content-length=0 access-control-allow-origin=http://any "
        "access-control-allow-methods=PUT access-control-allow-headers=x-c,x-d");
}

TEST_CASE("cors: private networks") {
  Fields fields = Preflight("http://a.example.com");
  fields.emplace_back("access-control-request-private-network", "true");
  World world(OnRoute(kPolicy), "OPTIONS", fields);
  CHECK(world.Answer().find("access-control-allow-private-network=true") != std::string::npos);
  World off(OnRoute("allow_origin_string_match { exact: '*' }"), "OPTIONS", fields);
  CHECK(off.Answer().find("private-network") == std::string::npos);
}

TEST_CASE("cors: a preflight request from elsewhere is forwarded, or answered without an origin") {
  World forwarded(OnRoute(kPolicy), "OPTIONS", Preflight("http://evil.com"));
  CHECK(forwarded.upstream.heads == 1);
  CHECK(forwarded.Answer() == "200");
  CHECK(forwarded.Invalid() == 1);
  World answered(OnRoute(kPolicy + "forward_not_matching_preflights { value: false }"), "OPTIONS",
                 Preflight("http://evil.com"));
  CHECK(answered.upstream.heads == 0);
  CHECK(answered.Answer() ==
        "200 content-length=0 access-control-allow-credentials=true "
        "access-control-allow-methods=GET,POST access-control-allow-headers=x-b "
        "access-control-max-age=600");
}

TEST_CASE("cors: a plain request gets its fields with the response") {
  World world(OnRoute(kPolicy), "GET", {{"origin", "http://a.example.com"}});
  CHECK(world.upstream.heads == 1);
  CHECK(world.Answer() ==
        "200 access-control-allow-origin=http://a.example.com "
        "access-control-allow-credentials=true access-control-expose-headers=x-a");
  World other(OnRoute(kPolicy), "GET", {{"origin", "http://evil.com"}});
  CHECK(other.Answer() == "200");
  World none(OnRoute(kPolicy), "GET", {});
  CHECK(none.Answer() == "200");
  CHECK(none.Valid() + none.Invalid() == 0);
}

TEST_CASE("cors: what the upstream says is replaced") {
  World world(OnRoute(kPolicy), "GET", {{"origin", "http://a.example.com"}});
  http::ResponseHead& head = world.MakeResponse(
      200, {{"access-control-allow-origin", "*"}, {"access-control-allow-origin", "http://other"}});
  world.context("up").response_sink().OnHead(head);
  CHECK(head.headers.Count("access-control-allow-origin") == 1);
  CHECK(head.headers.Find("access-control-allow-origin")->value() == "http://a.example.com");
}

TEST_CASE("cors: OPTIONS without a method to ask for is no preflight request") {
  World world(OnRoute(kPolicy), "OPTIONS", {{"origin", "http://a.example.com"}});
  CHECK(world.upstream.heads == 1);
}

TEST_CASE("cors: nothing without a policy") {
  World world({}, "OPTIONS", Preflight("http://a.example.com"));
  CHECK(world.upstream.heads == 1);
  CHECK(world.Answer() == "200");
}

TEST_CASE("cors: each value comes from the most specific level that sets it") {
  fakes::RouteLevels levels;
  levels.table = {Policy("max_age: '1' allow_methods: 'T' expose_headers: 'x-t'")};
  levels.virtual_host = {Policy(kPolicy)};
  levels.route = {Policy("allow_methods: 'R'")};
  levels.cluster = {Policy("max_age: '9' allow_credentials { value: false }")};
  World world(std::move(levels), "OPTIONS", Preflight("http://a.example.com"));
  CHECK(world.Answer() ==
        "200 content-length=0 access-control-allow-origin=http://a.example.com "
        "access-control-allow-methods=R access-control-allow-headers=x-b "
        "access-control-max-age=9 access-control-expose-headers=x-a");
}

TEST_CASE("cors: switched off, and in the shadow") {
  const Fields fields = Preflight("http://a.example.com");
  const std::string off = kPolicy + "filter_enabled { default_value { numerator: 0 } } ";
  World disabled(OnRoute(off), "OPTIONS", fields);
  CHECK(disabled.upstream.heads == 1);
  CHECK(disabled.Answer() == "200");
  CHECK(disabled.Valid() == 0);
  World shadow(OnRoute(off + "shadow_enabled { default_value { numerator: 100 } }"), "OPTIONS",
               fields);
  CHECK(shadow.upstream.heads == 1);
  CHECK(shadow.Answer() == "200");
  CHECK(shadow.Valid() == 1);
}

TEST_CASE("cors: what is wrong is named") {
  std::string errors;
  fakes::ParseOverride(
      Registry(), "cors",
      ProtoFromText<Cors::RouteProto>(
          "allow_methods: 'a\\r\\nb' allow_origin_string_match { safe_regex { regex: '(' } }"),
      errors);
  CHECK(errors.find("route.allow_origin_string_match[0]: ") != std::string::npos);
  CHECK(errors.find("route.allow_methods: a header field cannot hold control characters") !=
        std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
