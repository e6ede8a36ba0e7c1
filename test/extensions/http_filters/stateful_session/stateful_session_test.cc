// What Envoy 1.40 reads and writes was measured (test/differential/cases/stateful_session.txt).

#include "source/extensions/http_filters/stateful_session/stateful_session.h"

#include <catch2/catch.hpp>

#include "absl/strings/escaping.h"
#include "envoy/extensions/filters/http/stateful_session/v3/stateful_session.pb.h"
#include "envoy/extensions/http/stateful_session/cookie/v3/cookie.pb.h"
#include "envoy/extensions/http/stateful_session/envelope/v3/envelope.pb.h"
#include "envoy/extensions/http/stateful_session/header/v3/header.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using fakes::ProtoFromText;

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<StatefulSession>();
  return registry;
}

std::string State(const std::string& kind, const std::string& message, const std::string& fields) {
  return "session_state { name: 'any' typed_config { "
         "[type.googleapis.com/envoy.extensions.http.stateful_session." +
         kind + ".v3." + message + "] { " + fields + " } } } ";
}
std::string Cookie(const std::string& fields = "name: 'sid'") {
  return State("cookie", "CookieBasedSessionState", "cookie { " + fields + " }");
}
std::string Field(const std::string& name = "x-host") {
  return State("header", "HeaderBasedSessionState", "name: '" + name + "'");
}
std::string Envelope() {
  return State("envelope", "EnvelopeSessionState", "header { name: 'x-session' }");
}

std::string Base64(const std::string& bytes) { return absl::Base64Escape(bytes); }
// Of Envoy's cookie for 10.0.0.1:80, and the same until second 100.
const std::string kMessage(
    "\x0a\x0b"
    "10.0.0.1:80");
const std::string kUntil100 = kMessage + "\x10\x64";

std::string Errors(const std::string& filter, const std::string& route = "") {
  std::string errors;
  if (!filter.empty()) {
    fakes::ParseFilter(Registry(), "s", ProtoFromText<StatefulSession::Proto>(filter), errors);
  }
  if (!route.empty()) {
    fakes::ParseOverride(Registry(), "s", ProtoFromText<StatefulSession::RouteProto>(route),
                         errors);
  }
  return errors;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// A request and its response, which came from `host`; empty: no host was found.
struct World : fakes::ChainWorld {
  explicit World(const std::string& filter, const Fields& fields = {},
                 const std::string& path = "/", const std::string& route = "") {
    std::string errors;
    AddWithState(
        fakes::ParseFilter(Registry(), "s", ProtoFromText<StatefulSession::Proto>(filter), errors));
    fakes::RouteLevels levels;
    if (!route.empty()) {
      levels.route = {fakes::ParseOverride(
          Registry(), "s", ProtoFromText<StatefulSession::RouteProto>(route), errors)};
    }
    UseRoutes(fakes::OneRoute(std::move(levels)));
    CHECK(errors == "");
    MakeRequest("GET", path, fields);
    Start();
    Request();
  }
  // What the router is asked for; "-": nothing.
  std::string Wanted() const {
    return info.override_host == nullptr ? "-" : std::string(info.override_host->name);
  }
  // The fields of the response.
  std::string From(const std::string& host, const Fields& fields = {}) {
    upstream_host = host;
    info.upstream_host = upstream_host;
    Take();
    http::ResponseHead& head = MakeResponse(200, fields);
    downstream.with_fields = true;
    ResponseHead(head);
    return Take();
  }

  std::string upstream_host;
};

TEST_CASE("stateful_session: what a cookie says") {
  const auto wanted = [](const std::string& value) {
    return World(Cookie(), {{"cookie", "a=b; sid=" + value}}).Wanted();
  };
  CHECK(wanted(Base64(kMessage)) == "10.0.0.1:80");
  CHECK(wanted("\"" + Base64(kMessage) + "\"") == "10.0.0.1:80");
  // The older form, and parts that a later proxy may add.
  CHECK(wanted(Base64("127.0.0.1:80")) == "127.0.0.1:80");
  CHECK(wanted(Base64(kMessage + "\x1a\x01x")) == "10.0.0.1:80");
  CHECK(wanted(Base64("\x1a\x01x" + kMessage)) == "10.0.0.1:80");
  // Until far in the future, and until long ago.
  CHECK(wanted(Base64(kMessage + "\x10\xff\xff\xff\xff\xff\x7f")) == "10.0.0.1:80");
  CHECK(wanted(Base64(kUntil100)) == "-");
  CHECK(wanted("") == "-");
  CHECK(wanted("10.0.0.1:80") == "-");
  CHECK(wanted(Base64(kMessage).substr(0, 17)) == "-");
  CHECK(wanted("%%%%") == "-");
  CHECK(wanted(Base64("\x10\x64")) == "-");
  CHECK(World(Cookie(), {{"cookie", "sid=" + Base64(kMessage)}, {"cookie", "sid=x"}}).Wanted() ==
        "10.0.0.1:80");
  CHECK(World(Cookie()).Wanted() == "-");
}

TEST_CASE("stateful_session: no text of a client is read past its end") {
  // Every beginning of a message, and every byte of it changed.
  const std::string whole = kUntil100 +
                            "\x1a\x03xyz\x21"
                            "12345678";
  for (size_t size = 0; size <= whole.size(); ++size) {
    World world(Cookie(), {{"cookie", "sid=" + Base64(whole.substr(0, size))}});
    CHECK(world.Wanted().size() <= size + 1);
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char byte : {'\x00', '\x7f', '\xff'}) {
      std::string changed = whole;
      changed[i] = byte;
      World world(Cookie(), {{"cookie", "sid=" + Base64(changed)}});
      CHECK(world.Wanted().size() <= changed.size());
    }
  }
}

