// What Envoy 1.40 answers was measured; the tests say the same.

#include "source/extensions/http_filters/csrf/csrf.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/csrf/v3/csrf.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

const std::string kOn = "filter_enabled { default_value { numerator: 100 } } ";
const std::string kOff = "filter_enabled { default_value { numerator: 0 } } ";
const std::string kShadow = "shadow_enabled { default_value { numerator: 100 } } ";

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<Csrf>();
  return registry;
}

struct World : ChainWorld {
  World(const std::string& filter, const std::string& route, std::string_view method,
        const Fields& fields, std::string_view authority = "example.com") {
    std::string errors;
    AddWithState(
        fakes::ParseFilter(Registry(), "csrf", ProtoFromText<Csrf::Proto>(filter), errors));
    fakes::RouteLevels levels;
    if (!route.empty()) {
      levels.route = {
          fakes::ParseOverride(Registry(), "csrf", ProtoFromText<Csrf::Proto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors.empty());
    MakeRequest(method, "/", fields).authority = authority;
    Start();
    Request();
  }
  // "missing invalid valid", as counted.
  std::string Counts() {
    return std::to_string(Stat("http.test.csrf.missing_source_origin")) + " " +
           std::to_string(Stat("http.test.csrf.request_invalid")) + " " +
           std::to_string(Stat("http.test.csrf.request_valid"));
  }
};

TEST_CASE("csrf: another origin is refused") {
  World world(kOn, "", "POST", {{"origin", "http://evil.com"}});
  CHECK(world.Take() == "up:complete down:head(403) down:data(Invalid origin) down:end");
  CHECK(world.info.response_code_details == "csrf_origin_mismatch");
  CHECK(world.info.flags.empty());
  CHECK(world.Counts() == "0 1 0");
}

TEST_CASE("csrf: origins, as Envoy compares them") {
  const auto counts = [](const Fields& fields, std::string_view authority = "example.com") {
    return World(kOn + "additional_origins { suffix: '.trusted.com' }", "", "POST", fields,
                 authority)
        .Counts();
  };
  const std::string missing = "1 0 0";
  const std::string invalid = "0 1 0";
  const std::string valid = "0 0 1";
  CHECK(counts({{"origin", "http://example.com"}}) == valid);
  CHECK(counts({{"origin", "https://example.com"}}) == valid);
  CHECK(counts({{"origin", "http://example.com/"}}) == valid);
  CHECK(counts({{"origin", "example.com"}}) == valid);
  CHECK(counts({{"origin", "http://user@example.com"}}) == valid);
  CHECK(counts({{"origin", "http://Example.com"}}) == invalid);
  CHECK(counts({{"origin", "http://example.com:80"}}) == invalid);
  CHECK(counts({{"origin", "http://example.com"}}, "example.com:80") == invalid);
  CHECK(counts({{"origin", "http://example.com:8080"}}, "example.com:8080") == valid);
  CHECK(counts({{"origin", "http://[::1]"}}, "[::1]") == valid);
  CHECK(counts({{"origin", "http://x.trusted.com"}}) == valid);
  CHECK(counts({{"origin", "http://x.trusted.com:80"}}) == invalid);
  CHECK(counts({{"origin", "http://evil.com?http://x.trusted.com"}}) == invalid);
  CHECK(counts({{"origin", "http://evil.com#.trusted.com"}}) == invalid);
  CHECK(counts({{"referer", "http://example.com/a/b?c=d@e"}}) == valid);
  CHECK(counts({{"origin", "null"}, {"referer", "http://example.com/"}}) == valid);
  CHECK(counts({{"origin", "http://evil.com"}, {"referer", "http://example.com/"}}) == invalid);
  CHECK(counts({{"origin", "null"}}) == missing);
  CHECK(counts({}) == missing);
}

TEST_CASE("csrf: only methods that change something") {
  for (const std::string_view method : {"POST", "PUT", "DELETE", "PATCH"}) {
    CHECK(World(kOn, "", method, {}).downstream.heads == 1);
  }
  for (const std::string_view method : {"GET", "HEAD", "OPTIONS", "TRACE", "PURGE"}) {
    World world(kOn, "", method, {});
    CHECK(world.upstream.heads == 1);
    CHECK(world.Counts() == "0 0 0");
  }
}

TEST_CASE("csrf: switched off, and in the shadow") {
  World off(kOff, "", "POST", {});
  CHECK(off.upstream.heads == 1);
  CHECK(off.Counts() == "0 0 0");
  World shadow(kOff + kShadow, "", "POST", {{"origin", "http://evil.com"}});
  CHECK(shadow.upstream.heads == 1);
  CHECK(shadow.Counts() == "0 1 0");
  World both(kOn + kShadow, "", "POST", {{"origin", "http://evil.com"}});
  CHECK(both.downstream.heads == 1);
}

TEST_CASE("csrf: a route's policy takes the place of the filter's") {
  CHECK(World(kOn, kOff, "POST", {}).upstream.heads == 1);
  CHECK(World(kOff, kOn, "POST", {}).upstream.heads == 0);
  CHECK(World(kOn, kOn + "additional_origins { exact: 'evil.com' }", "POST",
              {{"origin", "http://evil.com"}})
            .upstream.heads == 1);
}

}  // namespace
}  // namespace remora::extensions
