// Rewrites and redirects: the path, Host or URL that comes out. The expectations are Envoy's 1.40
// answers, unless a line says otherwise.

#include "source/http/route/rewrite.h"

#include <string>

#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

std::string PathFor(PathMatch match, ForwardAction action, std::string_view path) {
  RouteConfig route = MakeRoute("r", std::move(match));
  action.cluster = "c";
  route.action = std::move(action);
  const auto table = MustBuild(OneHost({route}));
  const Request request("a.com", path);
  const Route* found = table->Match(request.head(), 0).route;
  if (found == nullptr) return "no route";
  return found->rewrites()->path().Apply(path, found->MatchedSize(path)).value_or("as it is");
}

TEST_CASE("prefix_rewrite replaces what the condition matched") {
  const auto path = [](PathMatch match, std::string rewrite, std::string_view from) {
    return PathFor(std::move(match), {.prefix_rewrite = std::move(rewrite)}, from);
  };
  CHECK(path(Prefix("/old"), "/new", "/old/x?q=/old") == "/new/x?q=/old");
  CHECK(path(Prefix("/old"), "/new", "/oldest") == "/newest");
  CHECK(path(Prefix("/old/"), "/", "/old/x") == "/x");
  CHECK(path(IgnoreCase(Prefix("/Old")), "/", "/oLd/X") == "//X");
  CHECK(path(Path("/exact"), "/e", "/exact?x") == "/e?x");
  CHECK(path(Separated("/sep"), "/s", "/sep/x?y") == "/s/x?y");
  CHECK(path(PathRegex("/re/.*"), "/whole", "/re/xx?y#z") == "/whole?y#z");
  CHECK(path({PathMatch::Kind::kPrefix, "/"}, "/a/", "/x") == "/a/x");
}

TEST_CASE("a path that has become another one since is not rewritten by prefix") {
  RouteConfig route = MakeRoute("r", Prefix("/old"));
  route.action = ForwardAction{.cluster = "c", .prefix_rewrite = "/new"};
  const auto table = MustBuild(OneHost({route}));
  const Route& built = table->virtual_hosts()[0].routes()[0];
  CHECK_FALSE(built.MatchedSize("/other").has_value());
  CHECK_FALSE(built.MatchedSize("/ol").has_value());
  CHECK_FALSE(built.rewrites()->path().Apply("/other", std::nullopt).has_value());
}

TEST_CASE("regex_rewrite replaces every match in the path and leaves the query") {
  const auto path = [](std::string pattern, std::string substitution, std::string_view from) {
    return PathFor(Prefix("/"), {.regex_rewrite = RegexSubstitutionConfig{pattern, substitution}},
                   from);
  };
  CHECK(path("/([a-z]+)", "/<\\1>", "/rw/regex/b?q=/zz") == "/<rw>/<regex>/<b>?q=/zz");
  CHECK(path("^/service/([^/]+)(/.*)$", "\\2/instance/\\1", "/service/foo/v1/api?x") ==
        "/v1/api/instance/foo?x");
  CHECK(path("one", "two", "/xxx/one/yyy/one/zzz") == "/xxx/two/yyy/two/zzz");
  CHECK(path("(?i)/xXx/", "/yyy/", "/aaa/XxX/bbb") == "/aaa/yyy/bbb");
  CHECK(path("nothing", "x", "/a?nothing") == "as it is");
  CHECK(path("x*$", "", "/a/xx") == "/a/");
}

std::string HostFor(ForwardAction action, std::string_view path = "/", const Fields& fields = {}) {
  RouteConfig route = MakeRoute("r", Prefix("/"));
  action.cluster = "c";
  route.action = std::move(action);
  const auto table = MustBuild(OneHost({route}));
  const Request request("a.com", path, fields);
  const Rewrites* rewrites = table->Match(request.head(), 0).route->rewrites();
  return rewrites == nullptr ? "none" : rewrites->Host(request.head()).value_or("as it is");
}

TEST_CASE("each way to rewrite the Host") {
  using Kind = ForwardAction::HostRewrite;
  CHECK(HostFor({.host_rewrite_kind = Kind::kLiteral, .host_rewrite = "lit:80"}) == "lit:80");
  CHECK(HostFor({.host_rewrite_kind = Kind::kLiteral}) == "none");
  const ForwardAction header{.host_rewrite_kind = Kind::kHeader, .host_rewrite = "X-Host"};
  CHECK(HostFor(header, "/", {{"x-host", "h1"}, {"x-host", "h2"}}) == "h1");
  CHECK(HostFor(header) == "as it is");
  CHECK(HostFor(header, "/", {{"x-host", ""}}) == "as it is");
  const ForwardAction regex{
      .host_rewrite_kind = Kind::kPathRegex,
      .host_rewrite_path_regex = RegexSubstitutionConfig{"^/(.+)/.*$", "\\1"}};
  CHECK(HostFor(regex, "/b.com/x?q=/y/") == "b.com");
  // Envoy takes the whole path for the Host.
  CHECK(HostFor(regex, "/b.com") == "as it is");
  CHECK(HostFor({.host_rewrite_kind = Kind::kEndpointHostname}) == "as it is");
}

std::string LocationOf(RedirectAction action, std::string_view authority, std::string_view path,
                       PathMatch match = Prefix("/"), const char* proto = "http") {
  RouteConfig route = MakeRoute("r", std::move(match));
  route.action = std::move(action);
  const auto table = MustBuild(OneHost({route}));
  Request request(authority, path, {{"x-forwarded-proto", proto}});
  request.head().scheme = proto;
  const Route* found = table->Match(request.head(), 0).route;
  return found->redirect()->Location(request.head(), found->MatchedSize(path));
}

