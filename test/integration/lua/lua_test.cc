// Scripts in a whole server: calls to servers that hang, lie, reset and talk nonsense, over HTTP/1
// and HTTP/2, and scripts that would hold everybody up.

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/lua/v3/lua.pb.h"
#include "source/extensions/http_filters/lua/lua.h"
#include "test/fakes/extension_world.h"
#include "test/fakes/module.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using extensions::Lua;

http::FilterFactory Filter(const std::string& script) {
  static void* const module = fakes::FindModule("source/lua/libremora_lua.so");
  REQUIRE(module != nullptr);
  config::Registry registry;
  registry.AddHttpFilter<Lua>();
  Lua::Proto proto;
  proto.mutable_default_source_code()->set_inline_string(script);
  std::string errors;
  http::FilterFactory factory = fakes::ParseFilter(registry, "lua", proto, errors);
  REQUIRE(errors.empty());
  return factory;
}

std::string Calling(const std::string& timeout, const std::string& rest = "") {
  return R"(
    function envoy_on_request(h)
      local f, b = h:httpCall("other", {[":path"] = "/asked", [":method"] = "GET",
                                        [":authority"] = "o"}, nil, )" +
         timeout + rest + R"()
      h:headers():add("x-status", f[":status"])
      h:headers():add("x-answer", b or "none")
    end)";
}

// A proxy in front of "up", whose script calls "other".
struct Setup {
  explicit Setup(const std::string& script, bool http2 = false) {
    up = h.Upstream("up").Respond(200, "hello");
    other = h.Upstream("other");
    h.Route("/", "up");
    h.Filter(Filter(script));
    if (http2) h.Cluster("other").protocol = upstream::Protocol::kHttp2;
  }
  // What the script made of the answer, as "status body".
  std::string Told() const {
    const Message request = up->requests().back();
    return std::string(request.Get("x-status")) + " " + std::string(request.Get("x-answer"));
  }
  Harness h;
  std::optional<ScriptedUpstream> up;
  std::optional<ScriptedUpstream> other;
};

std::string ResetText(const std::string& reason) {
  return "upstream connect error or disconnect/reset before headers. reset reason: " + reason;
}

TEST_CASE("lua: a script calls, and the request goes on with the answer") {
  Setup s(Calling("20000"));
  s.other->Respond(203, "fine");
  s.h.Start();
  Client client = s.h.Connect();
  CHECK(client.Get("/").body == "hello");
  CHECK(s.Told() == "203 fine");
  CHECK(s.other->requests().at(0).target == "/asked");
  CHECK(s.other->requests().at(0).Get("host") == "o");
  CHECK(client.Post("/", "a body").status == 200);
  CHECK(s.up->requests().back().body == "a body");
  CHECK(s.h.Stat("cluster.other.upstream_rq_total") == 2);
}

TEST_CASE("lua: servers that reset, lie and talk nonsense") {
  struct Lie {
    std::string bytes;
    std::string told;
  };
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const Lie& lie : std::initializer_list<Lie>{
           {"", "503 " + ResetText("connection termination")},
           {"garbage\r\n\r\n", "502 " + ResetText("protocol error")},
           {head + "content-length: 10\r\n\r\nshort", "503 " + ResetText("connection termination")},
           {head + "content-length: 5\r\ncontent-length: 6\r\n\r\nhello",
            "502 " + ResetText("protocol error")},
           {head + "transfer-encoding: chunked\r\n\r\nzz\r\n",
            "502 " + ResetText("protocol error")},
           {MakeResponse(200, std::string(1 << 21, 'x')), "500 Internal Server Error"}}) {
    INFO(lie.bytes.substr(0, 80));
    Setup s(Calling("20000"));
    s.other->RespondWith(lie.bytes, true);
    s.h.Start();
    CHECK(s.h.Connect().Get("/").body == "hello");
    CHECK(s.Told() == lie.told);
    CHECK(s.h.Stat("http.ingress.lua.errors") == 0);
  }
}

TEST_CASE("lua: a server that is not there, and one that hangs") {
  Setup gone(Calling("20000"));
  gone.other->Unlisten();
  gone.h.Start();
  CHECK(gone.h.Connect().Get("/").body == "hello");
  CHECK(gone.Told() == "503 " + ResetText("remote connection failure"));
  Setup hangs(Calling("50"));
  hangs.h.Start();
  CHECK(hangs.h.Connect().Get("/").body == "hello");
  CHECK(hangs.Told() == "504 upstream request timeout");
}

