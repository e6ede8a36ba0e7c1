// What a message says arrives unchanged, whichever protocols the client and the upstream speak: the
// same exchanges run over the four pairs, one after another on the same connections.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "test/harness/frame_wire.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

// A message as neither protocol says it. The first fields are pseudo-fields.
struct Neutral {
  wire::Fields head;
  std::string body = {};
  bool streamed = false;  // its length is not announced
  wire::Fields trailers = {};
  std::vector<int> interim = {};  // responses before it
};

struct Scenario {
  std::string name;
  Neutral request;
  std::string request_text;  // what the upstream sees, as ToText writes it
  Neutral response;
  std::string response_text;  // what the client sees
};

// What belongs to one connection, or is the proxy's own.
bool IsTold(std::string_view name) {
  static const std::vector<std::string_view> kHidden = {
      ":scheme",      "host",       "transfer-encoding", "x-forwarded-proto",
      "x-request-id", "connection", "keep-alive",        "date",
      "server",       ":authority"};
  return name.substr(0, 8) != "x-envoy-" &&
         std::find(kHidden.begin(), kHidden.end(), name) == kHidden.end();
}

// "POST /a x=1 | body | t=1", "200 x=1 | body |". Cookies stand together, as one field; no length
// is as good as one of 0, which HTTP/1 adds.
std::string ToText(const std::vector<int>& interim, const wire::Fields& head,
                   const std::string& body, const wire::Fields& trailers) {
  std::vector<std::string> words;
  for (const int status : interim) words.push_back(std::to_string(status));
  std::vector<std::string> cookies;
  for (const auto& [name, value] : head) {
    if (name.front() == ':' && IsTold(name)) words.push_back(value);
  }
  for (const auto& [name, value] : head) {
    if (name == "cookie") cookies.push_back(value);
    if (name == "content-length" && value == "0") continue;
    if (name.front() != ':' && name != "cookie" && IsTold(name)) {
      words.push_back(absl::StrCat(name, "=", value));
    }
  }
  if (!cookies.empty()) words.push_back("cookie=" + absl::StrJoin(cookies, "; "));
  std::string text = absl::StrCat(absl::StrJoin(words, " "), " | ", body, " |");
  for (const auto& [name, value] : trailers) absl::StrAppend(&text, " ", name, "=", value);
  return text;
}

// One end of one connection, which carries exchange after exchange.
class Peer {
 public:
  virtual ~Peer() = default;
  virtual void Send(const Neutral& message) = 0;
  virtual std::string Receive(bool bodiless) = 0;
};

class PlainPeer final : public Peer {
 public:
  PlainPeer(Wire wire, MessageKind receives) : wire_(std::move(wire)), receives_(receives) {}

  void Send(const Neutral& message) override {
    for (const int status : message.interim) {
      wire_.Send(absl::StrCat("HTTP/1.1 ", status, " Wait\r\nx-interim: 1\r\n\r\n"));
    }
    std::string bytes = receives_ == MessageKind::kResponse
                            ? absl::StrCat(message.head[0].second, " ", message.head[1].second,
                                           " HTTP/1.1\r\nhost: a\r\n")
                            : absl::StrCat("HTTP/1.1 ", message.head[0].second, " Reason\r\n");
    for (const auto& [name, value] : message.head) {
      if (name.front() != ':') absl::StrAppend(&bytes, name, ": ", value, "\r\n");
    }
    if (message.streamed) absl::StrAppend(&bytes, "transfer-encoding: chunked\r\n");
    absl::StrAppend(&bytes, "\r\n");
    if (!message.streamed) return wire_.Send(bytes + message.body);
    if (!message.body.empty()) {
      absl::StrAppend(&bytes, absl::Hex(message.body.size()), "\r\n", message.body, "\r\n");
    }
    absl::StrAppend(&bytes, "0\r\n");
    for (const auto& [name, value] : message.trailers) {
      absl::StrAppend(&bytes, name, ": ", value, "\r\n");
    }
    wire_.Send(bytes + "\r\n");
  }

  std::string Receive(bool bodiless) override {
    const bool request = receives_ == MessageKind::kRequest;
    const Message message = request ? wire_.ReceiveRequest() : wire_.ReceiveResponse(bodiless);
    wire::Fields head = Lower(message.fields);
    if (request) {
      head.insert(head.begin(), {{":method", message.method}, {":path", message.target}});
    } else {
      head.insert(head.begin(), {":status", std::to_string(message.status)});
    }
    return ToText(message.interim, head, message.body, Lower(message.trailers));
  }