TEST_CASE("a redirect replaces the parts of the URL that it names") {
  CHECK(LocationOf({}, "a", "/x?y=1") == "http://a/x?y=1");
  CHECK(LocationOf({.scheme = "https"}, "a", "/x") == "https://a/x");
  CHECK(LocationOf({.scheme = "ftp"}, "a", "/x") == "ftp://a/x");
  CHECK(LocationOf({.host = "h.example"}, "a:80", "/x") == "http://h.example/x");
  CHECK(LocationOf({.port = 444}, "a", "/?a") == "http://a:444/?a");
  CHECK(LocationOf({.port = 444}, "a:81", "/") == "http://a:444/");
  CHECK(LocationOf({.host = "h", .port = 8443}, "a:80", "/") == "http://h:8443/");
  CHECK(LocationOf({.path = "/pp"}, "a", "/x?y=1") == "http://a/pp?y=1");
  CHECK(LocationOf({.path = "/pp?z=1"}, "a", "/x?y=1") == "http://a/pp?z=1");
  CHECK(LocationOf({.path = "/pp?z=1", .strip_query = true}, "a", "/x?y") == "http://a/pp?z=1");
  CHECK(LocationOf({.path = "/pp", .strip_query = true}, "a", "/x?y") == "http://a/pp");
  CHECK(LocationOf({.strip_query = true}, "a", "/x?y=1?z") == "http://a/x");
  CHECK(LocationOf({.prefix_rewrite = "/np"}, "a", "/r/x?y=1", Prefix("/r")) ==
        "http://a/np/x?y=1");
  const RegexSubstitutionConfig swap{"/r/(rr)/(.*)", "/\\2/\\1"};
  CHECK(LocationOf({.regex_rewrite = swap}, "a", "/r/rr/foo?y=1", Prefix("/r")) ==
        "http://a/foo/rr?y=1");
  CHECK(LocationOf({.regex_rewrite = swap, .strip_query = true}, "a", "/r/rr/foo?y=1",
                   PathRegex("/r/.*")) == "http://a/foo/rr");
}

TEST_CASE("the old scheme's own port is left out when the scheme changes") {
  const RedirectAction https{.scheme = "https"};
  CHECK(LocationOf(https, "c:80", "/") == "https://c/");
  CHECK(LocationOf(https, "c:443", "/") == "https://c:443/");
  CHECK(LocationOf(https, "c:8080", "/") == "https://c:8080/");
  CHECK(LocationOf(https, "[::1]:80", "/") == "https://[::1]/");
  CHECK(LocationOf(https, "[::80]", "/") == "https://[::80]/");
  CHECK(LocationOf({.port = 1}, "[::80]", "/") == "http://[::80]:1/");
  CHECK(LocationOf(https, "c:443", "/", Prefix("/"), "https") == "https://c:443/");
  CHECK(LocationOf({.scheme = "http"}, "c:443", "/", Prefix("/"), "https") == "http://c/");
}

TEST_CASE("a virtual host that requires TLS redirects the rest of its requests") {
  RouteTableConfig config = OneHost({MakeRoute("r", Prefix("/"))});
  const auto location = [&](TlsRequirement requirement, const Fields& fields) {
    config.virtual_hosts[0].require_tls = requirement;
    const auto table = MustBuild(config);
    const Request request("a:80", "/p?x", fields);
    const MatchResult match = table->Match(request.head(), 0);
    if (match.route->redirect() == nullptr) return match.route->name();
    CHECK(match.cluster == nullptr);
    CHECK(match.overrides == nullptr);
    return std::to_string(match.route->redirect()->status()) + " " +
           match.route->redirect()->Location(request.head(), match.route->MatchedSize("/p?x"));
  };
  const Fields http = {{"x-forwarded-proto", "http"}};
  const Fields https = {{"x-forwarded-proto", "https"}};
  const Fields inside = {{"x-forwarded-proto", "http"}, {"x-envoy-internal", "true"}};
  CHECK(location(TlsRequirement::kNone, http) == "r");
  CHECK(location(TlsRequirement::kAll, http) == "301 https://a:80/p?x");
  CHECK(location(TlsRequirement::kAll, https) == "r");
  CHECK(location(TlsRequirement::kAll, inside) == "301 https://a:80/p?x");
  CHECK(location(TlsRequirement::kExternalOnly, http) == "301 https://a:80/p?x");
  CHECK(location(TlsRequirement::kExternalOnly, inside) == "r");
}

TEST_CASE("what is wrong with a rewrite is said at its field") {
  const auto problems = [](auto action) {
    RouteConfig route = MakeRoute("r", Prefix("/"));
    route.action = std::move(action);
    return Problems(OneHost({route}));
  };
  const std::string at = "virtual_hosts[0].routes[0].";
  CHECK(
      problems(ForwardAction{.cluster = "c", .regex_rewrite = RegexSubstitutionConfig{"a(", ""}}) ==
      at + "route.regex_rewrite: missing ): a(\n");
  // Envoy loads it and never rewrites.
  CHECK(problems(RedirectAction{.regex_rewrite = RegexSubstitutionConfig{"a", "\\1"}})
            .find(at + "redirect.regex_rewrite: substitution '\\1': ") == 0);
  CHECK(problems(
            ForwardAction{.cluster = "c",
                          .host_rewrite_kind = ForwardAction::HostRewrite::kPathRegex,
                          .host_rewrite_path_regex = RegexSubstitutionConfig{"[a-z]{1,200}", ""}})
            .find("program size") != std::string::npos);
  CHECK(problems(ForwardAction{.cluster = "c",
                               .prefix_rewrite = "/",
                               .regex_rewrite = RegexSubstitutionConfig{"a", "b"}})
            .find("Specify only one of prefix_rewrite, regex_rewrite") != std::string::npos);
}

}  // namespace
}  // namespace remora::route