TEST_CASE("lua: a client that leaves while its script waits") {
  Setup s(Calling("0"));
  s.h.Start();
  {
    Client client = s.h.Connect();
    client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    Wire call = s.other->Accept();
    call.ReceiveRequest();
    client.Reset();
    s.h.AwaitStat("http.ingress.downstream_rq_active", 0);
    s.h.AwaitStat("cluster.other.upstream_rq_active", 0);
    // Too late: nobody hears it.
    call.SendUnlessClosed(MakeResponse(200, "late"));
  }
  CHECK(s.h.Stat("http.ingress.lua.errors") == 0);
  CHECK(s.up->connections() == 0);
}

TEST_CASE("lua: a call that nobody waits for outlives its request") {
  Setup s(R"(
    function envoy_on_request(h)
      h:httpCall("other", {[":path"] = "/told", [":method"] = "POST", [":authority"] = "o"}, "news",
                 20000, true)
    end)");
  s.h.Start();
  CHECK(s.h.Connect().Get("/").body == "hello");
  Wire call = s.other->Accept();
  const Message request = call.ReceiveRequest();
  CHECK(request.target == "/told");
  CHECK(request.body == "news");
  call.Send(MakeResponse(200, "thanks"));
  s.h.AwaitStat("cluster.other.upstream_rq_active", 0);
  CHECK(s.h.Stat("cluster.other.upstream_rq_200") == 1);
}

TEST_CASE("lua: a server that speaks no HTTP/2 where it should") {
  Setup s(Calling("20000"), true);
  s.h.Start();
  Client client = s.h.Connect();
  client.Send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  Wire call = s.other->Accept();
  call.ReceiveUntil("SM\r\n\r\n");
  call.Send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
  CHECK(client.ReceiveResponse().body == "hello");
  CHECK(s.Told().starts_with("50"));
}

TEST_CASE("lua: calls on the way back, and answers made of them") {
  Setup s(R"(
    function envoy_on_request(h)
      if h:headers():get(":path") ~= "/deny" then return end
      local f, b = h:httpCall("other", {[":path"] = "/", [":method"] = "GET",
                                        [":authority"] = "o"}, nil, 20000)
      h:respond({[":status"] = f[":status"], ["x-from"] = "script"}, b)
    end
    function envoy_on_response(h)
      local f, b = h:httpCall("other", {[":path"] = "/", [":method"] = "GET",
                                        [":authority"] = "o"}, nil, 20000)
      h:headers():add("x-seen", f[":status"])
      local body = h:body()
      body:setBytes(body:getBytes(0, body:length()) .. b)
    end)");
  s.other->Respond(403, " no");
  s.h.Start();
  Client client = s.h.Connect();
  const Message passed = client.Get("/");
  CHECK(passed.body == "hello no");
  CHECK(passed.Get("x-seen") == "403");
  const Message denied = client.Get("/deny");
  CHECK(denied.status == 403);
  CHECK(denied.body == " no no");
  CHECK(denied.Get("x-from") == "script");
  CHECK(s.up->requests().size() == 1);
}

TEST_CASE("lua: large bodies, held and in pieces") {
  Setup s(R"(
    function envoy_on_request(h)
      local n = 0
      if h:headers():get("x-held") then n = h:body():length() end
      for c in h:headers():get("x-held") and function() end or h:bodyChunks() do
        n = n + c:length()
      end
      h:streamInfo():dynamicMetadata():set("a", "n", n)
      h:logInfo(n)
    end)");
  s.h.Start();
  Client client = s.h.Connect();
  const std::string body(500'000, 'b');
  CHECK(client.Post("/", body, {{"x-held", "1"}}).status == 200);
  CHECK(s.up->requests().back().body == body);
  CHECK(client.Post("/", body + body + body).status == 200);
  CHECK(s.up->requests().back().body.size() == 3 * body.size());
  CHECK(client.Post("/", std::string(2 << 20, 'b'), {{"x-held", "1"}}).status == 413);
  CHECK(s.h.Stat("http.ingress.lua.errors") == 0);
}

TEST_CASE("lua: a script that loops holds nobody up") {
  Setup s(
      "function envoy_on_request(h) if h:headers():get('x-loop') then while true do end end end");
  s.h.Start();
  Client looping = s.h.Connect();
  Client other = s.h.Connect();
  for (int i = 0; i < 5; ++i) {
    CHECK(looping.Get("/", {{"x-loop", "1"}}).body == "hello");
    CHECK(other.Get("/").body == "hello");
  }
  CHECK(s.h.Stat("http.ingress.lua.errors") == 5);
  CHECK(s.h.Stat("http.ingress.lua.limited") == 5);
  CHECK(s.h.Stat("http.ingress.lua.executions") == 10);
}

}  // namespace
}  // namespace remora::harness
