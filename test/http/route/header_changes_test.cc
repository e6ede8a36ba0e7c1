// Header changes: what comes out of a head, level by level. The expectations are Envoy's 1.40
// answers but for the order of fields of different names.

#include "source/http/route/header_changes.h"

#include <string>
#include <vector>

#include "test/http/route/request.h"
#include "test/http/route/tables.h"

namespace remora::route {
namespace {

using Action = HeaderAddition::Action;

std::string Text(const http::HeaderMap& headers) {
  std::string text;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    text +=
        (text.empty() ? "" : "; ") + std::string(entry.name()) + ": " + std::string(entry.value());
    // What is marked canonical stands in one piece, as a serializer copies it.
    if (entry.canonical) {
      const std::string line =
          std::string(entry.name()) + ": " + std::string(entry.value()) + "\r\n";
      CHECK(std::string(entry.name_data, line.size()) == line);
    }
  });
  return text;
}

// The request's fields after the route of `config` has changed them.
std::string Sent(RouteTableConfig config, const Fields& fields, std::string_view path = "/") {
  const auto table = MustBuild(std::move(config));
  Request request("a.com", path, fields);
  const MatchResult match = table->Match(request.head(), 0);
  const http::StreamInfo info;
  if (match.request_headers() != nullptr) {
    match.request_headers()->Apply(request.head().headers,
                                   {.info = info, .request = &request.head()});
  }
  return Text(request.head().headers);
}

// The same with the changes at the route alone.
std::string Sent(HeaderChangesConfig changes, const Fields& fields, std::string_view path = "/") {
  RouteConfig route = MakeRoute("r", Prefix("/"));
  route.header_changes.request = std::move(changes);
  return Sent(OneHost({route}), fields, path);
}

HeaderAddition Add(std::string name, std::string value, Action action = {}) {
  return {std::move(name), std::move(value), action};
}

TEST_CASE("each append action does what its name says") {
  const Fields fields = {{"x-a", "1"}, {"x-a", "2"}, {"accept", "3"}};
  const auto sent = [&](const char* name, Action action) {
    return Sent({.add = {Add(name, "new", action)}}, fields);
  };
  CHECK(sent("X-A", Action::kAppendIfExistsOrAdd) == "x-a: 1; x-a: 2; accept: 3; x-a: new");
  CHECK(sent("x-b", Action::kAppendIfExistsOrAdd) == "x-a: 1; x-a: 2; accept: 3; x-b: new");
  CHECK(sent("x-a", Action::kAddIfAbsent) == "x-a: 1; x-a: 2; accept: 3");
  CHECK(sent("x-b", Action::kAddIfAbsent) == "x-a: 1; x-a: 2; accept: 3; x-b: new");
  CHECK(sent("x-a", Action::kOverwriteIfExistsOrAdd) == "x-a: new; accept: 3");
  CHECK(sent("Accept", Action::kOverwriteIfExistsOrAdd) == "x-a: 1; x-a: 2; accept: new");
  CHECK(sent("x-b", Action::kOverwriteIfExistsOrAdd) == "x-a: 1; x-a: 2; accept: 3; x-b: new");
  CHECK(sent("x-a", Action::kOverwriteIfExists) == "x-a: new; accept: 3");
  CHECK(sent("etag", Action::kOverwriteIfExists) == "x-a: 1; x-a: 2; accept: 3");
}

TEST_CASE("removals come before additions, and conditions see the head in between") {
  CHECK(Sent({.add = {Add("x-a", "new")}, .remove = {"X-A"}}, {{"x-a", "1"}, {"x-a", "2"}}) ==
        "x-a: new");
  CHECK(Sent({.add = {Add("x-a", "new", Action::kOverwriteIfExists)}, .remove = {"x-a"}},
             {{"x-a", "1"}}) == "");
  CHECK(Sent({.remove = {"accept", "x-none"}}, {{"accept", "1"}, {"x-a", "2"}}) == "x-a: 2");
  // Both find it absent.
  CHECK(
      Sent({.add = {Add("x-b", "1", Action::kAddIfAbsent), Add("x-b", "2", Action::kAddIfAbsent)}},
           {}) == "x-b: 1; x-b: 2");
  // Replacements are made before anything is appended, wherever they stand.
  CHECK(Sent({.add = {Add("x-a", "appended"), Add("x-a", "set", Action::kOverwriteIfExistsOrAdd)}},
             {{"x-a", "1"}}) == "x-a: set; x-a: appended");
  CHECK(Sent({.add = {Add("x-a", "first", Action::kOverwriteIfExistsOrAdd),
                      Add("x-a", "last", Action::kOverwriteIfExistsOrAdd)}},
             {}) == "x-a: last");
}

TEST_CASE("an empty value changes nothing unless it is to be kept") {
  const Fields fields = {{"x-a", "1"}};
  const auto sent = [&](const char* value, Action action, bool keep) {
    HeaderAddition addition = Add("x-a", value, action);
    addition.keep_empty = keep;
    return Sent({.add = {addition}}, fields);
  };
  for (const char* value : {"", "%REQ(x-none)%"}) {
    CHECK(sent(value, Action::kAppendIfExistsOrAdd, false) == "x-a: 1");
    CHECK(sent(value, Action::kOverwriteIfExistsOrAdd, false) == "x-a: 1");
    CHECK(sent(value, Action::kAppendIfExistsOrAdd, true) == "x-a: 1; x-a: ");
    CHECK(sent(value, Action::kOverwriteIfExistsOrAdd, true) == "x-a: ");
  }
}

