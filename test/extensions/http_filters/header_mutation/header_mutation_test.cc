#include "source/extensions/http_filters/header_mutation/header_mutation.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ChainWorld;
using fakes::ProtoFromText;
using Fields = std::vector<std::pair<std::string, std::string>>;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<HeaderMutation>();
  return registry;
}

route::FilterOverride Level(const std::string& mutations) {
  std::string errors;
  auto level = fakes::ParseOverride(
      Registry(), "hm",
      ProtoFromText<HeaderMutation::RouteProto>("mutations { " + mutations + " }"), errors);
  CHECK(errors.empty());
  return level;
}

struct World : ChainWorld {
  explicit World(const std::string& config, fakes::RouteLevels levels = {}) {
    std::string errors;
    AddFactory(
        fakes::ParseFilter(Registry(), "hm", ProtoFromText<HeaderMutation::Proto>(config), errors));
    CHECK(errors == "");
    UseRoutes(fakes::OneRoute(std::move(levels)));
    upstream.with_fields = downstream.with_fields = true;
  }
  // "GET /path fields" as the upstream gets it.
  std::string Request(std::string_view path, Fields fields = {}) {
    MakeRequest("GET", path, std::move(fields));
    Start();
    RequestHead();
    const std::string text = Take();
    const size_t begin = std::string("up:head(").size();
    return text.substr(begin, text.size() - begin - 1);
  }
};

std::string Errors(const std::string& config) {
  std::string errors;
  fakes::ParseFilter(Registry(), "hm", ProtoFromText<HeaderMutation::Proto>(config), errors);
  return errors;
}

std::string Append(std::string key, std::string value, std::string more = "") {
  return "append { header { key: '" + key + "' value: '" + value + "' } " + more + " }";
}
std::string OnRequest(const std::string& mutation) {
  return "mutations { request_mutations { " + mutation + " } }";
}

TEST_CASE("header mutation: append actions") {
  const auto with = [](const std::string& action, Fields fields) {
    return World(OnRequest(Append("X-A", "new", "append_action: " + action)))
        .Request("/", std::move(fields));
  };
  const Fields two = {{"x-a", "1"}, {"x-b", "-"}, {"x-a", "2"}};
  CHECK(with("APPEND_IF_EXISTS_OR_ADD", {}) == "GET / x-a=new");
  CHECK(with("APPEND_IF_EXISTS_OR_ADD", two) == "GET / x-a=1 x-b=- x-a=2 x-a=new");
  CHECK(with("ADD_IF_ABSENT", {}) == "GET / x-a=new");
  CHECK(with("ADD_IF_ABSENT", two) == "GET / x-a=1 x-b=- x-a=2");
  CHECK(with("OVERWRITE_IF_EXISTS_OR_ADD", {}) == "GET / x-a=new");
  CHECK(with("OVERWRITE_IF_EXISTS_OR_ADD", two) == "GET / x-a=new x-b=-");
  CHECK(with("OVERWRITE_IF_EXISTS", {}) == "GET /");
  CHECK(with("OVERWRITE_IF_EXISTS", two) == "GET / x-a=new x-b=-");
}

TEST_CASE("header mutation: the deprecated append flag") {
  const Fields one = {{"x-a", "1"}};
  CHECK(World(OnRequest(Append("x-a", "new", "append { value: true }"))).Request("/", one) ==
        "GET / x-a=1 x-a=new");
  CHECK(World(OnRequest(Append("x-a", "new", "append { value: false }"))).Request("/", one) ==
        "GET / x-a=new");
}

TEST_CASE("header mutation: empty values") {
  CHECK(World(OnRequest(Append("x-a", ""))).Request("/") == "GET /");
  CHECK(World(OnRequest(Append("x-a", "", "keep_empty_value: true"))).Request("/") == "GET / x-a=");
  CHECK(World(OnRequest(Append("x-a", "%REQ(none)%"))).Request("/") == "GET /");
  CHECK(World(OnRequest(Append("x-a", "%REQ(none)%", "append_action: OVERWRITE_IF_EXISTS")))
            .Request("/", {{"x-a", "1"}}) == "GET / x-a=1");
}

TEST_CASE("header mutation: raw values are taken as they are") {
  CHECK(World(OnRequest("append { header { key: 'x-a' raw_value: '%REQ(b)%' } }")).Request("/") ==
        "GET / x-a=%REQ(b)%");
}

