#include "test/http/http2/codec_harness.h"

// Requests that must be refused, whole and byte by byte (RFC 9113 section 8; the rows are those of
// the public catalogues of attacks on HTTP/2 and on its bridge to HTTP/1).

namespace remora::http2 {
namespace {

using wire::Fields;

Fields With(std::string name, std::string value) {
  return wire::Get("/", {{std::move(name), std::move(value)}});
}
// A GET whose pseudo-header `name` is something else; empty name: absent.
Fields Pseudo(const std::string& name, const std::string& value) {
  Fields fields = wire::Get();
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}
Fields Without(const std::string& name) {
  Fields fields;
  for (auto& field : wire::Get()) {
    if (field.first != name) fields.push_back(field);
  }
  return fields;
}
std::string Bytes(const char* text, size_t size) { return {text, size}; }

struct Case {
  const char* what;
  Fields fields;
};

const std::vector<Case>& Heads() {
  static const auto* const cases = new std::vector<Case>{
      {"upper-case name", With("Accept", "x")},
      {"empty name", With("", "x")},
      {"CR in a name", With("a\rb", "x")},
      {"LF in a name", With("a\nb", "x")},
      {"NUL in a name", With(Bytes("a\0b", 3), "x")},
      {"space in a name", With("a b", "x")},
      {"colon in a name", With("a:b", "x")},
      {"8-bit name", With("a\xe4", "x")},
      {"parenthesis in a name", With("a(b", "x")},
      {"DEL in a name", With("a\x7f", "x")},
      {"CRLF in a value", With("a", "b\r\nc: d")},
      {"a request in a value", With("a", "b\r\n\r\nGET /evil HTTP/1.1\r\nhost: a\r\n\r\n")},
      {"LF in a value", With("a", "b\nc")},
      {"CR in a value", With("a", "b\rc")},
      {"NUL in a value", With("a", Bytes("b\0c", 3))},
      {"DEL in a value", With("a", "b\x7f")},
      {"space before a value", With("a", " b")},
      {"tab behind a value", With("a", "b\t")},
      {"connection", With("connection", "keep-alive")},
      {"connection: close", With("connection", "close")},
      {"proxy-connection", With("proxy-connection", "x")},
      {"keep-alive", With("keep-alive", "timeout=5")},
      {"transfer-encoding", With("transfer-encoding", "chunked")},
      {"upgrade", With("upgrade", "websocket")},
      {"te: gzip", With("te", "gzip")},
      {"te: trailers, gzip", With("te", "trailers, gzip")},
      {"content-length +5", With("content-length", "+5")},
      {"content-length hex", With("content-length", "0x5")},
      {"content-length empty", With("content-length", "")},
      {"content-length list", With("content-length", "0, 0")},
      {"content-length twice", wire::Get("/", {{"content-length", "0"}, {"content-length", "0"}})},
      {"content-length of a body that does not come", With("content-length", "5")},
      {"path with CRLF", Pseudo(":path", "/ HTTP/1.1\r\nhost: b\r\n\r\n")},
      {"path with space", Pseudo(":path", "/ x")},
      {"path with tab", Pseudo(":path", "/\tx")},
      {"path with NUL", Pseudo(":path", Bytes("/\0", 2))},
      {"path empty", Pseudo(":path", "")},
      {"path without slash", Pseudo(":path", "x")},
      {"path * of GET", Pseudo(":path", "*")},
      {"path absolute", Pseudo(":path", "http://b/")},
      {"path 8-bit", Pseudo(":path", "/\xe4")},
      {"method with CRLF", Pseudo(":method", "GET / HTTP/1.1\r\n\r\n")},
      {"method with space", Pseudo(":method", "GET /evil")},
      {"method empty", Pseudo(":method", "")},
      {"method with parenthesis", Pseudo(":method", "G(T")},
      {"method with NUL", Pseudo(":method", Bytes("G\0T", 3))},
      {"authority with CRLF", Pseudo(":authority", "a\r\nb: c")},
      {"authority with space", Pseudo(":authority", "a b")},
      {"authority with slash", Pseudo(":authority", "a/b")},
      {"authority with NUL", Pseudo(":authority", Bytes("a\0", 2))},
      {"authority with user", Pseudo(":authority", "u@a")},
      {"authority with #", Pseudo(":authority", "a#b")},
      {"authority with bad port", Pseudo(":authority", "a:99999")},
      {"authority empty", Pseudo(":authority", "")},
      {"authority against Host", With("host", "b")},
      {"two Hosts", wire::Get("/", {{"host", "a"}, {"host", "a"}})},
      {"Host with CRLF", With("host", "a\r\n")},
      {"Host empty", With("host", "")},
      {"scheme with CRLF", Pseudo(":scheme", "http\r\n")},
      {"scheme with space", Pseudo(":scheme", "ht tp")},
      {"scheme empty", Pseudo(":scheme", "")},
      {"scheme a URL", Pseudo(":scheme", "http://evil/?")},
      {"scheme unknown", Pseudo(":scheme", "gopher")},
      {"method missing", Without(":method")},
      {"scheme missing", Without(":scheme")},
      {"path missing", Without(":path")},
      {"pseudo-header twice", With(":path", "/")},
      {"unknown pseudo-header", {{":method", "GET"}, {":foo", "x"}, {":path", "/"}}},
      {":status in a request",
       {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":status", "200"}}},
      {"pseudo-header behind a field",
       {{":method", "GET"}, {":scheme", "http"}, {"a", "b"}, {":path", "/"}}},
      {":protocol unasked for",
       {{":method", "CONNECT"},
        {":protocol", "websocket"},
        {":scheme", "http"},
        {":path", "/"},
        {":authority", "a"}}},
      {":protocol of GET", wire::Get("/", {})},
      {"CONNECT with path",
       {{":method", "CONNECT"}, {":authority", "a:1"}, {":scheme", "http"}, {":path", "/"}}},
      {"CONNECT without port", {{":method", "CONNECT"}, {":authority", "a"}}},
      {"CONNECT without authority", {{":method", "CONNECT"}}},
      {"CONNECT with length",
       {{":method", "CONNECT"}, {":authority", "a:1"}, {"content-length", "0"}}},
      {"nothing", {}},
  };
  return *cases;
}

TEST_CASE("heads that are refused end the connection") {
  for (Case c : Heads()) {
    INFO(c.what);
    if (std::string(c.what) == ":protocol of GET") {
      c.fields.insert(c.fields.begin(), {":protocol", "websocket"});
    }
    for (const size_t piece : {size_t{1}, size_t{100000}}) {
      TestServer server;
      server.Open();
      CHECK_FALSE(server.FeedPieces(wire::Headers(1, c.fields), piece).ok());
      CHECK(server.Events().find("head") == std::string::npos);
      CHECK(server.Frames() == "GOAWAY(1,1)");
      const bool known = server.codec.error().detail == "http2.invalid.header.field" ||
                         server.codec.error().detail == "http2.violation.of.messaging.rule";
      CHECK(known);
      // Nothing further is read.
      CHECK_FALSE(server.Feed(wire::Headers(3, wire::Get())).ok());
      CHECK(server.Frames().empty());
    }
  }
}

TEST_CASE("heads that are refused end their stream only, if so configured") {
  CodecOptions options;
  options.protocol.stream_error_on_invalid_message = true;
  for (Case c : Heads()) {
    INFO(c.what);
    if (std::string(c.what) == ":protocol of GET") continue;
    TestServer server(options);
    server.Open();
    REQUIRE(server.Feed(wire::Headers(1, c.fields) + wire::Headers(3, wire::Get("/fine"))).ok());
    const std::string events = server.Events();
    CHECK(events.find(":head(GET /fine)") != std::string::npos);
    CHECK(events.find("head(GET /)") == std::string::npos);
    server.Respond(server.exchanges.size(), 200, "");
    CHECK(server.Frames() == "RST_STREAM(1,1) HEADERS(3,end,:status=200)");
    CHECK(server.codec.streams() == 0);
  }
}

TEST_CASE("heads that are accepted") {
  const std::vector<Case> cases = {
      {"value with 8-bit bytes", With("a", "\xc3\xa4")},
      {"value with inner tab", With("a", "b\tc")},
      {"empty value", With("a", "")},
      {"te in other case", With("te", "Trailers")},
      {"OPTIONS *",
       {{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", "a"}, {":path", "*"}}},
      {"method of the future", Pseudo(":method", "BREW")},
      {"IPv6 authority", Pseudo(":authority", "[::1]:80")},
      {"content-length 0", With("content-length", "0")},
      {"scheme in other case", Pseudo(":scheme", "HTTPS")},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    TestServer server;
    server.Open();
    REQUIRE(server.Feed(wire::Headers(1, c.fields)).ok());
    CHECK(server.Exchange(1).recorder.heads == 1);
    CHECK(server.Exchange(1).recorder.ends == 1);
  }
}

// What HTTP/1 would take for the whole request must not be there yet when more bytes come.
TEST_CASE("the last announced byte does not go on before the end of the request is known") {
  const std::string head = wire::Headers(1, wire::Post({{"content-length", "5"}}), false);
  for (const std::string& last :
       {wire::Data(1, "45", true), wire::Data(1, "45") + wire::Data(1, "", true),
        wire::Data(1, "45") + wire::Headers(1, {{"a", "b"}})}) {
    TestServer server;
    server.Open();
    REQUIRE(server.Feed(head + wire::Data(1, "123")).ok());
    CHECK(server.Exchange(1).recorder.body == "123");
    REQUIRE(server.Feed(last).ok());
    CHECK(server.Exchange(1).recorder.body == "12345");
    CHECK(server.Exchange(1).recorder.ends == 1);
  }
  for (const std::string& too_much :
       {wire::Data(1, "456"), wire::Data(1, "45") + wire::Data(1, "6")}) {
    for (const size_t piece : {1, 1000}) {
      TestServer server;
      server.Open();
      CHECK(server.FeedPieces(head + wire::Data(1, "123") + too_much, piece).ok());
      CHECK(server.Exchange(1).recorder.body.size() < 5);
      CHECK(server.Frames() == "RST_STREAM(1,1)");
    }
  }
}

TEST_CASE("bodies that are not what was announced end their stream") {
  const std::string length5 = wire::Headers(1, wire::Post({{"content-length", "5"}}), false);
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"short", length5 + wire::Data(1, "1234", true)},
      {"long", length5 + wire::Data(1, "123456", true)},
      {"long, in pieces", length5 + wire::Data(1, "123") + wire::Data(1, "456")},
      {"something where nothing was announced",
       wire::Headers(1, wire::Post({{"content-length", "0"}}), false) + wire::Data(1, "GET /")},
  };
  for (const auto& [what, bytes] : cases) {
    INFO(what);
    TestServer server;
    server.Open();
    CHECK(server.Feed(bytes).ok());
    CHECK(server.Exchange(1).recorder.ends == 0);
    CHECK(server.Frames() == "RST_STREAM(1,1)");
  }
}

TEST_CASE("trailers that are refused end the connection") {
  const std::string length5 = wire::Headers(1, wire::Post({{"content-length", "5"}}), false);
  const std::string any = wire::Headers(1, wire::Post(), false);
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"short with trailers", length5 + wire::Data(1, "123") + wire::Headers(1, {{"a", "b"}})},
      {"trailers with pseudo-header", any + wire::Headers(1, {{":path", "/"}})},
      {"trailers with upper case", any + wire::Headers(1, {{"A", "b"}})},
      {"trailers with CRLF", any + wire::Headers(1, {{"a", "b\r\nc"}})},
      {"trailers with connection", any + wire::Headers(1, {{"connection", "close"}})},
      {"trailers with te", any + wire::Headers(1, {{"te", "gzip"}})},
      {"trailers that do not end the stream", any + wire::Headers(1, {{"a", "b"}}, false)},
  };
  for (const auto& [what, bytes] : cases) {
    INFO(what);
    TestServer server;
    server.Open();
    CHECK_FALSE(server.Feed(bytes).ok());
    CHECK(server.Exchange(1).recorder.ends == 0);
    CHECK(server.Frames() == "GOAWAY(1,1)");
  }
}