TEST_CASE("values are format strings of the head as it was before the level's additions") {
  CHECK(
      Sent({.add = {Add("x-b", "[%REQ(x-a)%] %REQ(:path)% 100%%"),
                    Add("x-a", "new", Action::kOverwriteIfExistsOrAdd), Add("x-c", "%REQ(x-a)%")}},
           {{"x-a", "1"}}, "/p?q") == "x-a: new; x-b: [1] /p?q 100%; x-c: 1");
  CHECK(Sent({.add = {Add("x-b", "%REQ(x-a)%")}, .remove = {"x-a"}}, {{"x-a", "1"}}) == "");
  HeaderAddition literal = Add("x-a", "%REQ(x)%");
  literal.literal = true;
  CHECK(Sent({.add = {literal}}, {}) == "x-a: %REQ(x)%");
}

// One field that is replaced and one that is appended to, on all levels.
MessageChangesConfig Level(const std::string& name) {
  HeaderChangesConfig changes;
  changes.add = {Add("x-o", name, Action::kOverwriteIfExistsOrAdd), Add("x-a", name)};
  return {changes, changes};
}

RouteTableConfig AllLevels(bool most_specific_wins) {
  RouteConfig weighted = MakeRoute("weighted", Prefix("/w"));
  ForwardAction action;
  action.weighted_clusters.push_back({.name = "c", .weight = 1, .headers = Level("cluster")});
  weighted.action = action;
  weighted.header_changes = Level("route");
  RouteConfig plain = MakeRoute("plain", Prefix("/"));
  RouteConfig direct = MakeRoute("direct", Prefix("/d"));
  direct.action = DirectResponseAction{200};
  direct.header_changes = Level("direct");
  RouteTableConfig config = OneHost({weighted, direct, plain});
  config.virtual_hosts[0].header_changes = Level("host");
  config.header_changes = Level("table");
  config.most_specific_header_changes_win = most_specific_wins;
  return config;
}

TEST_CASE("the levels in their two orders; a weighted cluster comes first in both") {
  const auto sent = [](bool most_specific_wins, const char* path) {
    return Sent(AllLevels(most_specific_wins), {}, path);
  };
  CHECK(sent(false, "/w") == "x-o: table; x-a: cluster; x-a: route; x-a: host; x-a: table");
  CHECK(sent(true, "/w") == "x-o: route; x-a: cluster; x-a: table; x-a: host; x-a: route");
  CHECK(sent(false, "/") == "x-o: table; x-a: host; x-a: table");
  CHECK(sent(true, "/") == "x-o: host; x-a: table; x-a: host");
}

TEST_CASE("responses have changes of their own, also those that a route answers itself") {
  const auto table = MustBuild(AllLevels(false));
  const auto received = [&](const char* path) {
    const Request request("a.com", path);
    const MatchResult match = table->Match(request.head(), 0);
    base::ArenaPool pool;
    base::Arena arena(pool);
    http::ResponseHead response(arena);
    response.headers.Add("x-o", "up");
    const http::StreamInfo info;
    match.response_headers()->Apply(
        response.headers, {.info = info, .request = &request.head(), .response = &response});
    return Text(response.headers);
  };
  CHECK(received("/w") == "x-o: table; x-a: cluster; x-a: route; x-a: host; x-a: table");
  CHECK(received("/d") == "x-o: table; x-a: direct; x-a: host; x-a: table");
  const Request direct("a.com", "/d");
  CHECK(table->Match(direct.head(), 0).request_headers() == nullptr);
}

TEST_CASE("a route without changes has nothing to apply") {
  const auto table = MustBuild(OneHost({MakeRoute("r", Prefix("/"))}));
  const Request request("a.com", "/");
  const MatchResult match = table->Match(request.head(), 0);
  CHECK(match.request_headers() == nullptr);
  CHECK(match.response_headers() == nullptr);
  CHECK_FALSE(match.cluster->changes_request);
}

TEST_CASE("what is wrong with a change is said at its field") {
  const auto problems = [](HeaderChangesConfig changes, bool response = false) {
    RouteConfig route = MakeRoute("r", Prefix("/"));
    (response ? route.header_changes.response : route.header_changes.request) = std::move(changes);
    return Problems(OneHost({route}));
  };
  const std::string at = "virtual_hosts[0].routes[0].";
  const std::string modified = ": :-prefixed or host headers may not be modified\n";
  const std::string removed = ": :-prefixed or host headers may not be removed\n";
  CHECK(problems({.add = {Add("x", "1"), Add(":path", "1")}}) ==
        at + "request_headers_to_add[1].header.key" + modified);
  CHECK(problems({.add = {Add("Host", "1")}}, true) ==
        at + "response_headers_to_add[0].header.key" + modified);
  CHECK(problems({.remove = {":status"}}, true) == at + "response_headers_to_remove[0]" + removed);
  CHECK(problems({.remove = {"host"}}) == at + "request_headers_to_remove[0]" + removed);
  CHECK(problems({.add = {Add("a b", "1")}}) ==
        at + "request_headers_to_add[0].header.key: this is no name of a header field\n");
  CHECK(problems({.add = {Add("x", "a\nb")}}).find("cannot hold control characters") !=
        std::string::npos);
  const std::string unknown = problems({.add = {Add("x", "%NOPE%")}});
  CHECK(unknown.find(at + "request_headers_to_add[0].header.value: ") == 0);
  CHECK(unknown.find("NOPE") != std::string::npos);

  RouteTableConfig config = OneHost({});
  config.header_changes.request.remove = {":path"};
  config.virtual_hosts[0].header_changes.request.remove = {":path"};
  CHECK(Problems(config) == "request_headers_to_remove[0]" + removed +
                                "virtual_hosts[0].request_headers_to_remove[0]" + removed);
}

}  // namespace
}  // namespace remora::route
