// What Envoy 1.40 answers was measured (test/differential/cases/metadata_and_users.txt).

#include "source/extensions/http_filters/basic_auth/basic_auth.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/basic_auth/v3/basic_auth.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

// The password is "secret".
const std::string kHash = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
const std::string kSecret = "Basic YWxpY2U6c2VjcmV0";  // alice:secret

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<BasicAuth>();
  return registry;
}

std::string Users(const std::string& text) { return "users { inline_string: '" + text + "' } "; }

struct World : fakes::ChainWorld {
  World(const Fields& fields, const std::string& more = "", const std::string& route = "") {
    std::string errors;
    AddWithState(fakes::ParseFilter(Registry(), "basic",
                                    ProtoFromText<BasicAuth::Proto>(Users("alice:" + kHash) + more),
                                    errors));
    fakes::RouteLevels levels;
    if (!route.empty()) {
      levels.route = {fakes::ParseOverride(Registry(), "basic",
                                           ProtoFromText<BasicAuth::RouteProto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors == "");
    upstream.with_fields = downstream.with_fields = true;
    http::RequestHead& head = MakeRequest("GET", "/p?q=1", fields);
    head.scheme = "http";
    head.authority = "example.com";
    Start();
    Request();
  }
};

TEST_CASE("basic_auth: a user with the password passes") {
  World world({{"authorization", kSecret}, {"x-user", "forged"}},
              "forward_username_header: 'X-User'");
  CHECK(world.Take() ==
        "up:head(GET /p?q=1 authorization=Basic YWxpY2U6c2VjcmV0 x-user=alice) up:end");
  CHECK(world.Stat("http.test.basic_auth.allowed") == 1);
  World elsewhere({{"x-auth", kSecret}}, "authentication_header: 'x-auth'");
  CHECK(elsewhere.upstream.heads == 1);
}

TEST_CASE("basic_auth: others are refused, with the reason") {
  World world({});
  CHECK(world.Take() ==
        "up:complete down:head(401 www-authenticate=Basic realm=\"http://example.com/p?q=1\" "
        "content-type=text/plain content-length=58) down:data(User authentication failed. Missing "
        "username and password.) down:end");
  CHECK(world.Stat("http.test.basic_auth.denied") == 1);
  const auto details = [](const std::string& value) {
    return std::string(World({{"authorization", value}}).info.response_code_details);
  };
  const std::string invalid = "invalid_credential_for_basic_auth";
  const std::string format = "invalid_format_for_basic_auth";
  const std::string scheme = "invalid_scheme_for_basic_auth";
  CHECK(std::string(world.info.response_code_details) == "no_credential_for_basic_auth");
  CHECK(details("Basic YWxpY2U6") == invalid);              // alice:
  CHECK(details("Basic OnNlY3JldA==") == invalid);          // :secret
  CHECK(details("Basic YWxpY2U6c2VjcmV0Ong=") == invalid);  // alice:secret:x
  CHECK(details("Basic bm9ib2R5OnNlY3JldA==") == invalid);  // nobody:secret
  CHECK(details("Basic YWxpY2U=") == format);               // alice
  CHECK(details("Basic YWxpY2U6c2VjcmV0=") == format);
  CHECK(details("Basic  YWxpY2U6c2VjcmV0") == format);
  CHECK(details("Basic !!!") == format);
  CHECK(details("Basic") == scheme);
  CHECK(details("basic YWxpY2U6c2VjcmV0") == scheme);
  CHECK(details("Bearer x") == scheme);
  World twice({{"authorization", kSecret}, {"authorization", kSecret}});
  CHECK(std::string(twice.info.response_code_details) == format);
}

TEST_CASE("basic_auth: a route has users of its own") {
  const std::string carol = Users("carol:" + kHash);
  CHECK(World({{"authorization", "Basic Y2Fyb2w6c2VjcmV0"}}, "", carol).upstream.heads == 1);
  CHECK(World({{"authorization", kSecret}}, "", carol).upstream.heads == 0);
}

TEST_CASE("basic_auth: lines of htpasswd") {
  const auto errors = [](const std::string& text) {
    config::ErrorList list;
    config::ConfigContext context(list, "filter");
    const BasicAuthUsers users = ParseUsers(text, "users", context);
    return list.empty() ? std::to_string(users.size()) + " users" : list.ToString();
  };
  CHECK(errors("# a comment\n\na:" + kHash + "\nb:" + kHash + "\n") == "2 users");
  const auto has = [&](const std::string& text, const std::string& error) {
    return errors(text).find("filter.users: basic auth: " + error) != std::string::npos;
  };
  CHECK(has("a", "invalid htpasswd format, username:password is expected"));
  CHECK(has(":" + kHash, "empty user name or password"));
  CHECK(has("a:", "empty user name or password"));
  CHECK(has("a:x", "unsupported htpasswd format: please use {SHA}"));
  CHECK(has("a:$apr1$x", "unsupported htpasswd format: please use {SHA}"));
  CHECK(has("a:{SHA}x", "invalid htpasswd format, invalid SHA hash length"));
  CHECK(has("a:" + kHash + "\r\n", "invalid htpasswd format, invalid SHA hash length"));
  CHECK(has("a:" + kHash + "\na:" + kHash, "duplicate users"));
}

}  // namespace
}  // namespace remora::extensions
