// Scripts that loop, recurse, allocate, hide and cling: each ends, and the next run is as new.

#include <catch2/catch.hpp>

#include "test/lua/fake_stream.h"

namespace remora::lua {
namespace {

// Of steps; on a busy machine it may be that of time.
constexpr const char* kSteps = "the script is over its limit of";

bool Ends(const std::string& body, const std::string& how, const Limits& limits = {}) {
  const auto script = LoadScript("runs = 0 function envoy_on_request(h) runs = runs + 1 " + body +
                                 "\nend function envoy_on_response(h) h:logInfo('well') end");
  FakeStream stream;
  {
    const RunPtr run = script->Begin(Function::kOnRequest, limits, stream);
    CHECK(run->OnHead(false) == Wait::kNothing);
  }
  // The state is usable afterwards, with the same limits.
  FakeStream next;
  const RunPtr run = script->Begin(Function::kOnResponse, limits, next);
  run->OnHead(false);
  INFO(next.failure);
  CHECK(next.log == "well\n");
  CHECK(next.failure.empty());
  INFO(stream.failure);
  CHECK(stream.failure.find(how) != std::string::npos);
  return stream.failure.starts_with("limit: ");
}

TEST_CASE("lua limits: loops end") {
  CHECK(Ends("while true do end", kSteps));
  CHECK(Ends("repeat until false", kSteps));
  CHECK(Ends("for i = 1, 1e12 do local x = i end", kSteps));
  CHECK(Ends("::again:: goto again", kSteps));
  CHECK(Ends("local function f() return f() end f()", kSteps));
  CHECK(Ends("for _ in function() return 1 end do end", kSteps));
}

TEST_CASE("lua limits: pcall does not help") {
  CHECK(Ends("while true do pcall(function() while true do end end) end", kSteps));
  CHECK(Ends("local function f() while true do pcall(f) end end f()", "limit of"));
  // At the end of the stack, where the hook cannot run.
  CHECK(
      Ends("local function l() while true do pcall(function() while true do pcall(function() "
           "while true do pcall(function() end) end end) end end) end end "
           "local function f() f() l() end while true do pcall(f) pcall(l) end",
           "limit of"));
  CHECK(
      Ends("local function g(n) if n > 0 then g(n - 1) else while true do pcall(g, 1) end end end "
           "for n = 1, 1e9 do pcall(g, n) end",
           "limit of"));
  CHECK(
      Ends("xpcall(function() while true do end end, function() while true do end end) "
           "while true do end",
           kSteps));
  CHECK(
      Ends("local co = coroutine.wrap(function() while true do end end) "
           "while true do pcall(co) co = coroutine.wrap(function() while true do end end) end",
           kSteps));
  CHECK(
      Ends("local t = setmetatable({}, {__index = function() while true do end end}) "
           "while true do pcall(function() return t.x end) end",
           kSteps));
}

TEST_CASE("lua limits: recursion ends") {
  CHECK_FALSE(Ends("local function f() return 1 + f() end f()", "stack overflow"));
  CHECK_FALSE(Ends("local t = {} setmetatable(t, {__index = t}) return t.x", "loop in gettable"));
  Ends("local function f() local co = coroutine.wrap(f) co() end f()", "");
  CHECK_FALSE(Ends("local function f(s) return (s:gsub('.', f)) end f('a')", "overflow"));
}

TEST_CASE("lua limits: memory is bounded") {
  CHECK(
      Ends("local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", "not enough memory"));
  CHECK(Ends("local s = 'x' while true do s = s .. s end", "not enough memory"));
  CHECK(Ends("local s = ('x'):rep(1e9)", "not enough memory"));
  CHECK(Ends("keep = {} for i = 1, 1e9 do keep = {keep} end", ""));
  CHECK(Ends(
      "local t = {} while true do pcall(function() t[#t + 1] = ('x'):rep(1e5) .. #t end) end", ""));
  CHECK(Ends("local s = ('x'):rep(1000) while true do s:upper() s:rep(1000) end", ""));
  // What one run leaves counts for the next one.
  const auto script = LoadScript(
      "t = {} function envoy_on_request(h) t[#t + 1] = ('x'):rep(1e6) .. #t h:logInfo(#t) end");
  std::string last;
  for (int i = 0; i < 40 && last.empty(); ++i) {
    FakeStream stream;
    script->Begin(Function::kOnRequest, {}, stream)->OnHead(false);
    last = stream.failure;
  }
  CHECK(last.find("not enough memory") != std::string::npos);
}

TEST_CASE("lua limits: functions that work for long") {
  CHECK(Ends("local s = ('a'):rep(1e6) while true do s:find('b', 1, true) end", kSteps));
  CHECK(Ends("local s = ('a'):rep(30) s:find(('a?'):rep(30) .. s)", kSteps));
  CHECK(Ends("local s = ('a'):rep(1e4) s:find('.-.-.-.-.-.-b')", kSteps));
  CHECK(Ends("local s = ('a'):rep(1e5) s:gsub('(a*)*b', '')", kSteps));
  CHECK(Ends("local s = ('('):rep(1e5) for _ in s:gmatch('%b()') do end", kSteps));
  CHECK(
      Ends("local t = {} for i = 1, 1e5 do t[i] = i end while true do table.sort(t) end", kSteps));
  CHECK(Ends("local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 1) end",
             kSteps));
  CHECK(Ends("local s = ('1'):rep(1e6) while true do tonumber(s) end", kSteps));
  CHECK(Ends("local s = 'return ' .. ('x '):rep(1e5) while true do loadstring(s) end", kSteps));
  // Each comparison takes long by itself.
  Ends(
      "local a, b = ('x'):rep(3e6) .. 'a', ('x'):rep(3e6) .. 'b' while true do local x = a < b end",
      "limit of");
}

TEST_CASE("lua limits: no finalizers, which would run without limits") {
  // A metatable in the hands of a script would take a __gc.
  Ends(
      "assert(h.__index == nil and h:headers().__index == nil and getmetatable(h) == false) "
      "assert(h.__gc == nil and h.__metatable == nil) "
      "h:headers().__index.__gc = function() while true do end end",
      "attempt to index field '__index' (a nil value)");
  Ends(
      "setmetatable({}, {__gc = function() while true do end end}) "
      "for i = 1, 1e4 do local t = {} end error('well')",
      "well");
}

TEST_CASE("lua limits: what compares long texts is charged, or looked at between two of them") {
  const Limits patient{.steps = 1'000'000'000};
  CHECK(
      Ends("local s = ('x'):rep(4 * 2^20) local t = {} for i = 1, 400 do t[i] = s end "
           "for i = 1, 1000 do table.sort(t) end",
           kSteps, patient));
  CHECK(
      Ends("local p = '[' .. ('b'):rep(4e6) .. ']' local s = ('a'):rep(1e4) "
           "for i = 1, 1000 do s:find(p) end",
           kSteps));
  CHECK(Ends("local s = ('a'):rep(1e6) for i = 1, 1e9 do (s .. s):find('^(a*)%1$') end", kSteps));
  // As it was.
  Ends(
      "local t = {3, 1, 2} table.sort(t) local u = {'a', 'b'} "
      "table.sort(u, function(a, b) return a > b end) error(table.concat(t) .. u[1])",
      "123b");
}

TEST_CASE("lua limits: a script's own next() changes no pairs()") {
  Ends(
      "next = function() error('mine') end local n = 0 "
      "for _ in pairs({a = 1}) do n = n + 1 end error('seen ' .. n)",
      "seen 1");
}

TEST_CASE("lua limits: what reaches outside is not there") {
  for (const std::string name :
       {"io.open", "io.popen", "os.execute", "os.exit", "os.remove", "os.rename", "os.tmpname",
        "os.setlocale", "debug.getinfo", "debug.sethook", "jit.on", "package.loadlib", "ffi.cdef",
        "string.dump"}) {
    CHECK(RunOnce("return " + name + "('x')").find(name) != std::string::npos);
    CHECK(RunOnce("return " + name + "('x')").find("is not available in Remora") !=
          std::string::npos);
  }
  for (const std::string name : {"dofile", "loadfile", "require", "module", "newproxy", "print"}) {
    CHECK(RunOnce("return " + name + "('x')").find(name + " is not available") !=
          std::string::npos);
  }
  CHECK(RunOnce("collectgarbage('stop')").find("collectgarbage() is not") != std::string::npos);
  CHECK(RunOnce("h:logInfo(type(collectgarbage('count')))") == "number\n");
  // Byte code is not read.
  CHECK(RunOnce("local f, e = loadstring('\\27LJ\\2') h:logInfo(tostring(f) .. e)")
            .find("attempt to load") != std::string::npos);
  CHECK(RunOnce("h:logInfo(type(os.time()) .. type(os.clock()) .. os.date('!%Y', 0))") ==
        "numbernumber1970\n");
}

TEST_CASE("lua limits: handles mean something in their run alone") {
  const auto script = LoadScript(R"(
    function envoy_on_request(h)
      if kept then h:logInfo(tostring(select(2, pcall(kept.get, kept, "a")))) end
      if chunk then h:logInfo(tostring(select(2, pcall(chunk.length, chunk)))) end
      kept = h:headers()
      iterate = pairs(kept)
      for c in h:bodyChunks() do
        if chunk then h:logInfo(tostring(select(2, pcall(chunk.length, chunk)))) end
        chunk = c
      end
    end
    function envoy_on_response(h) iterate() end)");
  FakeStream first;
  {
    const RunPtr run = script->Begin(Function::kOnRequest, {}, first);
    CHECK(run->OnHead(true) == Wait::kChunk);
    CHECK(run->OnData() == Wait::kChunk);
    CHECK(run->OnData() == Wait::kChunk);
  }
  CHECK(first.log == "object used outside of proper scope\n");
  FakeStream second;
  script->Begin(Function::kOnRequest, {}, second)->OnHead(false);
  CHECK(second.log.find("object used outside of proper scope\n") != std::string::npos);
  FakeStream third;
  script->Begin(Function::kOnResponse, {}, third)->OnHead(false);
  CHECK(third.failure.find("object used outside of proper scope") != std::string::npos);
}

TEST_CASE("lua limits: handles of another type, and none at all") {
  CHECK(RunOnce("h.headers(h:headers())").find("handle of another type") != std::string::npos);
  CHECK(RunOnce("h.headers(5)").find("handle of another type") != std::string::npos);
  CHECK(RunOnce("h.headers()").find("handle of another type") != std::string::npos);
  CHECK(RunOnce("h.headers({})").find("handle of another type") != std::string::npos);
  CHECK(RunOnce("setmetatable(h, {})").find("bad argument") != std::string::npos);
  CHECK(RunOnce("h:logInfo(tostring(getmetatable(h)))") == "false\n");
  CHECK(RunOnce("h:stats()").find("stats() is not available in Remora") != std::string::npos);
  CHECK(RunOnce("h:headers():setHttp1ReasonPhrase('x')").find("headers:setHttp1ReasonPhrase()") !=
        std::string::npos);
}

TEST_CASE("lua limits: waiting where it cannot be") {
  const auto fails = [](const std::string& body) {
    const auto script = LoadScript("function envoy_on_request(h) " + body + " end");
    FakeStream stream;
    script->Begin(Function::kOnRequest, {}, stream)->OnHead(true);
    return stream.failure;
  };
  CHECK(fails("coroutine.yield()") == "script performed an unexpected yield");
  const std::string own = "cannot be called in a coroutine or callback of the script's own";
  CHECK(fails("coroutine.wrap(function() h:body() end)()").find(own) != std::string::npos);
  CHECK(fails("('a'):gsub('a', function() h:body() end)").find(own) != std::string::npos);
  CHECK(fails("coroutine.wrap(function() h:respond({[':status'] = '200'}) end)()").find(own) !=
        std::string::npos);
  CHECK(fails("error({})") == "unspecified lua error");
  CHECK(fails("error()") == "unspecified lua error");
}

}  // namespace
}  // namespace remora::lua