TEST_CASE("header mutation: remove, by name and by match, in order") {
  const Fields fields = {{"x-a", "1"}, {"x-ab", "2"}, {"y", "3"}, {"x-a", "4"}};
  CHECK(World(OnRequest("remove: 'X-A'")).Request("/", fields) == "GET / x-ab=2 y=3");
  CHECK(World(OnRequest("remove: ''")).Request("/", {{"y", "3"}}) == "GET / y=3");
  CHECK(World(OnRequest("remove_on_match { key_matcher { prefix: 'x-' } }")).Request("/", fields) ==
        "GET / y=3");
  CHECK(World(OnRequest("remove_on_match { key_matcher { safe_regex { regex: '.*b' } } }"))
            .Request("/", fields) == "GET / x-a=1 y=3 x-a=4");
  CHECK(World("mutations { request_mutations { remove: 'x-a' } request_mutations { " +
              Append("x-a", "%REQ(x-a)%-%REQ(y)%") + " } }")
            .Request("/", fields) == "GET / x-ab=2 y=3 x-a=-3");
}

TEST_CASE("header mutation: response, with the response's and the request's facts") {
  World world("mutations { response_mutations { " + Append("x-code", "%RESPONSE_CODE%") +
              " } response_mutations { " + Append("x-path", "%REQ(:path)%") +
              " } response_mutations { " + Append("x-cluster", "%UPSTREAM_CLUSTER%") +
              " } response_mutations { remove: 'server' } }");
  world.Request("/p");
  world.context("up").response_sink().OnHead(world.MakeResponse(201, {{"server", "x"}}));
  CHECK(world.Take() == "down:head(201 x-code=201 x-path=/p x-cluster=up)");
}

TEST_CASE("header mutation: a local reply is changed too") {
  World world("mutations { response_mutations { " + Append("x-code", "%RESPONSE_CODE%") + " } }");
  world.terminal().request_head = [](http::FilterContext& context, auto&) {
    http::LocalReply reply;
    reply.status = 404;
    context.SendLocalReply(std::move(reply));
    return http::Answer::kContinue;
  };
  world.Request("/");
  CHECK(world.downstream.last_head->headers.Find("x-code")->value() == "404");
}

TEST_CASE("header mutation: trailers of both directions, where there are some") {
  World world("mutations { request_trailers_mutations { " + Append("t", "%REQ(:path)%") +
              " } response_trailers_mutations { " + Append("t", "%RESPONSE_CODE%") + " } }");
  world.Request("/p");
  world.RequestEnd({{"a", "1"}});
  CHECK(world.Take() == "up:end(a=1 t=/p)");
  world.Response(200);
  CHECK(world.Take() == "down:head(200) down:end");
  World other("mutations { response_trailers_mutations { " + Append("t", "%RESPONSE_CODE%") +
              " } }");
  other.Request("/");
  other.RequestEnd();
  other.ResponseHead();
  other.ResponseEnd({{"a", "1"}});
  CHECK(other.Take() == "up:end down:head(200) down:end(a=1 t=200)");
}

TEST_CASE("header mutation: query parameters") {
  const auto with = [](std::string mutations, std::string_view path) {
    return World("mutations { " + mutations + " }").Request(path, {{"x-b", "bb"}});
  };
  const auto add = [](std::string key, std::string value, std::string action = "") {
    return "query_parameter_mutations { append { record { key: '" + key +
           "' value { string_value: '" + value + "' } } " + action + " } } ";
  };
  const std::string remove_a = "query_parameter_mutations { remove: 'a' } ";
  CHECK(with(add("c", "1"), "/p") == "GET /p?c=1 x-b=bb");
  // As Envoy writes it: grouped by name, in the order of names.
  CHECK(with(add("a", "n w&%REQ(x-b)%"), "/p?b=2&a=1") == "GET /p?a=1&a=n%20w%26bb&b=2 x-b=bb");
  CHECK(with(add("c", "\\303\\251/?"), "/p") == "GET /p?c=%C3%A9%2F%3F x-b=bb");
  CHECK(with(add("a", "9", "action: OVERWRITE_IF_EXISTS_OR_ADD"), "/p?a=1&b=2&a=3") ==
        "GET /p?a=9&b=2 x-b=bb");
  CHECK(with(add("z", "9", "action: OVERWRITE_IF_EXISTS"), "/p?a=1") == "GET /p?a=1 x-b=bb");
  CHECK(with(add("a", "9", "action: ADD_IF_ABSENT"), "/p?a=1") == "GET /p?a=1 x-b=bb");
  CHECK(with(add("q", ""), "/p") == "GET /p?q= x-b=bb");
  CHECK(with(remove_a, "/p?a=1") == "GET /p x-b=bb");
  CHECK(with(remove_a, "/p?b=%20&flag&a=1") == "GET /p?b=%20&flag= x-b=bb");
  // A name cannot break the request line.
  CHECK(with(add("c d", "1"), "/p") == "GET /p?c%20d=1 x-b=bb");
}

