// What scripts can do with a stream, and what they wait for.

#include <catch2/catch.hpp>

#include "test/lua/fake_stream.h"

namespace remora::lua {
namespace {

std::string LoadError(const std::string& text) {
  std::string error;
  return TheLibrary().Load("script", text, {}, error) == nullptr ? error : "";
}

TEST_CASE("lua: what cannot be loaded") {
  CHECK(LoadError("function envoy_on_request(") ==
        "script:1: <name> or '...' expected near '<eof>'");
  CHECK(LoadError("\n\nerror('no')") == "script:3: no");
  CHECK(LoadError("while true do end").starts_with("script:1: the script is over its limit of"));
  CHECK(LoadError("\033LJ").find("attempt to load") != std::string::npos);
  CHECK(LoadError("x = ('x'):rep(1e9)").find("not enough memory") != std::string::npos);
  CHECK(LoadError("error({})") == "an error that is no text");
}

TEST_CASE("lua: which functions there are") {
  CHECK_FALSE(LoadScript("")->Has(Function::kOnRequest));
  const auto script = LoadScript("function envoy_on_response() end envoy_on_request = 5");
  CHECK_FALSE(script->Has(Function::kOnRequest));
  CHECK(script->Has(Function::kOnResponse));
}

TEST_CASE("lua: header fields") {
  const auto script = LoadScript(R"(
    function envoy_on_request(h)
      local f = h:headers()
      h:logInfo(tostring(f:get("A")) .. tostring((f:get("none"))) .. f:getNumValues("a"))
      h:logInfo(f:getAtIndex("a", 1) .. tostring((f:getAtIndex("a", 2))) ..
                tostring((f:getAtIndex("a", -1))))
      f:add("New", "x") f:add("New", 5) f:replace("b", "y") f:remove("c")
      local all = ""
      for name, value in pairs(f) do all = all .. name .. "=" .. value .. ";" end
      h:logInfo(all)
      for name in pairs(f) do
        h:logInfo(tostring(select(2, pcall(f.add, f, "x", "y"))))
        h:logInfo(tostring(select(2, pcall(pairs, f))))
        break
      end
    end)");
  FakeStream stream;
  stream.fields = {{"a", "1"}, {"a", "2"}, {"b", "3"}, {"c", "4"}};
  CHECK(script->Begin(Function::kOnRequest, {}, stream)->OnHead(false) == Wait::kNothing);
  CHECK(stream.failure.empty());
  CHECK(stream.log ==
        "1,2nil2\n2nilnil\na=1;a=2;new=x;new=5;b=y;\nheader map cannot be modified while "
        "iterating\ncannot create a second iterator before completing the first\n");
}

TEST_CASE("lua: the whole body") {
  const auto script = LoadScript(R"(
    function envoy_on_request(h)
      local b = h:body()
      h:logInfo(b:length() .. b:getBytes(1, 2) .. tostring(h:body() ~= nil))
      h:logInfo(tostring(select(2, pcall(b.getBytes, b, 4, 2))))
      h:logInfo(b:setBytes("new body") .. b:getBytes(0, b:length()))
      h:headers():add("x", "y")
    end)");
  FakeStream stream;
  const RunPtr run = script->Begin(Function::kOnRequest, {}, stream);
  CHECK(run->OnHead(true) == Wait::kBody);
  stream.body = "hello";
  CHECK(run->OnData() == Wait::kBody);
  CHECK(run->OnEnd(false) == Wait::kNothing);
  CHECK(stream.failure.empty());
  CHECK(stream.log ==
        "5eltrue\nindex/length must be >= 0 and (index + length) must be <= buffer size\n8new "
        "body\n");
  CHECK(stream.fields.size() == 1);
}

TEST_CASE("lua: no body") {
  CHECK(RunOnce("h:logInfo(tostring((h:body())) .. tostring((h:trailers())))") == "nilnil\n");
  CHECK(RunOnce("local b = h:body(true) h:logInfo(b:length() .. b:setBytes('abc'))") == "03\n");
}

TEST_CASE("lua: pieces, then trailers") {
  const auto script = LoadScript(R"(
    function envoy_on_request(h)
      for c in h:bodyChunks() do h:logInfo(c:length()) end
      h:logInfo(tostring(select(2, pcall(h.body, h))))
      h:logInfo(tostring(select(2, pcall(h.bodyChunks, h))))
      h:logInfo(tostring(select(2, pcall(function() h:headers():add("a", "b") end))))
      local t = h:trailers()
      h:logInfo(t and t:get("t") or "none")
    end)");
  const auto with_trailers = [&](bool trailers) {
    FakeStream stream;
    const RunPtr run = script->Begin(Function::kOnRequest, {}, stream);
    CHECK(run->OnHead(true) == Wait::kChunk);
    stream.body = "one";
    CHECK(run->OnData() == Wait::kChunk);
    stream.body = "";
    stream.fields = {{"t", "v"}};
    CHECK(run->OnEnd(trailers) == Wait::kNothing);
    return stream.log + stream.failure;
  };
  const std::string refused =
      "cannot call body() after body has been streamed\ncannot call bodyChunks after body "
      "processing has begun\nscript:6: header map can no longer be modified\n";
  CHECK(with_trailers(true) == "3\n" + refused + "v\n");
  // Without trailers the end is a piece.
  CHECK(with_trailers(false) == "3\n0\n" + refused + "none\n");
}

TEST_CASE("lua: calls and their answers") {
  const auto script = LoadScript(R"(
    function envoy_on_request(h)
      local f, b = h:httpCall("up", {[":path"] = "/x", foo = {"a", "b"}, N = 5}, "body", 100)
      h:logInfo(f[":status"] .. f["x"] .. b)
      f, b = h:httpCall("up", {}, nil, {timeout_ms = 7, return_duplicate_headers = true})
      h:logInfo(f.x[1] .. f.x[2] .. f.x[3] .. f[":status"] .. tostring(b))
      h:httpCall("up", {}, nil, 5, true)
      h:logInfo("done")
    end)");
  FakeStream stream;
  const RunPtr run = script->Begin(Function::kOnRequest, {}, stream);
  CHECK(run->OnHead(false) == Wait::kCall);
  CHECK(stream.message.find("foo=a foo=b ") != std::string::npos);
  CHECK(stream.message.find("n=5 ") != std::string::npos);
  CHECK(stream.message.ends_with("> up 100"));
  // What comes meanwhile is not an answer.
  CHECK(run->OnData() == Wait::kCall);
  const Field fields[] = {{":status", "200"}, {"x", "1"}, {"x", "2"}, {"x", "3"}};
  CallAnswer answer{fields, 4, "text"};
  CHECK(run->OnCall(answer) == Wait::kCall);
  CHECK(stream.message == "> up 7");
  answer.body = {};
  CHECK(run->OnCall(answer) == Wait::kNothing);
  CHECK(stream.log == "2003text\n123200nil\ndone\n");
  CHECK(stream.failure.empty());
}

TEST_CASE("lua: calls that are wrong") {
  const std::string fields = "{[':path'] = '/', [':method'] = 'GET', [':authority'] = 'a'}";
  CHECK(RunOnce("h:httpCall('up', " + fields + ", nil, -1)") ==
        "script:1: http call timeout must be >= 0");
  CHECK(RunOnce("h:httpCall('up', " + fields + ", nil, 5, 5)") ==
        "script:1: http call asynchronous flag must be 'true', 'false', or empty");
  CHECK(RunOnce("h:httpCall('up', " + fields + ", nil, {foo = 1})") ==
        "script:1: \"foo\" is not valid key for httpCall() options");
  CHECK(RunOnce("h:httpCall('up', " + fields + ", nil, {send_xff = true})").find("not available") !=
        std::string::npos);
  CHECK(RunOnce("h:httpCall('up', 5, nil, 5)").find("table expected") != std::string::npos);
  CHECK(RunOnce("h:httpCall('up', {a = function() end}, nil, 5)").find("string expected") !=
        std::string::npos);
}

TEST_CASE("lua: answers") {
  const auto script = LoadScript(R"(
    function envoy_on_request(h)
      h:respond({[":status"] = "403", Foo = "bar"}, "no")
      h:logInfo("never")
    end
    function envoy_on_response(h) h:respond({[":status"] = "403"}, "no") end)");
  FakeStream stream;
  const RunPtr run = script->Begin(Function::kOnRequest, {}, stream);
  CHECK(run->OnHead(true) == Wait::kAnswered);
  CHECK(stream.message.ends_with("| no"));
  CHECK(stream.message.find("foo=bar ") != std::string::npos);
  CHECK(run->OnData() == Wait::kAnswered);
  CHECK(run->OnEnd(false) == Wait::kAnswered);
  CHECK(stream.log.empty());
  FakeStream response;
  CHECK(script->Begin(Function::kOnResponse, {}, response)->OnHead(false) == Wait::kNothing);
  CHECK(response.failure == "script:6: respond not currently supported in the response path");
}

TEST_CASE("lua: trees go in and come out") {
  CHECK(RunOnce(R"(
    local d = h:streamInfo():dynamicMetadata()
    d:set("a", "b", {list = {1, "two", {}}, yes = true, n = 1.5})
    local t = d:get("a")
    h:logInfo(t.list[1] .. t.list[2] .. type(t.list[3]) .. tostring(t.yes) .. t.n)
    for k, v in pairs(d) do t[k] = v end
    h:logInfo(tostring(select(2, pcall(d.set, d, "a", "b", print))))
    h:logInfo(tostring(select(2, pcall(d.set, d, "a", "b", {x = 1, 2}))))
    local loop = {} loop.loop = loop
    h:logInfo(tostring(select(2, pcall(d.set, d, "a", "b", loop)))))") ==
        "1twotabletrue1.5\nunexpected type 'function' in dynamicMetadata\nunexpected type number "
        "in table key (only string keys are supported)\na table in dynamicMetadata is nested too "
        "deeply\n");
}

TEST_CASE("lua: tools") {
  CHECK(
      RunOnce("h:logInfo(h:base64Escape('a') .. h:base64Escape('ab') .. h:base64Escape('abc'))") ==
      "YQ==YWI=YWJj\n");
  CHECK(RunOnce("h:logInfo(h:base64Decode('YQ==') .. h:base64Decode('YWI=') .. "
                "h:base64Decode('YWJjZGVm') .. tostring((h:base64Decode('!'))))") ==
        "aababcdefnil\n");
  CHECK(RunOnce("h:logInfo(h:timestamp()) h:logInfo(h:timestampString(1)) "
                "h:logInfo(h:timestampString(EnvoyTimestampResolution.MILLISECOND))") ==
        "1700000000123\n1700000000123456\n1700000000123\n");
  CHECK(RunOnce("h:timestamp(1)") == "script:1: timestamp format must be MILLISECOND.");
  CHECK(RunOnce("h:logInfo(tostring(h:verifySignature('sha256', h:importPublicKey('abc', 3), 's', "
                "1, 't', 1)))") == "true\n");
  CHECK(RunOnce("h:importPublicKey('abc', 4)") == "script:1: the key is shorter than its length");
  CHECK(RunOnce("h:logInfo(select('#', xpcall(error, function(e) return e .. '!' end, 'x')) .. "
                "select(2, xpcall(error, function(e) return e .. '!' end, 'x')))") == "2x!\n");
  CHECK(
      RunOnce("local c = coroutine.wrap(function(a) local b = coroutine.yield(a + 1) return b end) "
              "h:logInfo(c(1) .. c('x'))") == "2x\n");
}

TEST_CASE("lua: the state is one for all runs") {
  const auto script = LoadScript("n = 0 function envoy_on_request(h) n = n + 1 h:logInfo(n) end");
  FakeStream stream;
  for (int i = 0; i < 100; ++i) script->Begin(Function::kOnRequest, {}, stream)->OnHead(false);
  CHECK(stream.log.ends_with("\n100\n"));
  // Many at a time, and some that never end.
  const auto waiting = LoadScript("function envoy_on_request(h) h:body() h:logInfo('b') end");
  FakeStream many;
  std::vector<RunPtr> runs;
  for (int i = 0; i < 200; ++i) {
    runs.push_back(waiting->Begin(Function::kOnRequest, {}, many));
    CHECK(runs.back()->OnHead(true) == Wait::kBody);
  }
  for (size_t i = 0; i < runs.size(); i += 2) runs[i]->OnEnd(false);
  CHECK(many.log.size() == 200);
}

}  // namespace
}  // namespace remora::lua