TEST_CASE("stateful_session: the cookie for another host") {
  World world(Cookie("name: 'sid' path: '/a' ttl { seconds: 60 nanos: 5 } attributes { name: "
                     "'SameSite' value: 'Lax' } attributes { name: 'Secure' }"),
              {}, "/a");
  const std::string head = world.From("10.0.0.1:80", {{"set-cookie", "own=1"}});
  const int64_t until = world.dispatcher.wall_now() / event::kSecond + 60;
  std::string message = kMessage + "\x10";
  auto rest = static_cast<uint64_t>(until);
  for (; rest >= 128; rest >>= 7) message += static_cast<char>(rest | 128);
  message += static_cast<char>(rest);
  CHECK(head == "down:head(200 set-cookie=own=1 set-cookie=sid=\"" + Base64(message) +
                    "\"; Max-Age=60; Path=/a; SameSite=Lax; Secure; HttpOnly)");
  CHECK(World(Cookie()).From("10.0.0.1:80") ==
        "down:head(200 set-cookie=sid=\"" + Base64(kMessage) + "\"; HttpOnly)");
  // Who asks the right host has it already.
  const Fields cookie = {{"cookie", "sid=" + Base64(kMessage)}};
  CHECK(World(Cookie(), cookie).From("10.0.0.1:80") == "down:head(200)");
  CHECK(World(Cookie(), cookie).From("") == "down:head(200)");
  CHECK(World(Cookie(), cookie).From("10.0.0.2:80").find("set-cookie") != std::string::npos);
}

TEST_CASE("stateful_session: paths that the cookie does not cover have no session") {
  const auto covers = [](const std::string& cookie, const std::string& path) {
    World world(Cookie("name: 'sid' path: '" + cookie + "'"),
                {{"cookie", "sid=" + Base64(kMessage)}}, path);
    return world.Wanted() != "-";
  };
  for (const char* path : {"/x", "/x/", "/x/y", "/x?y", "/x#y"}) CHECK(covers("/x", path));
  for (const char* path : {"/", "/xy", "/X", "/y/x"}) CHECK_FALSE(covers("/x", path));
  CHECK(covers("/x/", "/x/y"));
  CHECK_FALSE(covers("/x/", "/x"));
  CHECK(covers("/", "/any"));
  CHECK_FALSE(covers("x", "/x"));
}

TEST_CASE("stateful_session: a header field") {
  const auto world = [](const std::string& value) { return World(Field(), {{"x-host", value}}); };
  const std::string address = Base64("10.0.0.1:80");
  CHECK(world(address).Wanted() == "10.0.0.1:80");
  CHECK(world("10.0.0.1:80").Wanted() == "-");
  CHECK(world(address).From("10.0.0.1:80", {{"x-host", "own"}}) == "down:head(200 x-host=own)");
  CHECK(world("").From("10.0.0.1:80", {{"x-host", "own"}}) ==
        "down:head(200 x-host=" + address + ")");
}

