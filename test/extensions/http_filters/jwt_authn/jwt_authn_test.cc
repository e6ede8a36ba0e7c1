// What Envoy 1.40 answers was measured (test/differential/cases/jwt_authn.txt, which also has keys
// from servers); the tests say the same.

#include "source/extensions/http_filters/jwt_authn/jwt_authn.h"

#include <catch2/catch.hpp>
#include <string>

#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "test/extensions/http_filters/jwt_authn/tokens.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<JwtAuthn>();
  return registry;
}

const std::string kLocal =
    "local_jwks { inline_string: '" + jwt_test::Keys(jwt_test::kEcKey) + "' } ";

std::string Provider(const std::string& name, const std::string& issuer, const std::string& more) {
  return "providers { key: '" + name + "' value { issuer: 'https://" + issuer + ".test' " + kLocal +
         more + " } } ";
}
std::string Rule(const std::string& requirement) {
  return "rules { match { prefix: '/' } requires { " + requirement + " } } ";
}
std::string One(const std::string& more = "") {
  return Provider("p", "issuer", more) + Rule("provider_name: 'p'");
}
Fields Bearer(const std::string& token) { return {{"authorization", "Bearer " + token}}; }

std::string Errors(const std::string& filter) {
  std::string errors;
  fakes::ParseFilter(Registry(), "jwt", ProtoFromText<JwtAuthn::Proto>(filter), errors);
  return errors;
}