TEST_CASE("heads that are too large are refused, and the connection goes on") {
  CodecOptions options;
  options.max_header_bytes = 1000;
  options.max_headers = 10;
  const std::vector<std::pair<const char*, Fields>> cases = {
      {"one field", With("a", std::string(2000, 'x'))},
      {"a path", wire::Get("/" + std::string(2000, 'x'))},
      {"many fields", wire::Get("/", Fields(20, {"a", "b"}))},
      {"many crumbs", wire::Get("/", Fields(20, {"cookie", "b"}))},
  };
  for (const auto& [what, fields] : cases) {
    INFO(what);
    TestServer server(options);
    server.Open();
    REQUIRE(server.Feed(wire::Headers(1, fields) + wire::Headers(3, wire::Get())).ok());
    server.Respond(server.exchanges.size(), 200, "");
    CHECK(server.Frames() == "RST_STREAM(1,2) HEADERS(3,end,:status=200)");
  }
}

TEST_CASE("names with an underscore, as configured") {
  CodecOptions options;
  options.underscore_names = http::UnderscoreNames::kDrop;
  TestServer drops(options);
  drops.Open();
  REQUIRE(drops.Feed(wire::Headers(1, wire::Get("/", {{"a_b", "x"}, {"a", "y"}}))).ok());
  CHECK(drops.Events() == "r1:head(GET / a=y) r1:end");
  options.underscore_names = http::UnderscoreNames::kReject;
  TestServer rejects(options);
  rejects.Open();
  REQUIRE(rejects.Feed(wire::Headers(1, With("a_b", "x"))).ok());
  CHECK(rejects.Frames() == "RST_STREAM(1,1)");
}

