#include <string>
#include <vector>

#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

const std::vector<std::string> kPaths = {
    "/a", "/a/",    "/a/b",  "/ab", "/a?x",  "/a/?x", "/A",     "/a;x", "/a;x/b", "/a?x;y",
    "/",  "/a%2fb", "/a//b", "/?a", "/a?/b", "/a#f",  "/a#f?x", "",     "*"};

// Which of kPaths the match takes; the same when the route is one of many (the tree) as when it is
// alone (the loop).
std::string Taken(const PathMatch& match, bool ignore_path_parameters = false) {
  std::string outputs[2];
  for (int many = 0; many < 2; ++many) {
    std::vector<RouteConfig> routes = {MakeRoute("yes", match)};
    for (int i = 0; many == 1 && i < 20; ++i) {
      routes.push_back(MakeRoute("other", Path("/other" + std::to_string(i))));
    }
    RouteTableConfig config = OneHost(std::move(routes));
    config.ignore_path_parameters_in_path_matching = ignore_path_parameters;
    const auto table = MustBuild(std::move(config));
    for (const std::string& path : kPaths) {
      if (RouteOf(*table, Request("a.com", path).head()) != "yes") continue;
      outputs[many] += (outputs[many].empty() ? "" : " ") + (path.empty() ? "(empty)" : path);
    }
  }
  return outputs[0] == outputs[1] ? outputs[0] : outputs[0] + " but in the tree " + outputs[1];
}

}  // namespace

// The expectations of this case are Envoy's 1.40 answers.
TEST_CASE("paths are matched without query and fragment") {
  CHECK(Taken(Path("/a")) == "/a /a?x /a?x;y /a?/b /a#f /a#f?x");
  CHECK(Taken(Prefix("/a")) ==
        "/a /a/ /a/b /ab /a?x /a/?x /a;x /a;x/b /a?x;y /a%2fb /a//b /a?/b /a#f /a#f?x");
  CHECK(Taken(Prefix("/a/")) == "/a/ /a/b /a/?x /a//b");
  CHECK(Taken(Prefix("/a?")) == "");
  CHECK(Taken(Path("/a?x")) == "");
  CHECK(Taken(Separated("/a")) == "/a /a/ /a/b /a?x /a/?x /a?x;y /a//b /a?/b /a#f /a#f?x");
  CHECK(Taken(IgnoreCase(Separated("/A"))) ==
        "/a /a/ /a/b /a?x /a/?x /A /a?x;y /a//b /a?/b /a#f /a#f?x");
  CHECK(Taken(IgnoreCase(Prefix("/A"))) ==
        "/a /a/ /a/b /ab /a?x /a/?x /A /a;x /a;x/b /a?x;y /a%2fb /a//b /a?/b /a#f /a#f?x");
  CHECK(Taken(IgnoreCase(Path("/A"))) == "/a /a?x /A /a?x;y /a?/b /a#f /a#f?x");
  CHECK(Taken(PathRegex("/a")) == "/a /a?x /a?x;y /a?/b /a#f /a#f?x");
  CHECK(Taken(IgnoreCase(PathRegex("/A"))) == "/A");
  CHECK(Taken(PathRegex("/a.*")) == Taken(Prefix("/a")));
  CHECK(Taken(PathRegex("^/a$")) == Taken(Path("/a")));
}

TEST_CASE("the empty prefix takes everything that has a path, the empty path nothing") {
  CHECK(Taken(Prefix("")) ==
        "/a /a/ /a/b /ab /a?x /a/?x /A /a;x /a;x/b /a?x;y / /a%2fb /a//b /?a /a?/b /a#f /a#f?x "
        "*");
  CHECK(Taken(Path("")) == "");
  CHECK(Taken(Path("*")) == "*");
}

TEST_CASE("ignore_path_parameters_in_path_matching cuts at the first semicolon") {
  CHECK(Taken(Path("/a"), true) == "/a /a?x /a;x /a;x/b /a?x;y /a?/b /a#f /a#f?x");
}

TEST_CASE("bytes beyond ASCII are compared as they are") {
  const auto table = MustBuild(OneHost(
      {MakeRoute("sharp", Path("/\xc3\xa9")), MakeRoute("caseless", IgnoreCase(Prefix("/\xc3")))}));
  CHECK(RouteOf(*table, Request("a", "/\xc3\xa9").head()) == "sharp");
  CHECK(RouteOf(*table, Request("a", "/\xc3\x89").head()) == "caseless");
  CHECK(RouteOf(*table, Request("a", "/\xe3").head()) == "no route");
}