 private:
  static wire::Fields Lower(const std::vector<Field>& fields) {
    wire::Fields lower;
    for (const Field& field : fields) {
      lower.emplace_back(absl::AsciiStrToLower(field.name), field.value);
    }
    return lower;
  }

  Wire wire_;
  const MessageKind receives_;
};

class FramedPeer final : public Peer {
 public:
  FramedPeer(Wire wire, MessageKind receives) : wire_(std::move(wire)), receives_(receives) {
    if (receives == MessageKind::kResponse) {
      wire_.Begin();
    } else {
      wire_.Accept();
    }
  }

  void Send(const Neutral& message) override {
    wire::Fields head = message.head;
    if (receives_ == MessageKind::kResponse) {
      id_ += 2;
      head.insert(head.begin(), {{":scheme", "http"}, {":authority", "a"}});
    }
    const auto id = static_cast<uint32_t>(id_);
    for (const int status : message.interim) {
      wire_.Send(
          wire::Headers(id, {{":status", std::to_string(status)}, {"x-interim", "1"}}, false));
    }
    const bool has_trailers = !message.trailers.empty();
    wire_.Send(wire::Headers(id, head, message.body.empty() && !has_trailers));
    if (!message.body.empty()) wire_.Send(wire::Data(id, message.body, !has_trailers));
    if (has_trailers) wire_.Send(wire::Headers(id, message.trailers));
  }

  std::string Receive(bool) override {
    if (receives_ == MessageKind::kRequest) id_ += 2;
    const std::string stream = absl::StrCat("(", id_, ",");
    std::vector<int> interim;
    std::string word = wire_.Await("HEADERS" + stream);
    while (absl::StrContains(word, ":status=1")) {
      interim.push_back(std::stoi(word.substr(word.find(":status=") + 8)));
      word = wire_.Await("HEADERS" + stream);
    }
    const wire::Fields head = FieldsOf(word);
    std::string body;
    wire::Fields trailers;
    while (!absl::StrContains(word, stream + "end")) {
      do {
        word = wire_.Next();
      } while (!absl::StrContains(word, stream));
      if (absl::StartsWith(word, "DATA")) {
        body += word.substr(word.rfind(',') + 1, word.size() - word.rfind(',') - 2);
        if (body == "end") body.clear();  // DATA(1,end): an empty frame
      } else if (absl::StartsWith(word, "HEADERS")) {
        trailers = FieldsOf(word);
      } else {
        FAIL(word);
      }
    }
    return ToText(interim, head, body, trailers);
  }

 private:
  // Of a word without commas in values: HEADERS(1,end,a=b,c=d).
  static wire::Fields FieldsOf(std::string word) {
    wire::Fields fields;
    word.pop_back();
    for (const std::string& part : std::vector<std::string>(absl::StrSplit(word, ','))) {
      const size_t equals = part.find('=');
      if (equals != std::string::npos) {
        fields.emplace_back(part.substr(0, equals), part.substr(equals + 1));
      }
    }
    return fields;
  }

  FrameWire wire_;
  const MessageKind receives_;
  int id_ = -1;
};

// A proxy between a client and an upstream, both in the test's hands.
class Pair {
 public:
  Pair(bool client2, bool upstream2)
      : client2_(client2), upstream2_(upstream2), up_(proxy_.Upstream("up")) {
    if (upstream2) proxy_.Cluster("up").protocol = upstream::Protocol::kHttp2;
    proxy_.Manager().enable_trailers = true;
    proxy_.Cluster("up").enable_trailers = true;
    proxy_.DirectResponse("/direct", 418, "short");
    proxy_.Route("/", "up");
    proxy_.Start();
    client_ = MakePeer(client2_, Connect(proxy_.Address()), MessageKind::kResponse);
  }

  Peer& client() { return *client_; }
  // Of the one connection that there is.
  Peer& origin() {
    if (origin_ == nullptr) origin_ = MakePeer(upstream2_, up_.Accept(), MessageKind::kRequest);
    return *origin_;
  }
  Harness& proxy() { return proxy_; }

