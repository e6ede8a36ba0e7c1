#include <catch2/catch.hpp>

#include <set>

#include "source/http/connection_manager/header_policy.h"

namespace remora::connection_manager {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct PolicyWorld {
  PolicyWorld() {
    head.method = "GET";
    head.method_id = http::Method::kGet;
    head.authority = "a";
    head.path = "/";
  }

  // The fields after the policy, as "name: value" in order.
  std::vector<std::string> Apply(const Fields& fields) {
    for (const auto& [name, value] : fields) REQUIRE(head.headers.Add(name, value));
    const Peer peer{remote, own_ip, local_port, tls};
    client = ApplyRequestPolicy(config, config.routes.get(), peer, random, head)->IpString();
    std::vector<std::string> lines;
    head.headers.ForEach([&](const http::HeaderEntry& entry) {
      lines.push_back(std::string(entry.name()) + ": " + std::string(entry.value()));
    });
    return lines;
  }

  base::ArenaPool arenas;
  base::Arena arena{arenas};
  base::Random random{1};
  Config config;
  net::Address remote = *net::Address::Ip("10.1.2.3", 4000);
  bool tls = false;
  uint16_t local_port = 8443;
  std::string client;  // whom the policy takes for the client
  std::string own_ip = "192.0.2.1";
  http::RequestHead head{arena};
};

using Lines = std::vector<std::string>;

std::string_view Value(const http::HeaderMap& headers, std::string_view name) {
  const http::HeaderEntry* entry = headers.Find(name);
  return entry != nullptr ? entry->value() : std::string_view();
}

TEST_CASE("Requests that no filter should see are refused") {
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  struct Row {
    const char* authority;
    const char* path;
    http::Framing framing;
    int status;
    const char* details;
  };
  const Row rows[] = {
      {"a", "/", http::Framing::kNone, 0, ""},
      {"a", "*", http::Framing::kNone, 0, ""},
      {"a", "/x?y=1", http::Framing::kLength, 0, ""},
      {"", "/", http::Framing::kNone, 400, "missing_host_header"},
      {"a", "", http::Framing::kNone, 404, "missing_path_rejected"},
      {"a", "http://a/", http::Framing::kNone, 404, "absolute_path_rejected"},
  };
  for (const Row& row : rows) {
    INFO(row.authority << " " << row.path);
    http::RequestHead head(arena);
    head.authority = row.authority;
    head.path = row.path;
    head.framing = row.framing;
    const std::optional<http::LocalReply> reply = CheckRequest(head);
    CHECK(reply.has_value() == (row.status != 0));
    if (!reply.has_value()) continue;
    CHECK(reply->status == row.status);
    CHECK(reply->details == row.details);
    CHECK(reply->body.empty());
  }
}

TEST_CASE("Forwarding headers") {
  PolicyWorld w;
  w.config.generate_request_id = false;
  SECTION("inside: nothing is appended, the scheme is added") {
    REQUIRE(w.Apply({}) == Lines{"x-forwarded-proto: http"});
    REQUIRE(w.head.scheme == "http");
  }
  SECTION("inside: what is there stays, and names the scheme") {
    REQUIRE(w.Apply({{"x-forwarded-for", "1.1.1.1"}, {"x-forwarded-proto", "https"}}) ==
            Lines{"x-forwarded-for: 1.1.1.1", "x-forwarded-proto: https"});
    REQUIRE(w.head.scheme == "https");
  }
  SECTION("inside: a scheme that is none is not taken over") {
    w.Apply({{"x-forwarded-proto", "gopher"}});
    REQUIRE(w.head.scheme == "http");
  }
  SECTION("edge: the peer is appended") {
    w.config.use_remote_address = true;
    REQUIRE(w.Apply({{"x-forwarded-for", "1.1.1.1"}, {"x-forwarded-proto", "https"}}) ==
            Lines{"x-forwarded-for: 1.1.1.1,10.1.2.3", "x-forwarded-proto: http",
                  "x-envoy-external-address: 10.1.2.3"});
  }
  SECTION("edge, TLS") {
    w.config.use_remote_address = true;
    w.tls = true;
    REQUIRE(w.Apply({}) == Lines{"x-forwarded-for: 10.1.2.3", "x-forwarded-proto: https",
                                 "x-envoy-external-address: 10.1.2.3"});
    REQUIRE(w.head.scheme == "https");
  }
  SECTION("edge: skip_xff_append") {
    w.config.use_remote_address = true;
    w.config.skip_xff_append = true;
    REQUIRE(w.Apply({{"x-forwarded-for", "1.1.1.1"}})[0] == "x-forwarded-for: 1.1.1.1");
  }
  SECTION("edge: a trusted hop's x-forwarded-proto stays") {
    w.config.use_remote_address = true;
    w.config.xff_num_trusted_hops = 1;
    const Lines lines = w.Apply({{"x-forwarded-proto", "https"}});
    REQUIRE(lines[0] == "x-forwarded-proto: https");
  }
  SECTION("edge: a client on the loopback address stands as the machine's own") {
    w.config.use_remote_address = true;
    w.remote = *net::Address::Ip("127.0.0.1", 1);
    REQUIRE(w.Apply({})[0] == "x-forwarded-for: 192.0.2.1");
  }
  SECTION("edge: other loopback addresses stand for themselves") {
    w.config.use_remote_address = true;
    w.remote = *net::Address::Ip("127.0.0.2", 1);
    REQUIRE(w.Apply({})[0] == "x-forwarded-for: 127.0.0.2");
  }
  SECTION("edge: IPv6") {
    w.config.use_remote_address = true;
    w.remote = *net::Address::Ip("2001:db8::1", 1);
    REQUIRE(w.Apply({})[0] == "x-forwarded-for: 2001:db8::1");
  }
  SECTION("edge: a peer on a Unix socket has no address") {
    w.config.use_remote_address = true;
    w.remote = *net::Address::Unix("/run/x");
    REQUIRE(w.Apply({}) == Lines{"x-forwarded-proto: http"});
  }
}

TEST_CASE("Headers that only internal callers may set") {
  const Fields forged = {{"x-envoy-internal", "true"},
                         {"x-envoy-retry-on", "5xx"},
                         {"x-envoy-max-retries", "3"},
                         {"x-envoy-upstream-rq-timeout-ms", "1"},
                         {"x-envoy-upstream-rq-per-try-timeout-ms", "1"},
                         {"x-envoy-original-path", "/p"},
                         {"x-envoy-decorator-operation", "op"},
                         {"x-envoy-downstream-service-cluster", "c"},
                         {"x-other", "kept"}};
  PolicyWorld w;
  w.config.generate_request_id = false;
  SECTION("inside") {
    REQUIRE(w.Apply(forged) == Lines{"x-envoy-original-path: /p", "x-envoy-decorator-operation: op",
                                     "x-envoy-downstream-service-cluster: c", "x-other: kept",
                                     "x-forwarded-proto: http"});
  }
  SECTION("at the edge") {
    w.config.use_remote_address = true;
    w.config.skip_xff_append = true;
    REQUIRE(w.Apply(forged) == Lines{"x-other: kept", "x-forwarded-proto: http",
                                     "x-envoy-external-address: 10.1.2.3"});
  }
}

TEST_CASE("A repeated referer is removed") {
  PolicyWorld w;
  w.config.generate_request_id = false;
  REQUIRE(w.Apply({{"referer", "http://a/"}, {"referer", "http://b/"}}) ==
          Lines{"x-forwarded-proto: http"});
}

TEST_CASE("Request ids") {
  struct Row {
    bool generate, edge, preserve, given, kept;
  };
  const Row rows[] = {
      {true, false, false, true, true},
      {true, true, false, true, false},
      {true, true, true, true, true},
      {false, true, false, true, true},
  };
  for (const Row& row : rows) {
    PolicyWorld w;
    w.config.generate_request_id = row.generate;
    w.config.use_remote_address = row.edge;
    w.config.preserve_external_request_id = row.preserve;
    w.Apply({{"x-request-id", "mine"}});
    CHECK((w.head.headers.Get(http::HeaderId::kXRequestId) == "mine") == row.kept);
  }
  PolicyWorld w;
  w.config.generate_request_id = false;
  w.Apply({});
  REQUIRE_FALSE(w.head.headers.Has(http::HeaderId::kXRequestId));
}

TEST_CASE("A made request id is a UUID of version 4, and each is another") {
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  base::Random random(7);
  std::set<std::string> ids;
  std::set<char> variants;
  for (int i = 0; i < 1000; ++i) {
    const std::string id(MakeRequestId(random, arena));
    REQUIRE(id.size() == 36);
    for (size_t at = 0; at < id.size(); ++at) {
      if (at == 8 || at == 13 || at == 18 || at == 23) {
        REQUIRE(id[at] == '-');
      } else {
        REQUIRE(std::string("0123456789abcdef").find(id[at]) != std::string::npos);
      }
    }
    REQUIRE(id[14] == '4');
    variants.insert(id[19]);
    ids.insert(id);
  }
  REQUIRE(ids.size() == 1000);
  REQUIRE(variants == std::set<char>{'8', '9', 'a', 'b'});
}

TEST_CASE("Response headers") {
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  Config config;
  config.server_name = "remora";
  http::ResponseHead head(arena);
  const auto value = [&](const char* name) {
    const http::HeaderEntry* entry = head.headers.Find(name);
    return entry == nullptr ? std::string("(none)") : std::string(entry->value());
  };
  SECTION("added") {
    ApplyResponsePolicy(config, nullptr, "now", head);
    REQUIRE(value("date") == "now");
    REQUIRE(value("server") == "remora");
  }
  SECTION("date stays, server is overwritten") {
    REQUIRE(head.headers.Add("date", "then"));
    REQUIRE(head.headers.Add("server", "origin"));
    ApplyResponsePolicy(config, nullptr, "now", head);
    REQUIRE(value("date") == "then");
    REQUIRE(value("server") == "remora");
  }
  SECTION("append if absent") {
    config.server_header = ServerHeader::kAppendIfAbsent;
    REQUIRE(head.headers.Add("server", "origin"));
    ApplyResponsePolicy(config, nullptr, "now", head);
    REQUIRE(value("server") == "origin");
  }
  SECTION("pass through") {
    config.server_header = ServerHeader::kPassThrough;
    ApplyResponsePolicy(config, nullptr, "now", head);
    REQUIRE(value("server") == "(none)");
  }
  SECTION("the request's id, when asked for") {
    http::RequestHead request(arena);
    REQUIRE(request.headers.Add("x-request-id", "mine"));
    ApplyResponsePolicy(config, &request, "now", head);
    REQUIRE(value("x-request-id") == "(none)");
    config.always_set_request_id_in_response = true;
    ApplyResponsePolicy(config, &request, "now", head);
    REQUIRE(value("x-request-id") == "mine");
  }
}

// Rows measured with Envoy 1.40.
TEST_CASE("Whom x-forwarded-for makes the client") {
  struct Row {
    bool use_remote_address;
    uint32_t hops;
    const char* forwarded;
    const char* client;
  };
  const Row rows[] = {
      {false, 0, "", "10.1.2.3"},
      {false, 0, "1.1.1.1", "1.1.1.1"},
      {false, 0, "1.1.1.1, 2.2.2.2 ", "2.2.2.2"},
      {false, 0, "1.1.1.1:99", "10.1.2.3"},
      {false, 0, "nonsense", "10.1.2.3"},
      {false, 1, "1.1.1.1,2.2.2.2", "1.1.1.1"},
      {false, 2, "1.1.1.1,2.2.2.2", "10.1.2.3"},
      {false, 0, "::1", "::1"},
      {true, 0, "1.1.1.1", "10.1.2.3"},
      {true, 1, "5.6.7.8, 10.1.1.1", "10.1.1.1"},
      {true, 2, "5.6.7.8, 10.1.1.1", "5.6.7.8"},
      {true, 3, "5.6.7.8, 10.1.1.1", "10.1.2.3"},
  };
  for (const Row& row : rows) {
    INFO(row.use_remote_address << " " << row.hops << " " << row.forwarded);
    PolicyWorld world;
    world.config.use_remote_address = row.use_remote_address;
    world.config.xff_num_trusted_hops = row.hops;
    world.Apply(*row.forwarded ? Fields{{"x-forwarded-for", row.forwarded}} : Fields{});
    CHECK(world.client == row.client);
    const std::string_view external = Value(world.head.headers, "x-envoy-external-address");
    CHECK(external == (row.use_remote_address ? row.client : ""));
  }
}

TEST_CASE("Several x-forwarded-for fields are one list") {
  PolicyWorld world;
  world.config.use_remote_address = true;
  world.Apply({{"x-forwarded-for", "1.1.1.1"}, {"a", "b"}, {"x-forwarded-for", "2.2.2.2"}});
  CHECK(Value(world.head.headers, "x-forwarded-for") == "1.1.1.1,2.2.2.2,10.1.2.3");
  CHECK(world.head.headers.Count("x-forwarded-for") == 1);
}

TEST_CASE("Requests from inside may steer the proxy") {
  const auto steer = [](bool use_remote_address, std::string_view forwarded,
                        const char* range = "10.0.0.0") {
    PolicyWorld world;
    world.config.use_remote_address = use_remote_address;
    InternalAddresses internal;
    internal.ranges.emplace_back(*net::Address::Ip(range, 0), 8);
    world.config.internal_addresses = internal;
    Fields fields = {{"x-envoy-max-retries", "2"},
                     {"x-envoy-internal", "true"},
                     {"x-envoy-decorator-operation", "op"}};
    if (!forwarded.empty()) fields.emplace_back("x-forwarded-for", forwarded);
    world.Apply(fields);
    const http::HeaderMap& headers = world.head.headers;
    CHECK(headers.Has(http::HeaderId::kXEnvoyInternal) ==
          headers.Has(http::HeaderId::kXEnvoyMaxRetries));
    CHECK(headers.Has(http::HeaderId::kXEnvoyDecoratorOperation) ==
          (headers.Has(http::HeaderId::kXEnvoyInternal) || !use_remote_address));
    return headers.Has(http::HeaderId::kXEnvoyInternal);
  };
  CHECK(steer(true, ""));
  CHECK_FALSE(steer(true, "10.9.9.9"));      // somebody stands between
  CHECK_FALSE(steer(true, "", "11.0.0.0"));  // from elsewhere
  CHECK(steer(false, "10.9.9.9"));
  CHECK_FALSE(steer(false, ""));  // nobody has said who it is
  CHECK_FALSE(steer(false, "1.1.1.1,10.9.9.9"));
  CHECK_FALSE(steer(false, "11.1.1.1"));
}

TEST_CASE("Ports, schemes and via are said as configured") {
  PolicyWorld world;
  world.config.append_x_forwarded_port = true;
  world.config.via = "me";
  world.config.scheme_to_overwrite = "https";
  world.Apply({{"via", "1.1 other"}, {"x-forwarded-proto", "http"}});
  CHECK(Value(world.head.headers, "x-forwarded-port") == "8443");
  CHECK(Value(world.head.headers, "via") == "1.1 other, me");
  CHECK(Value(world.head.headers, "x-forwarded-proto") == "https");
  CHECK(world.head.scheme == "https");
  PolicyWorld kept;
  kept.config.append_x_forwarded_port = true;
  kept.Apply({{"x-forwarded-port", "1"}});
  CHECK(Value(kept.head.headers, "x-forwarded-port") == "1");
  http::ResponseHead response(kept.arena);
  kept.config.via = "me";
  ApplyResponsePolicy(kept.config, nullptr, "now", response);
  CHECK(Value(response.headers, "via") == "me");
}

TEST_CASE("A kept request id says nothing about tracing") {
  constexpr const char* kSampled = "11111111-2222-9333-8444-555555555555";
  PolicyWorld world;
  world.config.use_remote_address = true;
  world.config.preserve_external_request_id = true;
  SECTION("marked as not traced") {
    world.Apply({{"x-request-id", kSampled}});
    CHECK(Value(world.head.headers, "x-request-id") == "11111111-2222-4333-8444-555555555555");
  }
  SECTION("no UUID") {
    world.Apply({{"x-request-id", "abc"}});
    CHECK(Value(world.head.headers, "x-request-id") == "abc");
  }
  SECTION("left alone on demand") {
    world.config.pack_trace_reason = false;
    world.Apply({{"x-request-id", kSampled}});
    CHECK(Value(world.head.headers, "x-request-id") == kSampled);
  }
}

TEST_CASE("Fields that the route table keeps from outsiders") {
  for (const bool inside : {false, true}) {
    PolicyWorld world;
    world.config.use_remote_address = true;
    if (inside) world.config.internal_addresses.emplace().ranges.emplace_back(world.remote, 8);
    route::RouteTableConfig routes;
    routes.internal_only_headers = {"X-Secret", "Referer"};
    std::vector<route::RouteTableProblem> problems;
    world.config.routes = *route::RouteTable::Build(std::move(routes), problems);
    world.Apply({{"x-secret", "1"}, {"x-open", "1"}, {"referer", "r"}});
    CHECK(Value(world.head.headers, "x-secret") == (inside ? "1" : ""));
    CHECK(Value(world.head.headers, "referer") == (inside ? "r" : ""));
    CHECK(Value(world.head.headers, "x-open") == "1");
  }
}

TEST_CASE("Upstreams are told who forwards, where that is asked for") {
  PolicyWorld world;
  world.config.service_names = {true, "shop", "node-1"};
  world.Apply({});
  CHECK(Value(world.head.headers, "user-agent") == "shop");
  CHECK(Value(world.head.headers, "x-envoy-downstream-service-cluster") == "shop");
  CHECK(Value(world.head.headers, "x-envoy-downstream-service-node") == "node-1");
  PolicyWorld own;
  own.config.service_names = {true, "shop", ""};
  own.Apply({{"user-agent", "mine"}});
  CHECK(Value(own.head.headers, "user-agent") == "mine");
  CHECK_FALSE(own.head.headers.Has(http::HeaderId::kXEnvoyDownstreamServiceNode));
}

}  // namespace
}  // namespace remora::connection_manager
