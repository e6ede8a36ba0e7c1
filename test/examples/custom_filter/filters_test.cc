// The filters of the example, each in a chain of its own; the call to another cluster on real
// sockets.

#include "examples/custom_filter/filters.h"

#include <catch2/catch.hpp>
#include <string>

#include "examples/custom_filter/key_auth.pb.h"
#include "examples/custom_filter/replace_text.pb.h"
#include "examples/custom_filter/tenant_lookup.pb.h"
#include "test/fakes/extension_world.h"
#include "test/harness/harness.h"

namespace example {
namespace {

namespace fakes = remora::fakes;
using fakes::ChainWorld;
using fakes::ProtoFromText;

remora::config::Registry Registry() {
  remora::config::Registry registry;
  AddKeyAuth(registry);
  AddReplaceText(registry);
  AddTenantLookup(registry);
  return registry;
}

template <class Proto>
remora::http::FilterFactory Parse(const std::string& text, std::string& errors) {
  return fakes::ParseFilter(Registry(), "it", ProtoFromText<Proto>(text), errors);
}

// --- key_auth

std::string Ask(const std::string& key, const std::string& per_route = "") {
  ChainWorld world;
  std::string errors;
  world.AddWithState(Parse<filters::KeyAuth>("header: 'X-Key' keys: 'one' keys: 'two'", errors));
  if (!per_route.empty()) {
    world.UseRoutes(fakes::OneRoute(
        {.route = {fakes::ParseOverride(
             Registry(), "it", ProtoFromText<filters::KeyAuthPerRoute>(per_route), errors)}}));
  }
  CHECK(errors.empty());
  std::vector<std::pair<std::string, std::string>> fields;
  if (!key.empty()) fields.push_back({"x-key", key});
  world.MakeRequest("GET", "/", fields);
  world.upstream.with_fields = true;
  world.downstream.with_fields = true;
  world.Start();
  world.Request();
  return world.Take() + " " + std::to_string(world.Stat("http.test.key_auth.allowed")) + "/" +
         std::to_string(world.Stat("http.test.key_auth.denied"));
}

TEST_CASE("key_auth: a known key lets in, and stays here") {
  CHECK(Ask("two") == "up:head(GET /) up:end 1/0");
}

TEST_CASE("key_auth: no key and a wrong one are refused") {
  for (const std::string key : {"", "three", "one "}) {
    INFO(key);
    const std::string seen = Ask(key);
    CHECK(seen.find("down:head(401 www-authenticate=Key") != std::string::npos);
    CHECK(seen.find("up:head") == std::string::npos);
    CHECK(seen.find(" 0/1") != std::string::npos);
  }
}

TEST_CASE("key_auth: a route may have keys of its own, or none of it") {
  CHECK(Ask("", "disabled: true") == "up:head(GET /) up:end 0/0");
  CHECK(Ask("mine", "keys: 'mine'") == "up:head(GET /) up:end 1/0");
  CHECK(Ask("one", "keys: 'mine'").find("down:head(401") != std::string::npos);
}

TEST_CASE("key_auth: what cannot be is refused when it is loaded") {
  std::string errors;
  Parse<filters::KeyAuth>("header: 'x key' keys: 'one'", errors);
  CHECK(errors.find("header: is no name of a header field") != std::string::npos);
  errors.clear();
  fakes::ParseOverride(Registry(), "it",
                       ProtoFromText<filters::KeyAuthPerRoute>("disabled: true keys: 'a'"), errors);
  CHECK(errors.find("keys: cannot be set where the filter is disabled") != std::string::npos);
}

// --- replace_text

std::string Rewritten(const std::string& body, size_t piece, const std::string& replacement) {
  ChainWorld world;
  std::string errors;
  world.AddFactory(
      Parse<filters::ReplaceText>("find: 'colour' replacement: '" + replacement + "'", errors));
  CHECK(errors.empty());
  world.MakeRequest("GET", "/");
  world.Start();
  world.Request();
  world.Take();
  world.ResponseHead();
  std::string out;
  world.Take();
  for (size_t at = 0; at < body.size(); at += piece) {
    world.ResponseData(body.substr(at, piece));
    out += world.Take();
  }
  world.ResponseEnd();
  out += world.Take();
  // "down:data(abc)down:data(d) down:end" -> "abcd"
  std::string text;
  for (size_t at = out.find("data("); at != std::string::npos; at = out.find("data(", at + 1)) {
    text += out.substr(at + 5, out.find(')', at) - at - 5);
  }
  return text;
}

TEST_CASE("replace_text: wherever it stands, however the body is cut") {
  const std::string body = "colour, col colour colocolour colou";
  for (size_t piece = 1; piece <= body.size(); ++piece) {
    INFO(piece);
    CHECK(Rewritten(body, piece, "color") == "color, col color colocolor colou");
    CHECK(Rewritten(body, piece, "") == ", col  colo colou");
    CHECK(Rewritten(body, piece, "colourcolour") ==
          "colourcolour, col colourcolour colocolourcolour colou");
  }
}

TEST_CASE("replace_text: the length is not known any more, and compressed bytes are let alone") {
  for (const bool compressed : {false, true}) {
    ChainWorld world;
    std::string errors;
    world.AddFactory(Parse<filters::ReplaceText>("find: 'a' replacement: 'b'", errors));
    world.MakeRequest("GET", "/");
    world.downstream.with_fields = true;
    world.Start();
    world.Request();
    world.Take();
    remora::http::ResponseHead& head =
        world.MakeResponse(200, {{"content-length", "3"}, {"etag", "\"x\""}});
    head.framing = remora::http::Framing::kLength;
    head.length = 3;
    if (compressed) CHECK(head.headers.Set("content-encoding", "gzip"));
    world.ResponseHead(head);
    world.ResponseData("aaa");
    world.ResponseEnd();
    CHECK(world.Take() == (compressed ? "down:head(200 content-length=3 etag=\"x\" "
                                        "content-encoding=gzip) down:data(aaa) down:end"
                                      : "down:head(200) down:data(bbb) down:end"));
  }
}

// --- tenant_lookup

struct Asking {
  explicit Asking(const std::string& more = "") : app(h.Upstream("app")), service(h.Upstream("s")) {
    std::string errors;
    h.Filter(Parse<filters::TenantLookup>("cluster: 's' " + more, errors));
    CHECK(errors.empty());
    app.Run([](const remora::harness::Message& request) {
      const std::string tenant(request.Get("x-tenant"));
      return remora::harness::ScriptedUpstream::Answer{remora::harness::MakeResponse(200, tenant)};
    });
    h.Route("/", "app");
  }
  remora::harness::Message Get(const std::string& user) {
    return h.Connect().Get("/", {{"x-user", user}, {"x-tenant", "forged"}});
  }
  remora::harness::Harness h;
  remora::harness::ScriptedUpstream app;
  remora::harness::ScriptedUpstream service;
};

TEST_CASE("tenant_lookup: the request waits for the answer") {
  Asking asking;
  asking.service.Respond(200, "analytical");
  asking.h.Start();
  CHECK(asking.Get("ada/b").body == "analytical");
  CHECK(asking.service.requests().at(0).target == "/tenants/ada%2fb");
  asking.service.Respond(404, "");
  CHECK(asking.Get("x").status == 403);
  CHECK(asking.h.Stat("http.ingress.tenant_lookup.found") == 1);
  CHECK(asking.h.Stat("http.ingress.tenant_lookup.unknown") == 1);
}

TEST_CASE("tenant_lookup: a service that fails, says too much, or nothing") {
  for (const bool passes : {false, true}) {
    Asking asking(passes ? "pass_on_failure: true timeout { nanos: 50000000 }"
                         : "timeout { nanos: 50000000 }");
    asking.h.Start();
    uint64_t failed = 0;
    const auto expect = [&] {
      const remora::harness::Message answer = asking.Get("ada");
      CHECK(answer.status == (passes ? 200 : 503));
      if (passes) CHECK(answer.body.empty());
      CHECK(asking.h.Stat("http.ingress.tenant_lookup.failed") == ++failed);
    };
    asking.service.Respond(500, "");
    expect();
    asking.service.Respond(200, std::string(257, 'x'));
    expect();
    asking.service.RespondWith("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort");
    expect();
    asking.service.Stop();
    asking.service.Unlisten();
    expect();
  }
}

TEST_CASE("tenant_lookup: there is no such cluster") {
  for (const bool passes : {false, true}) {
    remora::harness::Harness h;
    std::string errors;
    h.Filter(Parse<filters::TenantLookup>(
        std::string("cluster: 'nobody'") + (passes ? " pass_on_failure: true" : ""), errors));
    CHECK(errors.empty());
    auto app = h.Upstream("app").Respond(200, "served");
    h.Route("/", "app");
    h.Start();
    const remora::harness::Message answer = h.Connect().Get("/", {{"x-user", "ada"}});
    CHECK(answer.status == (passes ? 200 : 503));
    CHECK(h.Stat("http.ingress.tenant_lookup.failed") == 1);
  }
}

TEST_CASE("tenant_lookup: a client that goes cancels the call") {
  Asking asking("timeout { seconds: 60 }");
  asking.h.Start();
  auto client = asking.h.Connect();
  client.Send("GET / HTTP/1.1\r\nhost: a\r\nx-user: ada\r\n\r\n");
  remora::harness::Wire call = asking.service.Accept();
  call.ReceiveRequest();
  client.Reset();
  asking.h.AwaitStat("cluster.s.upstream_rq_active", 0);
  CHECK(call.ReceiveAll().empty());
  CHECK(asking.app.requests().empty());
}

}  // namespace
}  // namespace example