TEST_CASE("frames that break the rules of framing end the connection") {
  const auto raw = [](uint8_t type, uint8_t flags, uint32_t id, std::string payload) {
    return wire::Frame(type, flags, id, payload);
  };
  struct Broken {
    const char* what;
    std::string bytes;
    int code;
  };
  const std::vector<Broken> cases = {
      {"DATA on stream 0", raw(wire::kData, 0, 0, "x"), 1},
      {"HEADERS on stream 0", wire::Headers(0, wire::Get()), 1},
      {"HEADERS on an even stream", wire::Headers(2, wire::Get()), 1},
      {"a stream number that goes down",
       wire::Headers(5, wire::Get()) + wire::Headers(3, wire::Get()), 1},
      {"DATA on an idle stream", wire::Data(5, "x"), 1},
      {"RST_STREAM of an idle stream", wire::RstStream(5, 8), 1},
      {"WINDOW_UPDATE of an idle stream", wire::WindowUpdate(5, 1), 1},
      {"WINDOW_UPDATE of 0", wire::WindowUpdate(0, 0), 1},
      {"window overflow", wire::WindowUpdate(0, 0x7fffffff), 3},
      {"short WINDOW_UPDATE", raw(wire::kWindowUpdate, 0, 0, "abc"), 6},
      {"short PING", raw(wire::kPing, 0, 0, "1234567"), 6},
      {"PING on a stream", raw(wire::kPing, 0, 1, "12345678"), 1},
      {"SETTINGS of odd size", raw(wire::kSettings, 0, 0, "12345"), 6},
      {"SETTINGS on a stream", raw(wire::kSettings, 0, 1, ""), 1},
      {"SETTINGS ack with payload", raw(wire::kSettings, 1, 0, "123456"), 6},
      {"ENABLE_PUSH of 2", wire::Settings({{2, 2}}), 1},
      {"window of 2^31", wire::Settings({{4, 0x80000000u}}), 3},
      {"frame size of 1", wire::Settings({{5, 1}}), 1},
      {"PUSH_PROMISE from a client", raw(wire::kPushPromise, 4, 1, wire::Number(2, 4)), 1},
      {"padding longer than the frame", raw(wire::kHeaders, 0xd, 1, "\xffx"), 1},
      {"CONTINUATION of nothing", raw(wire::kContinuation, 4, 1, "x"), 1},
      {"a frame within a block",
       raw(wire::kHeaders, 1, 1, wire::Block(wire::Get())) + wire::Data(1, "x"), 1},
      {"HPACK index 0", raw(wire::kHeaders, 5, 1, "\x80"), 9},
      {"HPACK index 200", raw(wire::kHeaders, 5, 1, "\xff\x49"), 9},
      {"HPACK string past the end", raw(wire::kHeaders, 5, 1, Bytes("\0\x7f\xff\xff", 4)), 9},
      {"HPACK table size above the limit", raw(wire::kHeaders, 5, 1, "\x3f\xff\xff\xff\x0f"), 9},
      {"16 MiB frame", wire::Number(0xffffff, 3) + Bytes("\0\0\0\0\0\1", 6), 6},
      {"HEADERS behind END_STREAM", wire::Headers(1, wire::Get()) + wire::Headers(1, {{"a", "b"}}),
       5},
  };
  for (const Broken& c : cases) {
    INFO(c.what);
    TestServer server;
    server.Open();
    CHECK_FALSE(server.Feed(c.bytes).ok());
    const std::string frames = server.Frames();
    INFO(frames);
    CHECK(frames.find("GOAWAY(") != std::string::npos);
    CHECK(frames.find("," + std::to_string(c.code) + ")") != std::string::npos);
    CHECK(server.codec.failed());
  }
}