TEST_CASE("header mutation: levels of the route, least specific last unless told otherwise") {
  const auto set = [](std::string value) {
    return "request_mutations { " +
           Append("x", "%REQ(x)%" + value, "append_action: OVERWRITE_IF_EXISTS_OR_ADD") + " }";
  };
  const auto levels = [&] {
    return fakes::RouteLevels{.virtual_host = {Level(set("h"))},
                              .route = {Level(set("r"))},
                              .cluster = {Level(set("c"))}};
  };
  CHECK(World("mutations { " + set("f") + " }", levels()).Request("/") == "GET / x=fcrh");
  CHECK(World("mutations { " + set("f") + " } most_specific_header_mutations_wins: true", levels())
            .Request("/") == "GET / x=fhrc");
  // A level that says nothing does not repeat the one above it.
  CHECK(World("", {.virtual_host = {Level(set("h"))}}).Request("/") == "GET / x=h");
  CHECK(World("", {.table = {Level(set("t"))}, .cluster = {Level(set("c"))}}).Request("/") ==
        "GET / x=ct");
  // The table's own counts beside the virtual host's.
  CHECK(World("", {.table = {Level(set("t"))},
                   .virtual_host = {Level(set("h"))},
                   .route = {Level(set("r"))}})
            .Request("/") == "GET / x=rht");
  CHECK(World("").Request("/") == "GET /");
}

TEST_CASE("header mutation: a route may have one of its own for the response and the query") {
  World world("",
              {.route = {Level("query_parameter_mutations { remove: 'a' } response_mutations { " +
                               Append("x", "1") + " }")}});
  CHECK(world.Request("/?a=1&b=2") == "GET /?b=2");
  world.ResponseHead();
  CHECK(world.Take() == "down:head(200 x=1)");
}

TEST_CASE("header mutation: what cannot be is refused, with its path") {
  const auto on_request = [](const std::string& mutation) { return Errors(OnRequest(mutation)); };
  const std::string prefix = "filter.mutations.request_mutations[0].";
  for (const char* name : {":path", ":foo", "Host", ":authority"}) {
    CHECK(on_request(Append(name, "x")) ==
          prefix + "append.header.key: :-prefixed or host headers may not be modified\n");
  }
  CHECK(on_request("remove: ':path'") ==
        prefix + "remove: \":path\" cannot be removed: no message is without it\n");
  CHECK(on_request("remove: 'Host'") ==
        prefix + "remove: \"Host\" cannot be removed: no message is without it\n");
  CHECK(Errors("mutations { response_mutations { remove: 'host' } }").empty());
  CHECK(on_request(Append("a b", "x")) ==
        prefix + "append.header.key: this is no name of a header field\n");
  CHECK(on_request(Append("a", "x\\r\\ny")) ==
        prefix + "append.header.value: a header field cannot hold control characters\n");
  CHECK(on_request(Append("a", "%NOPE%"))
            .rfind(prefix + "append.header.value: the operator %NOPE% is not supported here", 0) ==
        0);
  CHECK(on_request(Append("a", "b", "append { value: true } append_action: ADD_IF_ABSENT")) ==
        prefix + "append.append: Both append and append_action are set and it's not allowed\n");
  CHECK(on_request("remove_on_match { key_matcher { safe_regex { regex: '(' } } }")
            .rfind("filter.mutations.request_mutations[0].remove_on_match.key_matcher", 0) == 0);
}

TEST_CASE("header mutation: query parameters that cannot be are refused") {
  const auto on_query = [](const std::string& mutation) {
    return Errors("mutations { query_parameter_mutations { " + mutation + " } }");
  };
  const std::string prefix = "filter.mutations.query_parameter_mutations[0]";
  CHECK(on_query("") == prefix + ": One of 'append'/'remove' must be specified.\n");
  CHECK(on_query("remove: 'a' append {}") ==
        prefix + ": Only one of 'append'/'remove can be specified.\n");
  CHECK(on_query("append {}") == prefix + ".append: No record specified for append mutation.\n");
  CHECK(on_query("append { record { key: 'k' value { number_value: 3 } } }") ==
        prefix + ".append.record.value: Only string value is allowed for record value.\n");
  CHECK(on_query("append { record { key: 'k' value { string_value: '5%' } } }")
            .find("Couldn't find valid command at position 1") != std::string::npos);
}

TEST_CASE("header mutation: every fault is found") {
  const std::string errors = Errors(
      "mutations { request_mutations { remove: ':path' } response_mutations { remove: ':status' } "
      "query_parameter_mutations { } }");
  CHECK(std::count(errors.begin(), errors.end(), '\n') == 3);
}

}  // namespace
}  // namespace remora::extensions
