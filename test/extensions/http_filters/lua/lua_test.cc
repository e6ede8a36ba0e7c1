// The Lua filter in a chain, without sockets: what it holds, passes, changes and refuses.

#include "source/extensions/http_filters/lua/lua.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/lua/v3/lua.pb.h"
#include "test/fakes/extension_world.h"
#include "test/fakes/module.h"

namespace remora::extensions {
namespace {

config::Registry Registry() {
  static void* const module = fakes::FindModule("source/lua/libremora_lua.so");
  CHECK(module != nullptr);
  config::Registry registry;
  registry.AddHttpFilter<Lua>();
  return registry;
}

Lua::Proto WithScript(const std::string& script) {
  Lua::Proto proto;
  proto.mutable_default_source_code()->set_inline_string(script);
  return proto;
}

std::string OnRequest(const std::string& body) {
  return "function envoy_on_request(h) " + body + "\nend ";
}
std::string OnResponse(const std::string& body) {
  return "function envoy_on_response(h) " + body + "\nend ";
}

route::FilterOverride Route(const std::string& text) {
  std::string errors;
  auto override =
      fakes::ParseOverride(Registry(), "lua", fakes::ProtoFromText<Lua::RouteProto>(text), errors);
  CHECK(errors.empty());
  return override;
}

struct World : fakes::ChainWorld {
  explicit World(const Lua::Proto& proto, fakes::RouteLevels levels = {},
                 http::Framing framing = http::Framing::kStreamed, uint64_t limit = 1024 * 1024)
      : ChainWorld(limit) {
    std::string errors;
    AddWithState(fakes::ParseFilter(Registry(), "lua", proto, errors));
    CHECK(errors.empty());
    UseRoutes(fakes::OneRoute(std::move(levels)));
    MakeRequest("POST", "/", {{"x-a", "1"}}).framing = framing;
    upstream.with_fields = downstream.with_fields = true;
    Start();
  }
  explicit World(const std::string& script) : World(WithScript(script)) {}
};

std::string Refused(const std::string& text) {
  std::string errors;
  (void)fakes::ParseFilter(Registry(), "lua", fakes::ProtoFromText<Lua::Proto>(text), errors);
  return errors;
}

TEST_CASE("lua filter: configuration that is refused says where and why") {
  CHECK(Refused("default_source_code { inline_string: 'function f(' }")
            .find("filter.default_source_code: script load error: default_source_code:1: <name>") !=
        std::string::npos);
  CHECK(Refused("inline_code: '\\n\\nx()'")
            .find("filter.inline_code: script load error: inline_code:3: attempt to call") !=
        std::string::npos);
  CHECK(Refused("source_codes { key: 'a' value { inline_string: 'while true do end' } }")
            .find("filter.source_codes[\"a\"]: script load error: a:1: the script is over its "
                  "limit of") != std::string::npos);
  CHECK(Refused("inline_code: 'x = 1' default_source_code { inline_string: 'x = 1' }")
            .find("Only one of `inline_code` or `default_source_code`") != std::string::npos);
  CHECK_FALSE(Refused("default_source_code { filename: '/nowhere.lua' }").empty());
  std::string errors;
  (void)fakes::ParseOverride(
      Registry(), "lua",
      fakes::ProtoFromText<Lua::RouteProto>("source_code { inline_string: '(' }"), errors);
  CHECK(errors.find("route.source_code: script load error") != std::string::npos);
}

TEST_CASE("lua filter: without a script messages pass") {
  World world("x = 1");
  world.Request("body");
  CHECK(world.Take() == "up:head(POST / x-a=1) up:data(body) up:end");
  CHECK(world.Stat("http.test.lua.executions") == 0);
}

TEST_CASE("lua filter: fields change on both ways") {
  World world(OnRequest("h:headers():add('x-b', '2')") +
              OnResponse("h:headers():add('x-c', h:requestHeaders():get('x-b'))"));
  world.Request("body");
  CHECK(world.Take() == "up:head(POST / x-a=1 x-b=2) up:data(body) up:end");
  world.Response(200);
  CHECK(world.Take().find("x-c=2") != std::string::npos);
  CHECK(world.Stat("http.test.lua.executions") == 2);
}

TEST_CASE("lua filter: a whole body is held and replaced") {
  World world(
      OnRequest("local b = h:body() b:setBytes(b:getBytes(0, b:length()) .. '!') "
                "h:headers():add('x-length', b:length())"));
  world.RequestHead();
  world.RequestData("one ");
  world.RequestData("two");
  CHECK(world.Take().empty());
  world.RequestEnd();
  CHECK(world.Take() ==
        "up:head(POST / x-a=1 content-length=8 x-length=8) up:data(one two!) up:end");
}

TEST_CASE("lua filter: a body over the limit is answered") {
  World world(WithScript(OnRequest("h:body()")), {}, http::Framing::kStreamed, 10);
  world.RequestHead();
  world.RequestData("0123456789");
  CHECK(world.Take().empty());
  world.RequestData("x");
  world.Turn();
  CHECK(world.Take().find("down:head(413") != std::string::npos);
  CHECK(world.info.response_code_details == "request_payload_too_large");
  World response(WithScript(OnResponse("h:body()")), {}, http::Framing::kNone, 10);
  response.Request();
  response.Take();
  http::ResponseHead& head = response.MakeResponse(200);
  head.framing = http::Framing::kStreamed;
  response.ResponseHead(head);
  response.ResponseData("0123456789x");
  response.Turn();
  CHECK(response.Take().find("down:head(500") != std::string::npos);
}

TEST_CASE("lua filter: pieces change as they pass, their number of bytes only where it may") {
  World world(
      OnRequest("for c in h:bodyChunks() do c:setBytes('<' .. c:getBytes(0, c:length()) .. "
                "'>') end"));
  world.RequestHead();
  CHECK(world.Take() == "up:head(POST / x-a=1)");
  world.RequestData("a");
  world.RequestData("b");
  world.RequestEnd();
  CHECK(world.Take() == "up:data(<a>) up:data(<b>) up:data(<>) up:end");
}

TEST_CASE("lua filter: a length that was sent is kept") {
  fakes::ChainWorld world;
  std::string errors;
  world.AddWithState(fakes::ParseFilter(
      Registry(), "lua",
      WithScript(OnRequest("for c in h:bodyChunks() do c:setBytes('longer') end")), errors));
  world.UseRoutes(fakes::OneRoute());
  http::RequestHead& head = world.MakeRequest("POST", "/", {{"content-length", "3"}});
  head.framing = http::Framing::kLength;
  head.length = 3;
  world.Start();
  world.RequestHead();
  world.RequestData("abc");
  world.RequestEnd();
  CHECK(world.Take().find("up:data(abc) up:end") != std::string::npos);
  CHECK(world.Stat("http.test.lua.errors") == 1);
}

TEST_CASE("lua filter: content-length is not a script's to write, but to take away") {
  World world(
      OnRequest("h:logInfo(tostring(pcall(h.headers().add, h:headers(), 'content-length', "
                "'7'))) h:headers():remove('content-length')"));
  world.Request("x");
  CHECK(world.Take().find("up:data(x) up:end") != std::string::npos);
}

TEST_CASE("lua filter: answers in the upstream's place") {
  World world(OnRequest("h:respond({[':status'] = '403', ['x-why'] = 'because'}, 'no')") +
              OnResponse("h:headers():add('x-passed', 'yes')"));
  world.RequestHead();
  world.Turn();
  const std::string journal = world.Take();
  CHECK(journal.find("down:head(403 x-why=because") != std::string::npos);
  CHECK(journal.find("x-passed=yes") != std::string::npos);
  CHECK(journal.find("down:data(no)") != std::string::npos);
  CHECK(world.upstream.heads == 0);
  CHECK(world.info.response_code_details == "lua_response");
}

TEST_CASE("lua filter: errors are counted, and the message goes on") {
  World world(OnRequest("h:headers():add('x-b', '2') error('no')"));
  world.Request("body");
  CHECK(world.Take() == "up:head(POST / x-a=1 x-b=2) up:data(body) up:end");
  CHECK(world.Stat("http.test.lua.errors") == 1);
  CHECK(world.Stat("http.test.lua.limited") == 0);
  World loops(OnRequest("while true do end"));
  loops.Request("body");
  CHECK(loops.Take() == "up:head(POST / x-a=1) up:data(body) up:end");
  CHECK(loops.Stat("http.test.lua.errors") == 1);
  CHECK(loops.Stat("http.test.lua.limited") == 1);
  // Behind a body that was held.
  World later(OnRequest("h:body() error('no')"));
  later.Request("body");
  CHECK(later.Take() == "up:head(POST / x-a=1) up:data(body) up:end");
}

TEST_CASE("lua filter: fields and parts that cannot be sent are errors") {
  for (const std::string change :
       {"add('a b', 'c')", "add('a', 'b\\nc')", "add('a', 'b\\0c')", "replace(':path', '')",
        "replace(':path', 'nowhere')", "replace(':path', '/a b')", "replace(':method', 'CONNECT')",
        "remove(':path')", "add(':other', 'x')", "replace('content-length', '100')"}) {
    INFO(change);
    World world(OnRequest("h:headers():" + change));
    world.Request();
    CHECK(world.Take() == "up:head(POST / x-a=1) up:end");
    CHECK(world.Stat("http.test.lua.errors") == 1);
  }
}

TEST_CASE("lua filter: the script of a route") {
  Lua::Proto proto = WithScript(OnRequest("h:headers():add('x-b', h:filterContext():get('k'))"));
  (*proto.mutable_source_codes())["other"].set_inline_string(
      OnRequest("h:headers():add('x-b', 'other')"));
  (*proto.mutable_filter_context()->mutable_fields())["k"].set_string_value("filter");
  const auto field = [&](const std::string& route) {
    World world(proto, {.route = {Route(route)}});
    world.Request();
    const std::string journal = world.Take();
    const size_t at = journal.find("x-b=");
    return at == std::string::npos ? "" : journal.substr(at + 4, journal.find(')') - at - 4);
  };
  CHECK(field("disabled: true").empty());
  CHECK(field("name: 'other'") == "other");
  CHECK(field("name: 'nothing'").empty());
  CHECK(field("source_code { inline_string: \"function envoy_on_request(h) "
              "h:headers():add('x-b', 'route') end\" }") == "route");
  CHECK(field("filter_context { fields { key: 'k' value { string_value: 'mine' } } }") == "mine");
  CHECK(field("") == "filter");
}

TEST_CASE("lua filter: one text many times is not any amount of memory") {
  const std::string big = "local s = ('x'):rep(1e5) local t = {} for i = 1, 1000 do t[i] = s end ";
  for (const std::string use :
       {"for i = 1, 1000 do h:headers():add('a', s) end",
        "for i = 1, 1000 do h:headers():replace(':path', '/' .. s) end",
        "h:streamInfo():dynamicMetadata():set('a', 'b', t)",
        "for i = 1, 1000 do h:streamInfo():dynamicMetadata():set('a', tostring(i), s) end",
        "h:respond({[':status'] = '200', x = t})"}) {
    INFO(use);
    World world(OnRequest(big + use));
    world.Request();
    CHECK(world.Take().find("up:end") != std::string::npos);
    CHECK(world.Stat("http.test.lua.errors") == 1);
  }
}

TEST_CASE("lua filter: metadata that scripts leave") {
  World world(OnRequest("h:streamInfo():dynamicMetadata():set('a', 'b', {1, {c = true}, 'd'})"));
  world.Request();
  std::string json;
  REQUIRE(world.info.dynamic_metadata != nullptr);
  world.info.dynamic_metadata->at("a").AppendJson(json);
  CHECK(json == R"({"b":[1,{"c":true},"d"]})");
}

TEST_CASE("lua filter: a wish for a host") {
  World world(OnRequest("h:setUpstreamOverrideHost('127.0.0.1:80', true)"));
  world.Request();
  REQUIRE(world.info.override_host != nullptr);
  CHECK(world.info.override_host->name == "127.0.0.1:80");
  CHECK(world.info.override_host->strict);
  World wrong(OnRequest("h:setUpstreamOverrideHost('host.example', true)"));
  wrong.Request();
  CHECK(wrong.info.override_host == nullptr);
  CHECK(wrong.Stat("http.test.lua.errors") == 1);
}

TEST_CASE("lua filter: the end of a stream ends its runs") {
  World world(OnRequest("h:body() h:headers():add('never', '1')"));
  world.RequestHead();
  world.RequestData("half");
  world.RequestReset();
  world.Complete();
  CHECK(world.Take().find("never") == std::string::npos);
  CHECK(world.Stat("http.test.lua.errors") == 0);
}

TEST_CASE("lua filter: no cluster to call") {
  World world(
      OnRequest("h:httpCall('nowhere', {[':path'] = '/', [':method'] = 'GET', "
                "[':authority'] = 'a'}, nil, 5)"));
  world.Request();
  CHECK(world.Take() == "up:head(POST / x-a=1) up:end");
  CHECK(world.Stat("http.test.lua.errors") == 1);
}

}  // namespace
}  // namespace remora::extensions