TEST_CASE("streams that break the rules are reset, or the connection ends") {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"WINDOW_UPDATE of 0", wire::WindowUpdate(1, 0)},
      {"window overflow", wire::WindowUpdate(1, 0x7fffffff) + wire::WindowUpdate(1, 0x7fffffff)},
      {"DATA behind END_STREAM", wire::Data(1, "x", true) + wire::Data(1, "x")},
      {"PRIORITY of 4 bytes", wire::Frame(wire::kPriority, 0, 1, "1234")},
  };
  for (const auto& [what, bytes] : cases) {
    INFO(what);
    TestServer server;
    server.Open();
    REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
    static_cast<void>(server.Feed(bytes));
    const std::string frames = server.Frames();
    INFO(frames);
    const bool ended = frames.find("RST_STREAM(1,") != std::string::npos ||
                       frames.find("GOAWAY(") != std::string::npos;
    CHECK(ended);
    const std::string events = server.Events();
    const bool told =
        server.codec.failed() || events.find("r1:reset(downstream_reset)") != std::string::npos;
    CHECK(told);
  }
}

TEST_CASE("a preface that is none") {
  for (const char* bytes :
       {"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"}) {
    TestServer server;
    CHECK_FALSE(server.Feed(bytes).ok());
    CHECK(server.codec.failed());
  }
  TestServer half;
  CHECK(half.Feed("PRI * HT").ok());
}

TEST_CASE("more streams than were allowed") {
  CodecOptions options;
  options.protocol.max_concurrent_streams = 2;
  TestServer server(options);
  REQUIRE(server.Feed(wire::Preface()).ok());
  // The client may not have seen the limit yet.
  REQUIRE(server
              .Feed(wire::Headers(1, wire::Get()) + wire::Headers(3, wire::Get()) +
                    wire::Headers(5, wire::Get()))
              .ok());
  CHECK(server.exchanges.size() == 2);
  CHECK(server.Frames().find("RST_STREAM(5,7)") != std::string::npos);
  // It has now.
  CHECK_FALSE(
      server.Feed(wire::Frame(wire::kSettings, wire::kAck, 0) + wire::Headers(7, wire::Get()))
          .ok());
}

}  // namespace
}  // namespace remora::http2
