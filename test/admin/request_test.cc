#include "source/admin/request.h"

#include <catch2/catch.hpp>

namespace remora::admin {
namespace {

TEST_CASE("Paths are normalised as Envoy's admin listener does it") {
  const auto [path, normal] = GENERATE(table<std::string, std::string>({
      {"/", "/"},
      {"", "/"},
      {"/ready", "/ready"},
      {"/ready/", "/ready/"},
      {"/READY", "/READY"},
      {"//ready", "/ready"},
      {"/stats//prometheus", "/stats/prometheus"},
      {"//", "/"},
      {"/.", "/"},
      {"/..", "/"},
      {"/../../ready", "/ready"},
      {"/a/../ready", "/ready"},
      {"/a/./../ready", "/ready"},
      {"/a//../ready", "/a/ready"},
      {"/ready/.", "/ready/"},
      {"/ready/..", "/"},
      {"/...", "/..."},
      {"/%72eady", "/ready"},
      {"/%2e%2E/ready", "/ready"},
      {"/a\\..\\ready", "/ready"},
      {"/%5cready", "/%5cready"},
      {"/ready%2f", "/ready%2f"},
      {"/%zz%4", "/%zz%4"},
      {"/%00", "/%00"},
      {"/ready;x", "/ready;x"},
  }));
  CAPTURE(path);
  CHECK(NormalizePath(path) == normal);
}

TEST_CASE("Parameters are decoded, but a plus stays one") {
  CHECK(ParseParameters("").empty());
  CHECK(ParseParameters("&&").empty());
  CHECK(ParseParameters("a=1&b=&c&d=x=y") ==
        Parameters{{"a", "1"}, {"b", ""}, {"c", ""}, {"d", "x=y"}});
  CHECK(ParseParameters("=&&a=b&") == Parameters{{"", ""}, {"a", "b"}});
  CHECK(ParseParameters("filter=%5Ea+b%20%26%zz%2") == Parameters{{"filter", "^a+b &%zz%2"}});
  CHECK(ParseParameters("le%76el=in%66o") == Parameters{{"level", "info"}});
}

TEST_CASE("Of a repeated parameter the first counts") {
  const Parameters parameters = ParseParameters("a=1&a=2");
  REQUIRE(FindParameter(parameters, "a") != nullptr);
  CHECK(*FindParameter(parameters, "a") == "1");
  CHECK(FindParameter(parameters, "b") == nullptr);
}

TEST_CASE("A request's parameters come from its query, else from its form") {
  const Request query = MakeRequest("POST", "/x?level=info", "level=debug");
  CHECK(query.method == "POST");
  CHECK(query.path == "/x");
  CHECK(query.parameters == Parameters{{"level", "info"}});
  CHECK(MakeRequest("POST", "/x", "level=debug").parameters == Parameters{{"level", "debug"}});
  CHECK(MakeRequest("POST", "/x?", "level=debug").parameters == Parameters{{"level", "debug"}});
  CHECK(MakeRequest("GET", "/a//b?q=/../c//d#e").parameters == Parameters{{"q", "/../c//d"}});
  CHECK(MakeRequest("GET", "/a//b?q=/../c#e").path == "/a/b");
  CHECK(MakeRequest("OPTIONS", "*").path == "/*");
}

TEST_CASE("A form is known by its content-type") {
  CHECK(IsForm("application/x-www-form-urlencoded"));
  CHECK(IsForm("Application/X-WWW-Form-Urlencoded ; charset=utf-8"));
  CHECK_FALSE(IsForm(""));
  CHECK_FALSE(IsForm("application/json"));
  CHECK_FALSE(IsForm("application/x-www-form-urlencodedx"));
}

}  // namespace
}  // namespace remora::admin
