// The JWT filter with keys from a server that is slow, gone, wrong or changes its mind; on real
// sockets.

#include <catch2/catch.hpp>
#include <chrono>

#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "source/extensions/http_filters/jwt_authn/jwt_authn.h"
#include "test/extensions/http_filters/jwt_authn/tokens.h"
#include "test/fakes/extension_world.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

using extensions::JwtAuthn;
namespace jwt = extensions::jwt_test;

const std::string kFetched = "http.ingress.jwt_authn.jwks_fetch_success";
const std::string kFailed = "http.ingress.jwt_authn.jwks_fetch_failed";
const std::string kKeys = jwt::Keys(jwt::kEcKey);
const std::string kRequest =
    "GET / HTTP/1.1\r\nhost: a\r\nauthorization: Bearer " + jwt::kGood + "\r\n\r\n";

std::string KeysAnswer(const std::string& keys) {
  return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(keys.size()) + "\r\n\r\n" + keys;
}

// A proxy in front of "up", which wants tokens that the keys of "keys" verify.
struct Setup {
  explicit Setup(const std::string& more = "", const std::string& timeout = "seconds: 20") {
    up = h.Upstream("up").Respond(200, "hello");
    keys = h.Upstream("keys");
    h.Route("/", "up");
    config::Registry registry;
    registry.AddHttpFilter<JwtAuthn>();
    std::string errors;
    h.Filter(fakes::ParseFilter(
        registry, "jwt",
        fakes::ProtoFromText<JwtAuthn::Proto>(
            "providers { key: 'p' value { remote_jwks { http_uri { uri: 'https://keys.test/k?v=1' "
            "cluster: 'keys' timeout { " +
            timeout + " } } " + more +
            " } } } rules { match { prefix: '/' } requires { provider_name: 'p' } }"),
        errors));
    REQUIRE(errors == "");
    h.Start();
  }
  Message Ask() {
    Client client = h.Connect();
    client.Send(kRequest);
    return client.ReceiveResponse();
  }
  Harness h;
  std::optional<ScriptedUpstream> up;
  std::optional<ScriptedUpstream> keys;
};

TEST_CASE("jwt keys: requests that wait share one fetch") {
  Setup s;
  Client first = s.h.Connect();
  first.Send(kRequest);
  Wire server = s.keys->Accept();
  const Message request = server.ReceiveRequest();
  CHECK(request.first_line == "GET /k?v=1 HTTP/1.1");
  CHECK(request.Get("host") == "keys.test");
  Client second = s.h.Connect();
  second.Send(kRequest);
  s.h.AwaitStat("http.ingress.downstream_rq_total", 2);
  CHECK(s.up->requests().empty());
  server.Send(KeysAnswer(kKeys));
  CHECK(first.ReceiveResponse().body == "hello");
  CHECK(second.ReceiveResponse().body == "hello");
  CHECK(s.Ask().body == "hello");
  CHECK(s.h.Stat(kFetched) == 1);
  CHECK_FALSE(s.keys->HasConnection());
}

TEST_CASE("jwt keys: a client that leaves while it waits") {
  Setup s;
  Client leaving = s.h.Connect();
  leaving.Send(kRequest);
  Wire server = s.keys->Accept();
  server.ReceiveRequest();
  leaving.Reset();
  s.h.AwaitStat("http.ingress.downstream_cx_active", 0);
  server.Send(KeysAnswer(kKeys));
  s.h.AwaitStat(kFetched, 1);
  CHECK(s.up->requests().empty());
  CHECK(s.Ask().body == "hello");
  CHECK(s.h.Stat(kFetched) == 1);
}

TEST_CASE("jwt keys: a fetch that fails refuses who waits; the next request tries again") {
  Setup s;
  const std::string wrong[] = {"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n", KeysAnswer("{}"),
                               KeysAnswer("no JSON"), "this is no HTTP\r\n\r\n"};
  uint64_t failed = 0;
  for (const std::string& answer : wrong) {
    Client client = s.h.Connect();
    client.Send(kRequest);
    Wire server = s.keys->Accept();
    server.ReceiveRequest();
    server.Send(answer);
    server.Close();
    const Message response = client.ReceiveResponse();
    CHECK(response.status == 401);
    CHECK(response.body == "Jwks remote fetch is failed");
    CHECK(s.h.Stat(kFailed) == ++failed);
  }
  s.keys->RespondWith(KeysAnswer(kKeys));
  CHECK(s.Ask().body == "hello");
}

TEST_CASE("jwt keys: more bytes than are read are no keys") {
  Setup s;
  // Keys all the same: nothing but the limit speaks against them.
  const auto padded = [](size_t mebibytes) {
    return KeysAnswer(kKeys + std::string(mebibytes * 1024 * 1024, ' '));
  };
  s.keys->RespondWith(padded(5));
  CHECK(s.Ask().body == "Jwks remote fetch is failed");
  CHECK(s.h.Stat(kFailed) == 1);
  CHECK(s.up->requests().empty());
  s.keys->RespondWith(padded(3));
  CHECK(s.Ask().body == "hello");
  CHECK(s.h.Stat(kFailed) == 1);
}

TEST_CASE("jwt keys: a server that takes the request and says nothing") {
  Setup s("", "nanos: 50000000");
  Client client = s.h.Connect();
  client.Send(kRequest);
  Wire server = s.keys->Accept();
  server.ReceiveRequest();
  const auto begin = std::chrono::steady_clock::now();
  const Message response = client.ReceiveResponse();
  // A bound that a loaded machine keeps, and no other timeout would.
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  CHECK(response.status == 401);
  CHECK(response.body == "Jwks remote fetch is failed");
  CHECK(s.h.Stat(kFailed) == 1);
  CHECK(s.h.Stat("cluster.keys.upstream_rq_timeout") == 1);
  CHECK(s.up->requests().empty());
}

TEST_CASE("jwt keys: a server that refuses connections") {
  Setup s("cache_duration { seconds: 3600 }");
  s.keys->Unlisten();
  CHECK(s.Ask().body == "Jwks remote fetch is failed");
  s.keys->Listen();
  s.keys->RespondWith(KeysAnswer(kKeys));
  CHECK(s.Ask().body == "hello");
}

TEST_CASE("jwt keys: fetched again before they expire, also after a failure") {
  Setup s(
      "cache_duration { nanos: 40000000 } async_fetch { failed_refetch_duration { nanos: "
      "20000000 } }");
  s.keys->RespondWith(KeysAnswer(kKeys));
  CHECK(s.Ask().body == "hello");
  s.h.AwaitStatAbove(kFetched, 3);
  s.keys->RespondWith("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
  // Long after the last keys were fetched: they are good until there are others.
  s.h.AwaitStatAbove(kFailed, 5);
  CHECK(s.Ask().body == "hello");
  s.keys->RespondWith(KeysAnswer(kKeys));
  const uint64_t fetched = s.h.Stat(kFetched);
  s.h.AwaitStatAbove(kFetched, fetched);
  CHECK(s.Ask().body == "hello");
}

}  // namespace
}  // namespace remora::harness