TEST_CASE("the first route that matches wins, however specific the others are") {
  std::vector<RouteConfig> routes = {MakeRoute("exact", Path("/a/b")),
                                     MakeRoute("regex", PathRegex("/a/[0-9]+")),
                                     MakeRoute("case", IgnoreCase(Prefix("/A/x"))),
                                     MakeRoute("short", Prefix("/a")),
                                     MakeRoute("never", Path("/a/b/c")),
                                     MakeRoute("separated", Separated("/b")),
                                     MakeRoute("end", PathRegex(".*/end"))};
  for (int i = 0; i < 30; ++i)
    routes.push_back(MakeRoute("fill", Prefix("/f" + std::to_string(i))));
  routes.push_back(MakeRoute("all", Prefix("/")));
  const auto table = MustBuild(OneHost(std::move(routes)));
  const auto route_of = [&](std::string path) {
    return RouteOf(*table, Request("a", path).head());
  };
  CHECK(route_of("/a/b") == "exact");
  CHECK(route_of("/a/12") == "regex");
  CHECK(route_of("/a/12x") == "short");
  CHECK(route_of("/a/X/1") == "case");
  CHECK(route_of("/a/y/1") == "short");
  CHECK(route_of("/A/X/1") == "case");
  CHECK(route_of("/a/b/c") == "short");
  CHECK(route_of("/b") == "separated");
  CHECK(route_of("/b/c") == "separated");
  CHECK(route_of("/bc") == "all");
  CHECK(route_of("/bc/end") == "end");
  CHECK(route_of("/f1/x") == "fill");
  CHECK(route_of("no-slash") == "no route");
}

TEST_CASE("routes with the same path are told apart by their conditions, in order") {
  std::vector<RouteConfig> routes;
  for (int i = 0; i < 40; ++i) {
    routes.push_back(MakeRoute("r" + std::to_string(i), Prefix("/")));
    HeaderMatch header;
    header.name = "x-n";
    header.kind = HeaderMatch::Kind::kString;
    header.string.text = std::to_string(i % 30);
    routes.back().headers.push_back(header);
  }
  routes.push_back(MakeRoute("default", Prefix("/")));
  const auto table = MustBuild(OneHost(std::move(routes)));
  CHECK(RouteOf(*table, Request("a", "/x", {{"x-n", "0"}}).head()) == "r0");
  CHECK(RouteOf(*table, Request("a", "/x", {{"x-n", "29"}}).head()) == "r29");
  CHECK(RouteOf(*table, Request("a", "/x", {{"x-n", "30"}}).head()) == "default");
}

TEST_CASE("conditions at more depths than the search keeps pending are all asked") {
  std::vector<RouteConfig> routes;
  std::string path = "/";
  for (int i = 0; i < 60; ++i) {
    routes.push_back(MakeRoute("r" + std::to_string(i), Prefix(path)));
    HeaderMatch header;
    header.name = "x-" + std::to_string(i);
    routes.back().headers.push_back(header);
    path += "abcdefghijklmnopqrstuvwxyz"[i % 26];
  }
  routes.push_back(MakeRoute("plain", Prefix("/abcde")));
  const auto table = MustBuild(OneHost(std::move(routes)));
  for (int i = 0; i < 60; ++i) {
    const Request request("a", path, {{"x-" + std::to_string(i), "1"}, {"x-59", "1"}});
    CHECK(RouteOf(*table, request.head()) == "r" + std::to_string(i));
  }
  CHECK(RouteOf(*table, Request("a", path).head()) == "plain");
}

TEST_CASE("a literal may be longer than a tree node's inline label") {
  const std::string label(300, 'x');
  std::vector<RouteConfig> routes;
  for (int i = 0; i < 12; ++i) {
    routes.push_back(
        MakeRoute("r" + std::to_string(i), Path("/" + label + std::to_string(i) + label)));
  }
  const auto table = MustBuild(OneHost(std::move(routes)));
  for (int i = 0; i < 12; ++i) {
    const std::string path = "/" + label + std::to_string(i) + label;
    CHECK(RouteOf(*table, Request("a", path).head()) == "r" + std::to_string(i));
    CHECK(RouteOf(*table, Request("a", path + "x").head()) == "no route");
    CHECK(RouteOf(*table, Request("a", path.substr(0, path.size() - 1)).head()) == "no route");
  }
}

TEST_CASE("a bad or too large regex is refused in RE2's and Envoy's words") {
  CHECK(Problems(OneHost({MakeRoute("r", PathRegex("*"))})) ==
        "virtual_hosts[0].routes[0].match.safe_regex.regex: no argument for repetition operator: "
        "*\n");
  CHECK(Problems(OneHost({MakeRoute("r", PathRegex("a{95}"))})).empty());
  CHECK(Problems(OneHost({MakeRoute("r", PathRegex("a{98}"))})) ==
        "virtual_hosts[0].routes[0].match.safe_regex.regex: regex 'a{98}' RE2 program size of 102 "
        "> max program size of 100 set for the error level threshold. Increase configured max "
        "program size if necessary.\n");
  RouteTableConfig config = OneHost({MakeRoute("r", PathRegex("a{98}"))});
  config.max_regex_program_size = 32'768;
  CHECK(Problems(std::move(config)).empty());
}

}  // namespace remora::route
