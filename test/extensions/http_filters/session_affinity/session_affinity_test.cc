#include "source/extensions/http_filters/session_affinity/session_affinity.h"

#include <catch2/catch.hpp>

#include "remora/extensions/filters/http/session_affinity/v1/session_affinity.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<SessionAffinity>();
  return registry;
}

std::string Errors(const std::string& filter) {
  std::string errors;
  fakes::ParseFilter(Registry(), "a", ProtoFromText<SessionAffinity::Proto>(filter), errors);
  return errors;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// A request and its response, which came from the instance `id` at `host`.
struct World : fakes::ChainWorld {
  explicit World(const std::string& filter, const Fields& fields = {},
                 const std::string& route = "") {
    std::string errors;
    AddWithState(
        fakes::ParseFilter(Registry(), "a", ProtoFromText<SessionAffinity::Proto>(filter), errors));
    fakes::RouteLevels levels;
    if (!route.empty()) {
      levels.route = {fakes::ParseOverride(
          Registry(), "a", ProtoFromText<SessionAffinity::RouteProto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors == "");
    MakeRequest("GET", "/", fields);
    Start();
    Request();
  }
  // What the router is asked for; "-": nothing.
  std::string Wanted() const {
    const http::OverrideHost* wanted = info.override_host;
    if (wanted == nullptr) return "-";
    return std::string(wanted->name) + (wanted->strict ? " strict" : "");
  }
  // The cookie that the filter adds; "-": none.
  std::string From(const std::string& id, const Fields& fields = {},
                   const std::string& name_space = "remora.affinity",
                   const std::string& key = "instance_id") {
    if (!id.empty()) http::PutText(metadata, name_space, key, id);
    info.upstream_host_metadata = &metadata;
    info.upstream_host = "10.0.0.1:80";
    info.response_code_details = "via_upstream";
    http::ResponseHead& head = MakeResponse(200, fields);
    const size_t before = head.headers.Count(http::HeaderId::kSetCookie);
    ResponseHead(head);
    std::string last = "-";
    if (head.headers.Count(http::HeaderId::kSetCookie) == before) return last;
    head.headers.ForEach([&](const http::HeaderEntry& entry) {
      if (entry.id == http::HeaderId::kSetCookie) last = std::string(entry.value());
    });
    return last;
  }
  std::string Counted() {
    std::string text;
    for (const char* name : {"cookies", "moved", "refused", "routed"}) {
      if (Stat(std::string("http.test.session_affinity.") + name) == 1)
        text += name + std::string(" ");
    }
    return text;
  }

  http::Metadata metadata;
};

Fields Cookies(const std::string& cookies) { return {{"cookie", cookies}}; }
Fields Sets(const std::string& cookie) { return {{"set-cookie", cookie}}; }

TEST_CASE("session_affinity: what a set-cookie field says") {
  const SetCookie whole(
      " a = b=c ; Path=/x; EXPIRES=Wed, 21 Oct 2037 07:28:00 GMT;SameSite=None; secure;"
      "Partitioned; HttpOnly; max-age=5");
  CHECK(whole.name == "a");
  CHECK(whole.value == "b=c");
  CHECK(whole.expires == "Wed, 21 Oct 2037 07:28:00 GMT");
  CHECK(whole.same_site == "None");
  CHECK(whole.secure);
  CHECK(whole.partitioned);
  CHECK_FALSE(whole.deletes);
  for (const char* gone : {"0", "-1", "00"}) {
    CHECK(SetCookie("a=b; Max-Age=" + std::string(gone)).deletes);
  }
  for (const char* stays : {"", "1", "-", "x", "10"}) {
    CHECK_FALSE(SetCookie("a=b; Max-Age=" + std::string(stays)).deletes);
  }
  for (const char* odd : {"", ";", "=", "a", "a;;", "a=;secure="}) {
    CHECK(SetCookie(odd).value.empty());
  }
}

TEST_CASE("session_affinity: a request goes to its instance with both cookies alone") {
  const auto wanted = [](const std::string& cookies, const std::string& filter = "") {
    return World(filter, Cookies(cookies)).Wanted();
  };
  CHECK(wanted("JSESSIONID=s; __VCAP_ID__=i") == "i");
  CHECK(wanted("__VCAP_ID__=i; JSESSIONID=") == "i");
  CHECK(wanted("JSESSIONID=s") == "-");
  CHECK(wanted("__VCAP_ID__=i") == "-");
  CHECK(wanted("JSESSIONID=s; __VCAP_ID__=") == "-");
  CHECK(wanted("jsessionid=s; __VCAP_ID__=i") == "-");
  const std::string own = "session_cookies: 'a' session_cookies: 'b' instance_cookie: 'node'";
  CHECK(wanted("b=1; node=i", own) == "i");
  CHECK(wanted("JSESSIONID=1; node=i", own) == "-");
  CHECK(World("", {{"cookie", "JSESSIONID=s"}, {"cookie", "__VCAP_ID__=i"}}).Wanted() == "i");
  CHECK(World("").Wanted() == "-");
}

TEST_CASE("session_affinity: the instance cookie comes with the application's session") {
  const auto given = [](const std::string& cookie, const std::string& filter = "") {
    return World(filter).From("i", Sets(cookie));
  };
  CHECK(given("JSESSIONID=s") == "__VCAP_ID__=i; Path=/; HttpOnly");
  CHECK(given("other=s") == "-");
  CHECK(given("JSESSIONID=s; Path=/app; Max-Age=30; SameSite=Lax; Secure") ==
        "__VCAP_ID__=i; Path=/; HttpOnly; Secure; SameSite=Lax");
  CHECK(given("JSESSIONID=s; Expires=Wed, 21 Oct 2037 07:28:00 GMT; Partitioned") ==
        "__VCAP_ID__=i; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT; HttpOnly; Partitioned");
  CHECK(given("JSESSIONID=; Max-Age=0") == "__VCAP_ID__=i; Path=/; Max-Age=0; HttpOnly");
  CHECK(given("JSESSIONID=s", "path: '/shop' secure: ALWAYS instance_cookie: 'node'") ==
        "node=i; Path=/shop; HttpOnly; Secure");
  // The application has one of its own.
  CHECK(World("").From("i", {{"set-cookie", "JSESSIONID=s"}, {"set-cookie", "__VCAP_ID__=x"}}) ==
        "-");
  // The first of several counts.
  CHECK(World("session_cookies: 'a' session_cookies: 'b'")
            .From("i", {{"set-cookie", "b=1; Secure"}, {"set-cookie", "a=1"}}) ==
        "__VCAP_ID__=i; Path=/; HttpOnly; Secure");
}

TEST_CASE("session_affinity: another instance brings its name, the same one nothing") {
  const Fields both = Cookies("JSESSIONID=s; __VCAP_ID__=i");
  World same("", both);
  CHECK(same.From("i") == "-");
  CHECK(same.Counted() == "routed ");
  World other("", both);
  CHECK(other.From("j") == "__VCAP_ID__=j; Path=/; HttpOnly");
  CHECK(other.Counted() == "cookies moved ");
  // A session that begins anew says it again.
  CHECK(World("", both).From("i", Sets("JSESSIONID=t")) == "__VCAP_ID__=i; Path=/; HttpOnly");
  // Without a session nobody asks.
  CHECK(World("", Cookies("__VCAP_ID__=i")).From("j") == "-");
}

TEST_CASE("session_affinity: what an instance is called") {
  const Fields session = Sets("JSESSIONID=s");
  CHECK(World("").From("", session) == "-");
  CHECK(World("instance_id { metadata_namespace: 'n' metadata_key: 'k' }")
            .From("i", session, "n", "k") == "__VCAP_ID__=i; Path=/; HttpOnly");
  // HMAC-SHA256 of the address, its first half.
  const std::string hashed = "instance_id { hash_key { inline_string: 'key' } }";
  CHECK(World(hashed).From("", session) ==
        "__VCAP_ID__=c78995e1330a53ba9f49bb227e755df7; Path=/; HttpOnly");
  CHECK(World(hashed).From("i", session) == "__VCAP_ID__=i; Path=/; HttpOnly");
  // No text that would break the cookie.
  for (const char* bad : {"a;b", "a b", "a\"b", "a,b", "\xc3\xa4"}) {
    CHECK(World("").From(bad, session) == "-");
  }
}

TEST_CASE("session_affinity: logins with Negotiate are bound to the instance") {
  const std::string filter = "negotiate: true";
  const Fields login = {{"authorization", "Negotiate abc"}, {"cookie", "__VCAP_ID__=i"}};
  CHECK(World(filter, login).Wanted() == "i strict");
  CHECK(World(filter, {{"authorization", "Basic abc"}, {"cookie", "__VCAP_ID__=i"}}).Wanted() ==
        "-");
  CHECK(World(filter, {{"authorization", "negotiate abc"}}).Wanted() == "-");
  CHECK(World("", login).Wanted() == "-");
  const Fields asks = {{"www-authenticate", "Basic realm=x"}, {"www-authenticate", "Negotiate"}};
  const std::string cookie = "__VCAP_ID__=i; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
  CHECK(World(filter).From("i", asks) == cookie);
  CHECK(World("").From("i", asks) == "-");
  CHECK(World(filter, login).From("i", asks) == "-");
  // Its life does not go by the application's cookie.
  CHECK(World(filter).From("i", {asks[1], {"set-cookie", "JSESSIONID=s; Secure"}}) == cookie);
}

TEST_CASE("session_affinity: answers of the proxy itself say nothing of an instance") {
  World failed("", Cookies("JSESSIONID=s; __VCAP_ID__=i"));
  failed.info.upstream_host = "10.0.0.1:80";
  failed.info.response_code_details = "upstream_reset_before_response_started";
  failed.ResponseHead(failed.MakeResponse(503, Sets("JSESSIONID=s")));
  CHECK(failed.Counted().empty());
  World gone("negotiate: true", {{"authorization", "Negotiate a"}, {"cookie", "__VCAP_ID__=i"}});
  gone.info.flags.Set(http::ResponseFlag::kNoHealthyUpstream);
  gone.ResponseHead(503);
  CHECK(gone.Counted() == "refused ");
}

TEST_CASE("session_affinity: a route's configuration takes the place of the filter's") {
  const Fields both = Cookies("JSESSIONID=s; __VCAP_ID__=i; node=n");
  CHECK(World("", both, "disabled: true").Wanted() == "-");
  CHECK(World("", both, "disabled: true").From("j", Sets("JSESSIONID=s")) == "-");
  CHECK(World("", both, "session_affinity { instance_cookie: 'node' }").Wanted() == "n");
}

TEST_CASE("session_affinity: faults") {
  CHECK(Errors("session_cookies: 'a' session_cookies: 'b c'").find("session_cookies[1]") !=
        std::string::npos);
  CHECK(Errors("instance_cookie: 'a;'").find("is no name of a cookie") != std::string::npos);
  CHECK(Errors("instance_cookie: 'JSESSIONID'").find("is one of the application's") !=
        std::string::npos);
  for (const char* path : {"app", "/a;b"}) {
    CHECK(Errors("path: '" + std::string(path) + "'").find("is no path of a cookie") !=
          std::string::npos);
  }
  CHECK(Errors("instance_id { hash_key { filename: '/none' } }").find("instance_id.hash_key") !=
        std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