struct World : ChainWorld {
  World(const std::string& filter, const Fields& fields, const std::string& route = "",
        std::string_view path = "/p?q=1", std::string_view method = "GET") {
    std::string errors;
    AddWithState(
        fakes::ParseFilter(Registry(), "jwt", ProtoFromText<JwtAuthn::Proto>(filter), errors));
    fakes::RouteLevels levels;
    if (!route.empty()) {
      levels.route = {fakes::ParseOverride(Registry(), "jwt",
                                           ProtoFromText<JwtAuthn::RouteProto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors == "");
    upstream.with_fields = downstream.with_fields = true;
    http::RequestHead& head = MakeRequest(method, path, fields);
    head.authority = "example.com";
    head.scheme = "http";
    Start();
    Request();
  }
  std::string Outcome() const {
    return upstream.heads == 1 ? "passes" : std::string(info.response_code_details);
  }
  std::string Metadata() {
    if (info.dynamic_metadata == nullptr) return "none";
    std::string json;
    info.dynamic_metadata->at("envoy.filters.http.jwt_authn").AppendJson(json);
    return json;
  }
};

std::string Denied(std::string_view why) {
  return "jwt_authn_access_denied{" + std::string(why) + "}";
}

TEST_CASE("jwt: a good token passes, and is taken out") {
  World world(One(), Bearer(jwt_test::kGood));
  CHECK(world.Take() == "up:head(GET /p?q=1) up:end");
  CHECK(world.Stat("http.test.jwt_authn.allowed") == 1);
  CHECK(world.Stat("http.test.jwt_authn.jwt_cache_miss") == 1);
  World kept(One("forward: true"), Bearer(jwt_test::kGood));
  CHECK(kept.Take().find("authorization=Bearer ey") != std::string::npos);
}

TEST_CASE("jwt: refusals") {
  World missing(One(), {});
  CHECK(missing.Take() ==
        "up:complete down:head(401 www-authenticate=Bearer realm=\"http://example.com/p?q=1\" "
        "content-type=text/plain content-length=14) down:data(Jwt is missing) down:end");
  CHECK(missing.info.response_code_details == Denied("Jwt_is_missing"));
  CHECK(missing.Stat("http.test.jwt_authn.denied") == 1);
  World bad(One(), Bearer("x"));
  CHECK(bad.Take().find("realm=\"http://example.com/p?q=1\", error=\"invalid_token\"") !=
        std::string::npos);
  World silent(One() + "strip_failure_response: true", {});
  CHECK(silent.Take().find("www-authenticate") == std::string::npos);
  const auto outcome = [](const std::string& token) {
    return World(One("audiences: 'app'"), Bearer(token)).Outcome();
  };
  CHECK(outcome(jwt_test::kExpired) == Denied("Jwt_is_expired"));
  CHECK(outcome(jwt_test::kNotYet) == Denied("Jwt_not_yet_valid"));
  CHECK(outcome(jwt_test::kOtherIssuer) == Denied("Jwt_issuer_is_not_configured"));
  CHECK(outcome(jwt_test::kOtherAudience) == Denied("Audiences_in_Jwt_are_not_allowed"));
  CHECK(outcome(jwt_test::kNoAlgorithm) == Denied("Jwt_header_[alg]_is_not_supported"));
  CHECK(outcome(jwt_test::kGood.substr(0, jwt_test::kGood.size() - 4)) ==
        Denied("Jwt_verification_fails"));
}

TEST_CASE("jwt: subjects and lifetimes") {
  const auto passes = [](const std::string& more, const std::string& token) {
    return World(One(more), Bearer(token)).Outcome() == "passes";
  };
  CHECK(passes("subjects { prefix: 'm' }", jwt_test::kGood));
  CHECK_FALSE(passes("subjects { exact: 'you' }", jwt_test::kGood));
  CHECK(passes("require_expiration: true", jwt_test::kGood));
  CHECK_FALSE(passes("require_expiration: true", jwt_test::kBare));
  CHECK(passes("", jwt_test::kBare));
  CHECK_FALSE(passes("max_lifetime { seconds: 10 }", jwt_test::kGood));
  CHECK(passes("max_lifetime { seconds: 9000000000 }", jwt_test::kGood));
}

TEST_CASE("jwt: what upstreams and metadata are told") {
  World world(One("claim_to_headers { header_name: 'x-sub' claim_name: 'sub' } "
                  "claim_to_headers { header_name: 'x-deep' claim_name: 'obj.k.d' } "
                  "claim_to_headers { header_name: 'x-neg' claim_name: 'neg' } "
                  "claim_to_headers { header_name: 'x-list' claim_name: 'list' } "
                  "claim_to_headers { header_name: 'x-lines' claim_name: 'nl' } "
                  "claim_to_headers { header_name: 'x-none' claim_name: 'none' } "
                  "header_in_metadata: 'h'"),
              {{"authorization", "Bearer " + jwt_test::kClaims}, {"x-none", "forged"}});
  CHECK(world.Take() ==
        "up:head(GET /p?q=1 x-sub=me x-deep=deep x-neg=-3.000000 x-list=WyJhIl0=) up:end");
  CHECK(world.Metadata() == R"({"h":{"alg":"ES256","typ":"JWT"}})");
  World split(One("payload_in_metadata: 'p' normalize_payload_in_metadata { "
                  "space_delimited_claims: 'scope' }"),
              Bearer(jwt_test::kClaims));
  CHECK(split.Metadata().find(R"("scope":["a","b","c"])") != std::string::npos);
  World failed(One("failed_status_in_metadata: 's'"), {});
  CHECK(failed.Metadata() == R"({"s":{"code":1,"message":"Jwt is missing"}})");
}

TEST_CASE("jwt: requirements") {
  const std::string providers =
      Provider("p", "issuer", "") + Provider("q", "second", "from_headers { name: 'x-q' }");
  const Fields none;
  const Fields first = Bearer(jwt_test::kGood);
  const Fields second = {{"x-q", jwt_test::kSecond}};
  const Fields both = {first[0], second[0]};
  const Fields bad = Bearer("a.b.c");
  const std::string p = "requirements { provider_name: 'p' } ";
  const std::string q = "requirements { provider_name: 'q' } ";
  const auto outcome = [&](const std::string& requirement, const Fields& fields) {
    return World(providers + Rule(requirement), fields).Outcome();
  };
  const std::string any = "requires_any { " + p + q + " }";
  CHECK(outcome(any, none) == Denied("Jwt_is_missing"));
  CHECK(outcome(any, first) == "passes");
  CHECK(outcome(any, second) == "passes");
  CHECK(outcome(any, bad) == Denied("Jwt_header_is_an_invalid_Base64url_encoded"));
  const std::string all = "requires_all { " + p + q + " }";
  CHECK(outcome(all, both) == "passes");
  CHECK(outcome(all, first) == Denied("Jwt_is_missing"));
  // The first has taken the token out.
  CHECK(outcome("requires_all { " + p + p + " }", first) == Denied("Jwt_is_missing"));
  CHECK(outcome("allow_missing {}", none) == "passes");
  CHECK(outcome("allow_missing {}", bad) != "passes");
  CHECK(outcome("allow_missing_or_failed {}", bad) == "passes");
  CHECK(outcome("requires_any { " + p + " requirements { allow_missing {} } }", none) == "passes");
  CHECK(outcome("requires_all { " + p + " requirements { allow_missing {} } }", none) ==
        Denied("Jwt_is_missing"));
  CHECK(outcome("", bad) == "passes");
  CHECK(outcome("provider_and_audiences { provider_name: 'p' audiences: 'x' }", first) ==
        Denied("Audiences_in_Jwt_are_not_allowed"));
}

TEST_CASE("jwt: two tokens have to be good both") {
  const std::string filter =
      Provider("p", "issuer", "from_headers { name: 'x-t' } from_params: 't'") +
      Rule("provider_name: 'p'");
  CHECK(World(filter, {{"x-t", jwt_test::kGood}}, "", "/?t=" + jwt_test::kGood).Outcome() ==
        "passes");
  CHECK(World(filter, {{"x-t", jwt_test::kGood}}, "", "/?t=x").Outcome() != "passes");
  CHECK(World(filter, {{"x-t", "x"}}, "", "/?t=" + jwt_test::kGood).Outcome() != "passes");
}

TEST_CASE("jwt: routes") {
  const std::string filter = One() + "requirement_map { key: 'open' value { allow_missing {} } }";
  CHECK(World(filter, {}, "disabled: true").Outcome() == "passes");
  CHECK(World(filter, {}, "requirement_name: 'open'").Outcome() == "passes");
  World unknown(filter, {}, "requirement_name: 'x'");
  CHECK(unknown.Take().find("down:head(403") != std::string::npos);
  CHECK(unknown.info.response_code_details ==
        Denied("Wrong_requirement_name:_x._It_should_be_one_of_[open]"));
}

TEST_CASE("jwt: preflights") {
  const std::string bypass = One() + "bypass_cors_preflight: true";
  const Fields preflight = {{"origin", "http://a.test"}, {"access-control-request-method", "PUT"}};
  World world(bypass, preflight, "", "/p", "OPTIONS");
  CHECK(world.Outcome() == "passes");
  CHECK(world.Stat("http.test.jwt_authn.cors_preflight_bypassed") == 1);
  CHECK(world.Stat("http.test.jwt_authn.allowed") == 1);
  const auto refused = [](const std::string& filter, const Fields& fields,
                          std::string_view method) {
    World other(filter, fields, "", "/p", method);
    return other.Take().find("down:head(401") != std::string::npos &&
           other.Stat("http.test.jwt_authn.cors_preflight_bypassed") == 0;
  };
  CHECK(refused(One(), preflight, "OPTIONS"));
  // What is none: another method, and either field alone.
  CHECK(refused(bypass, preflight, "GET"));
  CHECK(refused(bypass, {preflight[0]}, "OPTIONS"));
  CHECK(refused(bypass, {preflight[1]}, "OPTIONS"));
}

TEST_CASE("jwt: keys that no server has") {
  World world(
      "providers { key: 'p' value { remote_jwks { http_uri { uri: 'http://a/k' cluster: "
      "'nobody' timeout { seconds: 1 } } } } } " +
          Rule("provider_name: 'p'"),
      Bearer(jwt_test::kGood));
  CHECK(world.info.response_code_details == Denied("Jwks_remote_fetch_is_failed"));
  CHECK(world.Stat("http.test.jwt_authn.jwks_fetch_failed") == 1);
}

TEST_CASE("jwt: faults have their place") {
  CHECK(Errors("providers { key: 'p' value { local_jwks { inline_string: '{}' } } }")
            .find("filter.providers[\"p\"].local_jwks: Jwks does not have [keys] field") !=
        std::string::npos);
  CHECK(Errors(Rule("provider_name: 'x'"))
            .find("filter.rules[0].requires.provider_name: Required provider ['x'] is not "
                  "configured.") != std::string::npos);
  CHECK(Errors("rules { match { prefix: '/' } requirement_name: 'x' }")
            .find("filter.rules[0].requirement_name") != std::string::npos);
  CHECK(Errors("rules { match { safe_regex { regex: '(' } } }").find("filter.rules[0].match") !=
        std::string::npos);
  CHECK(
      Errors("providers { key: 'p' value { remote_jwks { http_uri { uri: 'a' cluster: 'c' } } } }")
          .find("filter.providers[\"p\"].remote_jwks.http_uri.uri") != std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
