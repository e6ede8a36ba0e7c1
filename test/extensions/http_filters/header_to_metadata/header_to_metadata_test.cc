// What Envoy 1.40 leaves was measured (test/differential/cases/metadata_and_users.txt).

#include "source/extensions/http_filters/header_to_metadata/header_to_metadata.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<HeaderToMetadata>();
  return registry;
}

std::string Errors(const std::string& rule) {
  std::string errors;
  fakes::ParseFilter(Registry(), "h",
                     ProtoFromText<HeaderToMetadata::Proto>("request_rules { " + rule + " }"),
                     errors);
  return errors;
}

struct World : fakes::ChainWorld {
  explicit World(const std::string& filter, const std::string& route = "") {
    std::string errors;
    AddFactory(fakes::ParseFilter(Registry(), "h", ProtoFromText<HeaderToMetadata::Proto>(filter),
                                  errors));
    fakes::RouteLevels levels;
    if (!route.empty()) {
      levels.route = {fakes::ParseOverride(Registry(), "h",
                                           ProtoFromText<HeaderToMetadata::Proto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors == "");
    upstream.with_fields = downstream.with_fields = true;
    MakeRequest(
        "GET", "/p?q",
        {{"x-a", "1"}, {"x-b", "one"}, {"x-b", "two"}, {"x-empty", ""}, {"cookie", "c=v; e="}})
        .authority = "example.com";
    Start();
    Request();
  }
  std::string Metadata(const std::string& name = "a") const {
    if (info.dynamic_metadata == nullptr || !info.dynamic_metadata->contains(name)) return "none";
    std::string json;
    info.dynamic_metadata->at(name).AppendJson(json);
    return json;
  }
};

std::string Of(const std::string& rule) {
  return World("request_rules { " + rule + " }").Metadata();
}
std::string Present(const std::string& more = "") {
  return "on_header_present { metadata_namespace: 'a' key: 'k' " + more + " } ";
}
const std::string kMissing =
    "on_header_missing { metadata_namespace: 'a' key: 'm' value: 'gone' } ";

TEST_CASE("header_to_metadata: fields and cookies of requests") {
  CHECK(Of("header: 'X-A' " + Present()) == R"({"k":"1"})");
  CHECK(Of("header: 'x-b' " + Present()) == R"({"k":"one,two"})");
  CHECK(Of("header: 'x-a' " + Present("value: 'fixed'")) == R"({"k":"fixed"})");
  CHECK(Of("header: 'x-a' " + kMissing) == "none");
  CHECK(Of("header: 'x-none' " + Present() + kMissing) == R"({"m":"gone"})");
  CHECK(Of("header: 'x-empty' " + Present() + kMissing) == "none");
  CHECK(Of("header: ':path' " + Present()) == R"({"k":"/p?q"})");
  CHECK(Of("header: 'host' " + Present()) == R"({"k":"example.com"})");
  CHECK(Of("cookie: 'c' " + Present()) == R"({"k":"v"})");
  CHECK(Of("cookie: 'e' " + Present() + kMissing) == R"({"m":"gone"})");
  CHECK(World("request_rules { header: 'x-a' on_header_present { key: 'k' } }")
            .Metadata("envoy.filters.http.header_to_metadata") == R"({"k":"1"})");
}

TEST_CASE("header_to_metadata: what a value becomes") {
  HeaderToMetadata::Target target;
  const auto become = [&target](std::string_view text) -> std::string {
    const auto value = ToMetadata(target, text);
    if (!value.has_value()) return "nothing";
    std::string json;
    value->AppendJson(json);
    return json;
  };
  CHECK(become("x") == R"("x")");
  CHECK(become("") == "nothing");
  CHECK(become(std::string(8192, 'a')).size() == 8194);
  CHECK(become(std::string(8193, 'a')) == "nothing");
  target.base64 = true;
  CHECK(become("aGVsbG8=") == R"("hello")");
  CHECK(become("!") == "nothing");
  target.type = HeaderToMetadata::Type::kValue;
  CHECK(become("EQAAAAAAAPg/") == "1.5");
  CHECK(become("/w==") == "nothing");
  target.base64 = false;
  target.type = HeaderToMetadata::Type::kNumber;
  CHECK(become("1.5e3") == "1500");
  CHECK(become("1x") == "nothing");
}

TEST_CASE("header_to_metadata: rewriting and removing") {
  const std::string rewrite =
      "regex_value_rewrite { pattern { regex: '^o(.*),(.*)$' } "
      "substitution: '\\\\2-\\\\1' }";
  CHECK(Of("header: 'x-b' " + Present(rewrite)) == R"({"k":"two-ne"})");
  CHECK(Of("header: 'x-a' " + Present(rewrite)) == R"({"k":"1"})");
  World world("request_rules { header: 'x-a' remove: true " + Present() + "}");
  CHECK(world.Take().find("x-a") == std::string::npos);
  CHECK(world.Metadata() == R"({"k":"1"})");
}

TEST_CASE("header_to_metadata: responses") {
  World world("response_rules { header: 'x-r' remove: true " + Present() +
              "} response_rules { header: ':status' on_header_present { metadata_namespace: 's' "
              "key: 'k' type: NUMBER } }");
  world.Take();
  http::ResponseHead& head = world.MakeResponse(200, {{"x-r", "1"}, {"x-r", "2"}});
  world.ResponseHead(head);
  CHECK(world.Take() == "down:head(200)");
  CHECK(world.Metadata() == R"({"k":"1,2"})");
  CHECK(world.Metadata("s") == R"({"k":200})");
}

TEST_CASE("header_to_metadata: a route's rules take the place of the filter's") {
  World world("request_rules { header: 'x-a' " + Present() + "}",
              "request_rules { header: 'x-b' on_header_present { metadata_namespace: 'b' key: 'k' "
              "} }");
  CHECK(world.Metadata() == "none");
  CHECK(world.Metadata("b") == R"({"k":"one,two"})");
}

TEST_CASE("header_to_metadata: faults, in Envoy's words") {
  const auto has = [](const std::string& rule, const std::string& text) {
    return Errors(rule).find(text) != std::string::npos;
  };
  CHECK(has("header: 'x'",
            "filter.request_rules[0]: has neither `on_header_present` nor `on_header_missing`"));
  CHECK(has(Present(), "One of Cookie or Header option needs to be specified"));
  CHECK(has("header: 'x' cookie: 'c' " + Present(), "Cannot specify both header and cookie"));
  CHECK(has("cookie: 'c' remove: true " + Present(), "Cannot specify remove for cookie"));
  CHECK(has("header: 'x' on_header_missing { key: 'k' }",
            "Cannot specify on_header_missing rule with an empty value"));
  CHECK(has("header: 'x' " + Present("value: 'v' regex_value_rewrite { pattern { regex: 'a' } }"),
            "Cannot specify both value and regex_value_rewrite"));
  CHECK(has("header: 'x' " + Present("regex_value_rewrite { pattern { regex: '(' } }"),
            "filter.request_rules[0].on_header_present.regex_value_rewrite"));
}

}  // namespace
}  // namespace remora::extensions