TEST_CASE("stateful_session: an envelope around the application's field") {
  const std::string address = Base64("10.0.0.1:80");
  const auto request = [](const std::string& value) {
    World world(Envelope(), {{"x-session", value}});
    world.upstream.with_fields = true;
    return world.Wanted() + " " +
           std::string(world.upstream.last_head->headers.Find("x-session")->value());
  };
  CHECK(request(address + ";UV:" + Base64("mine")) == "10.0.0.1:80 mine");
  CHECK(request(address + ";UV:" + Base64("a") + ";UV:" + Base64("b")) == "10.0.0.1:80 a");
  CHECK(request("10.0.0.1:80;UV:" + Base64("a")) == "- a");
  for (const std::string& other : {address, address + ";UV:", ";UV:" + Base64("a"),
                                   address + ";UV:%%%%", address + ";UV:" + Base64("a\r\nb: c")}) {
    CHECK(request(other) == "- " + other);
  }
  const auto response = [](const Fields& fields) {
    return World(Envelope()).From("10.0.0.1:80", fields);
  };
  CHECK(response({}) == "down:head(200)");
  CHECK(response({{"x-session", "mine"}}) ==
        "down:head(200 x-session=" + address + ";UV:" + Base64("mine") + ")");
  CHECK(response({{"x-session", "a"}, {"x-session", "b"}}) ==
        "down:head(200 x-session=a x-session=b)");
}

TEST_CASE("stateful_session: what is counted") {
  const Fields cookie = {{"cookie", "sid=" + Base64(kMessage)}};
  const auto counts = [&](const std::string& more, const std::string& host, const std::string& path,
                          bool sent) {
    World world(Cookie("name: 'sid' path: '/a'") + "stat_prefix: 'p' " + more,
                sent ? cookie : Fields(), path);
    if (host.empty()) world.info.flags.Set(http::ResponseFlag::kNoHealthyUpstream);
    world.From(host);
    std::string text;
    for (const char* name : {"routed", "failed_open", "failed_closed", "no_session"}) {
      if (world.Stat(std::string("http.test.stateful_session.p.") + name) == 0) continue;
      text += name;
    }
    return text;
  };
  CHECK(counts("", "10.0.0.1:80", "/a", true) == "routed");
  CHECK(counts("", "10.0.0.2:80", "/a", true) == "failed_open");
  CHECK(counts("", "10.0.0.2:80", "/a", false) == "failed_open");
  CHECK(counts("", "", "/a", true).empty());
  CHECK(counts("", "10.0.0.1:80", "/b", true) == "no_session");
  CHECK(counts("strict: true", "10.0.0.2:80", "/a", false).empty());
  CHECK(counts("strict: true", "", "/a", true) == "failed_closed");
  CHECK(counts("strict: true", "", "/b", true).empty());
}

TEST_CASE("stateful_session: a route's configuration takes the place of the filter's") {
  const Fields both = {{"cookie", "sid=" + Base64(kMessage)}, {"x-host", Base64("10.0.0.2:80")}};
  CHECK(World(Cookie(), both, "/", "disabled: true").Wanted() == "-");
  CHECK(World(Cookie(), both, "/", "disabled: true").From("10.0.0.3:80") == "down:head(200)");
  World world(Cookie() + "stat_prefix: 'p'", both, "/",
              "stateful_session { strict: true status_on_strict_destination_not_found: 404 "
              "stat_prefix: 'q' " +
                  Field() + " }");
  CHECK(world.Wanted() == "10.0.0.2:80");
  CHECK(world.info.override_host->strict);
  CHECK(world.info.override_host->status == 404);
  world.From("10.0.0.2:80");
  CHECK(world.Stat("stateful_session.q.routed") == 1);
  CHECK(world.Stat("http.test.stateful_session.p.routed") == 0);
  CHECK(World(Cookie(), both, "/", "stateful_session {}").Wanted() == "-");
}

TEST_CASE("stateful_session: faults") {
  CHECK(Errors("session_state { name: 'x' typed_config { "
               "[type.googleapis.com/google.protobuf.Empty] {} } }")
            .find("Didn't find a registered implementation for 'x'") != std::string::npos);
  CHECK(Errors(Cookie("name: 's id'")).find("is no name of a cookie") != std::string::npos);
  CHECK(Errors(Field("x host")).find("is no name of a header field") != std::string::npos);
  CHECK(Errors(Field(":authority")).find("is no name of a header field") != std::string::npos);
  CHECK(Errors("status_on_strict_destination_not_found: 99").find("must be 0 or from 200 to 599") !=
        std::string::npos);
  CHECK(Errors("", "stateful_session { status_on_strict_destination_not_found: 700 }")
            .find("stateful_session.status_on_strict_destination_not_found") != std::string::npos);
}

}  // namespace
}  // namespace remora::extensions