 private:
  static std::unique_ptr<Peer> MakePeer(bool two, Wire wire, MessageKind receives) {
    if (two) return std::make_unique<FramedPeer>(std::move(wire), receives);
    return std::make_unique<PlainPeer>(std::move(wire), receives);
  }

  const bool client2_;
  const bool upstream2_;
  Harness proxy_;
  ScriptedUpstream up_;
  std::unique_ptr<Peer> client_;
  std::unique_ptr<Peer> origin_;
};

wire::Fields Ask(const std::string& method, const std::string& path,
                 const wire::Fields& more = {}) {
  wire::Fields head = {{":method", method}, {":path", path}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

wire::Fields Reply(const std::string& status, const wire::Fields& more = {}) {
  wire::Fields head = {{":status", status}};
  head.insert(head.end(), more.begin(), more.end());
  return head;
}

const wire::Fields kFour = {{"content-length", "4"}};
const Neutral kYes = {Reply("200", kFour), "yes!"};
const std::string kYesText = "200 content-length=4 | yes! |";

std::vector<Scenario> Scenarios() {
  const std::string longer(12000, 'v');  // one frame's worth
  return {
      {"GET", {Ask("GET", "/a?b=c%20d&e")}, "GET /a?b=c%20d&e |  |", kYes, kYesText},
      {"HEAD",
       {Ask("HEAD", "/a")},
       "HEAD /a |  |",
       {Reply("200", {{"content-length", "77"}})},
       "200 content-length=77 |  |"},
      {"a body of a known length",
       {Ask("POST", "/a", kFour), "body"},
       "POST /a content-length=4 | body |",
       kYes,
       kYesText},
      {"a body of an unknown length",
       {Ask("POST", "/a"), "body", true},
       "POST /a | body |",
       {Reply("200"), "answer", true},
       "200 | answer |"},
      {"a body of no bytes",
       {Ask("PUT", "/a", {{"content-length", "0"}})},
       "PUT /a |  |",
       {Reply("200", {{"content-length", "0"}})},
       "200 |  |"},
      {"a rare method", {Ask("REPORT", "/a")}, "REPORT /a |  |", kYes, kYesText},
      {"OPTIONS of a path", {Ask("OPTIONS", "/a")}, "OPTIONS /a |  |", kYes, kYesText},
      {"fields: empty, repeated, in their order",
       {Ask("GET", "/a", {{"x-b", "2"}, {"x-a", "1"}, {"x-none", ""}, {"x-b", "3"}})},
       "GET /a x-b=2 x-a=1 x-none= x-b=3 |  |",
       {Reply("200", {{"set-cookie", "a=1"},
                      {"x-q", "\"q\" \x80"},
                      {"set-cookie", "b=2"},
                      {"content-length", "4"}}),
        "yes!"},
       "200 set-cookie=a=1 x-q=\"q\" \x80 set-cookie=b=2 content-length=4 | yes! |"},
      {"cookies",
       {Ask("GET", "/a", {{"cookie", "a=1; b=2"}})},
       "GET /a cookie=a=1; b=2 |  |",
       kYes,
       kYesText},
      {"a long field",
       {Ask("GET", "/a", {{"x-long", longer}})},
       "GET /a x-long=" + longer + " |  |",
       {Reply("200", {{"x-long", longer}, {"content-length", "4"}}), "yes!"},
       "200 x-long=" + longer + " content-length=4 | yes! |"},
      {"trailers of both",
       {Ask("POST", "/a"), "body", true, {{"x-sum", "1"}, {"x-more", "2"}}},
       "POST /a | body | x-sum=1 x-more=2",
       {Reply("200"), "answer", true, {{"x-end", "yes"}}},
       "200 | answer | x-end=yes"},
      {"trailers without a body",
       {Ask("POST", "/a"), "", true, {{"x-sum", "1"}}},
       "POST /a |  | x-sum=1",
       {Reply("200"), "", true, {{"x-end", "yes"}}},
       "200 |  | x-end=yes"},
      {"204",
       {Ask("DELETE", "/a")},
       "DELETE /a |  |",
       {Reply("204", {{"x-a", "1"}})},
       "204 x-a=1 |  |"},
      {"304",
       {Ask("GET", "/a", {{"if-none-match", "\"e\""}})},
       "GET /a if-none-match=\"e\" |  |",
       {Reply("304", {{"etag", "\"e\""}})},
       "304 etag=\"e\" |  |"},
      {"early hints, which end here",
       {Ask("GET", "/a")},
       "GET /a |  |",
       {Reply("200", kFour), "yes!", false, {}, {103, 103}},
       "200 content-length=4 | yes! |"},
      {"an error of the upstream",
       {Ask("GET", "/a")},
       "GET /a |  |",
       {Reply("503", kFour), "sad!"},
       "503 content-length=4 | sad! |"},
      {"a redirect of the upstream",
       {Ask("GET", "/a")},
       "GET /a |  |",
       {Reply("302", {{"location", "/b"}, {"content-length", "0"}})},
       "302 location=/b |  |"},
      {"a status of one's own",
       {Ask("GET", "/a")},
       "GET /a |  |",
       {Reply("599", kFour), "rare"},
       "599 content-length=4 | rare |"},
  };
}

template <class Check>
void ForEachPair(const Check& check) {
  for (const bool client2 : {false, true}) {
    for (const bool upstream2 : {false, true}) {
      INFO((client2 ? 2 : 1) << " -> " << (upstream2 ? 2 : 1));
      check(client2, upstream2);
    }
  }
}

TEST_CASE("The same messages pass all pairs of protocols, on the same connections") {
  const std::vector<Scenario> scenarios = Scenarios();
  ForEachPair([&](bool client2, bool upstream2) {
    Pair pair(client2, upstream2);
    for (const Scenario& scenario : scenarios) {
      INFO(scenario.name);
      const bool bodiless = scenario.request.head[0].second == "HEAD";
      pair.client().Send(scenario.request);
      CHECK(pair.origin().Receive(false) == scenario.request_text);
      pair.origin().Send(scenario.response);
      CHECK(pair.client().Receive(bodiless) == scenario.response_text);
      CHECK(pair.proxy().NextExchange().flags == "-");
    }
    CHECK(pair.proxy().Stat("cluster.up.upstream_rq_total") == scenarios.size());
    CHECK(pair.proxy().Stat("cluster.up.upstream_cx_total") == 1);
    CHECK(pair.proxy().Stat("http.ingress.downstream_cx_total") == 1);
  });
}

TEST_CASE("The proxy's own answers are the same for all pairs of protocols") {
  ForEachPair([](bool client2, bool upstream2) {
    Pair pair(client2, upstream2);
    pair.client().Send({Ask("GET", "/direct")});
    CHECK(pair.client().Receive(false) == "418 content-type=text/plain content-length=5 | short |");
    pair.client().Send({Ask("HEAD", "/direct")});
    CHECK(pair.client().Receive(true) == "418 content-type=text/plain content-length=5 |  |");
    pair.client().Send({Ask("POST", "/direct", kFour), "body"});
    CHECK(pair.client().Receive(false) == "418 content-type=text/plain content-length=5 | short |");
    CHECK(pair.proxy().Stat("cluster.up.upstream_rq_total") == 0);
  });
}

struct Tunnels {
  explicit Tunnels(bool upstream2) : up(proxy.Upstream("up")) {
    if (upstream2) proxy.Cluster("up").protocol = upstream::Protocol::kHttp2;
    proxy.Cluster("up").http2.allow_connect = true;
    proxy.Manager().http2.allow_connect = true;
    proxy.Manager().upgrades.push_back({"websocket", true});
    proxy.Route("/", "up");
    proxy.Start();
  }
  Harness proxy;
  ScriptedUpstream up;
};

// Asks for a websocket at /chat, as the protocol of the client does.
std::string Upgrade(bool client2, uint32_t id = 1) {
  return client2
             ? wire::Headers(id,
                             {{":method", "CONNECT"},
                              {":protocol", "websocket"},
                              {":scheme", "http"},
                              {":path", "/chat"},
                              {":authority", "a"}},
                             false)
             : "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
}

// The upstream's half of a websocket: takes it, hears "up", says "down".
void ServeWebsocket(bool upstream2, Wire wire) {
  if (upstream2) {
    FrameWire origin(std::move(wire));
    origin.Accept({{8, 1}});  // ENABLE_CONNECT_PROTOCOL
    const std::string request = origin.Await("HEADERS(1");
    CHECK(absl::StrContains(request, ":method=CONNECT"));
    CHECK(absl::StrContains(request, ":protocol=websocket"));
    CHECK(absl::StrContains(request, ":path=/chat"));
    origin.Send(wire::Headers(1, {{":status", "200"}}, false));
    CHECK(origin.Await("DATA(1") == "DATA(1,up)");
    origin.Send(wire::Data(1, "down", true));
    return;
  }
  const std::string request = wire.ReceiveUntil("\r\n\r\n");
  CHECK(absl::StartsWith(request, "GET /chat HTTP/1.1\r\n"));
  CHECK(absl::StrContains(request, "upgrade: websocket\r\n"));
  wire.Send(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  CHECK(wire.ReceiveExactly(2) == "up");
  wire.Send("down");
}

TEST_CASE("A websocket passes all pairs of protocols") {
  ForEachPair([](bool client2, bool upstream2) {
    Tunnels tunnels(upstream2);
    Wire wire = Connect(tunnels.proxy.Address());
    if (client2) {
      FrameWire client(std::move(wire));
      client.Begin();
      client.Send(Upgrade(true));
      client.Send(wire::Data(1, "up"));
      ServeWebsocket(upstream2, tunnels.up.Accept());
      CHECK(absl::StrContains(client.Await("HEADERS(1"), ":status=200"));
      CHECK(absl::StrContains(client.Await("DATA(1"), "down"));
      return;
    }
    wire.Send(Upgrade(false) + "up");
    ServeWebsocket(upstream2, tunnels.up.Accept());
    CHECK(absl::StartsWith(wire.ReceiveUntil("\r\n\r\n"), "HTTP/1.1 101 "));
    CHECK(wire.ReceiveExactly(4) == "down");
  });
}

TEST_CASE("Early bytes of a tunnel wait also where the upstream's connection is there already") {
  Tunnels tunnels(true);
  FrameWire client(Connect(tunnels.proxy.Address()));
  client.Begin();
  client.Get(1, "/");
  FrameWire origin(tunnels.up.Accept());
  origin.Accept({{8, 1}});
  origin.Await("HEADERS(1");
  origin.Send(wire::Headers(1, {{":status", "204"}}));
  CHECK(absl::StrContains(client.Receive(1).head, ":status=204"));
  client.Send(Upgrade(true, 3) + wire::Data(3, "up"));
  CHECK(absl::StrContains(origin.Await("HEADERS(3"), ":protocol=websocket"));
  origin.Send(wire::Headers(3, {{":status", "200"}}, false));
  CHECK(origin.Await("DATA(3") == "DATA(3,up)");
  CHECK(absl::StrContains(client.Await("HEADERS(3"), ":status=200"));
}

TEST_CASE("What a client sends before a tunnel is declined goes nowhere") {
  ForEachPair([](bool client2, bool upstream2) {
    Tunnels tunnels(upstream2);
    Wire wire = Connect(tunnels.proxy.Address());
    std::optional<FrameWire> client;
    if (client2) {
      client.emplace(std::move(wire));
      client->Begin();
      client->Send(Upgrade(true) + wire::Data(1, "up", true));
    } else {
      wire.Send(Upgrade(false) + "up");
    }
    Wire accepted = tunnels.up.Accept();
    if (upstream2) {
      FrameWire origin(std::move(accepted));
      origin.Accept({{8, 1}});
      origin.Await("HEADERS(1");
      origin.Send(wire::Headers(1, {{":status", "403"}}, false) + wire::Data(1, "no", true));
      CHECK(origin.Await("RST_STREAM(1") == "RST_STREAM(1,8)");
    } else {
      accepted.ReceiveUntil("\r\n\r\n");
      accepted.Send("HTTP/1.1 403 No\r\ncontent-length: 2\r\n\r\nno");
      CHECK(accepted.ReceiveAll().empty());
    }
    if (client2) {
      const FrameMessage answer = client->Receive(1);
      CHECK(absl::StrContains(answer.head, ":status=403"));
      CHECK(answer.body == "no");
    } else {
      const Message answer = wire.ReceiveResponse();
      CHECK(answer.status == 403);
      CHECK(answer.body == "no");
      CHECK(wire.ReceiveAll().empty());
    }
    tunnels.proxy.AwaitStat("cluster.up.upstream_rq_active", 0);
  });
}

}  // namespace
}  // namespace remora::harness
