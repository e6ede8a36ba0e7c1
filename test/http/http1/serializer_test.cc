#include "source/http/http1/serializer.h"

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

// A request as the server codec parsed it, written again by the serializer after `edit`.
std::string Forward(const std::string& request,
                    const std::function<void(http::RequestHead&)>& edit) {
  TestServer server;
  std::string written;
  server.on_head = [&](http::RequestHead& head) {
    edit(head);
    buffer::Buffer output(server.pools.blocks);
    BodyWriter body;
    WriteRequestHead(head, http::NameCase::kLower, output, body);
    written = output.ToString();
  };
  REQUIRE(server.Feed(request).ok());
  return written;
}

const std::string kRequest =
    "GET /a HTTP/1.1\r\nAccept: */*\r\nHost: a.test\r\nUser-Agent:x\r\nX-One: 1\r\nX-Two: 2 \r\n"
    "X-Three: 3\r\nConnection: keep-alive\r\nX-Four: 4\r\n\r\n";

TEST_CASE("runs of canonical lines are copied, the rest is written anew") {
  CHECK(
      Forward(kRequest, [](http::RequestHead&) {}) ==
      "GET /a HTTP/1.1\r\nhost: a.test\r\naccept: */*\r\nuser-agent: x\r\nx-one: 1\r\nx-two: 2\r\n"
      "x-three: 3\r\nx-four: 4\r\n\r\n");
}

TEST_CASE("edits break a run and nothing else") {
  CHECK(Forward(kRequest,
                [](http::RequestHead& head) {
                  head.path = "/b";
                  head.authority = "b.test";
                  head.headers.Remove("x-one");
                  head.headers.Set("x-three", "changed");
                  head.headers.Add("x-added", "new");
                }) ==
        "GET /b HTTP/1.1\r\nhost: b.test\r\naccept: */*\r\nuser-agent: x\r\nx-two: 2\r\n"
        "x-three: changed\r\nx-four: 4\r\nx-added: new\r\n\r\n");
}

TEST_CASE("any field of a run may be changed or removed") {
  const std::string request =
      "GET / HTTP/1.1\r\nHost: a\r\nAccept: 1\r\nB: 2\r\nCookie: 3\r\nD: 4\r\n\r\n";
  const std::string begin = "GET / HTTP/1.1\r\nhost: a\r\n";
  const std::vector<std::string> names = {"accept", "b", "cookie", "d"};
  for (size_t i = 0; i < names.size(); ++i) {
    std::string changed = begin;
    std::string removed = begin;
    for (size_t k = 0; k < names.size(); ++k) {
      const std::string line = names[k] + ": " + std::to_string(k + 1) + "\r\n";
      changed += k == i ? names[k] + ": new\r\n" : line;
      removed += k == i ? "" : line;
    }
    CHECK(Forward(request, [&](http::RequestHead& head) { head.headers.Set(names[i], "new"); }) ==
          changed + "\r\n");
    CHECK(Forward(request, [&](http::RequestHead& head) { head.headers.Remove(names[i]); }) ==
          removed + "\r\n");
  }
  CHECK(Forward(request, [](http::RequestHead& head) {
          head.headers.RemoveAnyOf({http::HeaderId::kCookie, http::HeaderId::kAccept});
        }) == begin + "b: 2\r\nd: 4\r\n\r\n");
}

TEST_CASE("framing and connection fields of the map are never copied") {
  CHECK(Forward("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\nA: b\r\n\r\n",
                [](http::RequestHead& head) {
                  head.headers.Add("transfer-encoding", "chunked");
                  head.headers.Add("connection", "close");
                  head.headers.Add("host", "evil");
                  head.headers.Add("upgrade", "h2c");
                }) == "POST / HTTP/1.1\r\nhost: a\r\na: b\r\ncontent-length: 5\r\n\r\n");
}

TEST_CASE("requests without a body say so when it is not obvious") {
  const auto none = [](http::RequestHead& head) { head.framing = http::Framing::kNone; };
  CHECK(Forward("POST / HTTP/1.1\r\nHost: a\r\n\r\n", none) ==
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
  CHECK(Forward("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", none) ==
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
  CHECK(Forward("GET / HTTP/1.1\r\nHost: a\r\n\r\n", none) == "GET / HTTP/1.1\r\nhost: a\r\n\r\n");
}

TEST_CASE("a rewritten path cannot end the request line") {
  CHECK(Forward("GET / HTTP/1.1\r\nHost: a\r\n\r\n", [](http::RequestHead& head) {
          head.path = "/x HTTP/1.1\r\nevil: 1\t";
        }) == "GET /x%20HTTP/1.1%0D%0Aevil:%201%09 HTTP/1.1\r\nhost: a\r\n\r\n");
}

TEST_CASE("absolute-form is forwarded as origin-form with the URL's host") {
  CHECK(Forward("GET http://b.test/x HTTP/1.1\r\nHost: a\r\n\r\n", [](http::RequestHead&) {}) ==
        "GET /x HTTP/1.1\r\nhost: b.test\r\n\r\n");
  CHECK(Forward("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", [](http::RequestHead&) {}) ==
        "OPTIONS * HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("heads larger than a block") {
  const std::string large(12000, 'v');
  CHECK(Forward("GET / HTTP/1.1\r\nHost: a\r\nA: " + large + "\r\nB: " + large + "\r\n\r\n",
                [](http::RequestHead&) {}) ==
        "GET / HTTP/1.1\r\nhost: a\r\na: " + large + "\r\nb: " + large + "\r\n\r\n");
}

TEST_CASE("a head goes where there is room for it, whatever stands before it") {
  for (const size_t before : {0, 100, 15000, 15600, 16300}) {
    for (const size_t size : {1, 700, 1100, 5000, 15900, 16300, 40000}) {
      CAPTURE(before, size);
      Pools pools;
      base::Arena arena(pools.arenas);
      http::RequestHead head(arena);
      head.method = "GET";
      head.method_id = http::Method::kGet;
      head.path = "/";
      head.authority = "a";
      const std::string value(size, 'v');
      head.headers.Add("one", value);
      head.headers.Add("two", value);
      buffer::Buffer output(pools.blocks);
      output.Append(std::string(before, '.'));
      BodyWriter body;
      WriteRequestHead(head, http::NameCase::kLower, output, body);
      CHECK(output.ToString() == std::string(before, '.') + "GET / HTTP/1.1\r\nhost: a\r\none: " +
                                     value + "\r\ntwo: " + value + "\r\n\r\n");
    }
  }
}

struct Written {
  std::string head;
  BodyMode mode;
};

Written WriteResponse(uint16_t status, http::Framing framing, uint64_t length,
                      const ResponseContext& context, const char* content_length = nullptr) {
  Pools pools;
  base::Arena arena(pools.arenas);
  http::ResponseHead head(arena);
  head.status = status;
  head.framing = framing;
  head.length = length;
  head.headers.Add("a", "b");
  if (content_length != nullptr) head.headers.Add("content-length", content_length);
  buffer::Buffer output(pools.blocks);
  BodyWriter body;
  WriteResponseHead(head, context, output, body);
  return {output.ToString(), body.mode()};
}

TEST_CASE("framing of responses as they are written") {
  using http::Framing;
  using http::Method;
  using http::Version;
  const ResponseContext get;
  const ResponseContext head{Version::kHttp11, Method::kHead, false};
  const ResponseContext old{Version::kHttp10, Method::kGet, true};
  const ResponseContext connect{Version::kHttp11, Method::kConnect, true};
  const auto check = [](const Written& written, std::string_view text, BodyMode mode) {
    CHECK(written.head == text);
    CHECK(written.mode == mode);
  };
  check(WriteResponse(200, Framing::kNone, 0, get),
        "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 0\r\n\r\n", BodyMode::kNone);
  check(WriteResponse(200, Framing::kLength, 1234567, get, "9"),
        "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 1234567\r\n\r\n", BodyMode::kLength);
  check(WriteResponse(200, Framing::kStreamed, 0, get, "9"),
        "HTTP/1.1 200 OK\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n", BodyMode::kChunked);
  check(WriteResponse(200, Framing::kStreamed, 0, old),
        "HTTP/1.0 200 OK\r\na: b\r\nconnection: close\r\n\r\n", BodyMode::kUntilClose);
  check(WriteResponse(200, Framing::kNone, 0, head, "9"),
        "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 9\r\n\r\n", BodyMode::kNone);
  check(WriteResponse(200, Framing::kNone, 0, head, "9, 9"), "HTTP/1.1 200 OK\r\na: b\r\n\r\n",
        BodyMode::kNone);
  check(WriteResponse(200, Framing::kStreamed, 0, head), "HTTP/1.1 200 OK\r\na: b\r\n\r\n",
        BodyMode::kNone);
  check(WriteResponse(304, Framing::kNone, 0, get, "9"),
        "HTTP/1.1 304 Not Modified\r\na: b\r\ncontent-length: 9\r\n\r\n", BodyMode::kNone);
  check(WriteResponse(204, Framing::kLength, 9, get, "9"),
        "HTTP/1.1 204 No Content\r\na: b\r\n\r\n", BodyMode::kNone);
  check(WriteResponse(200, Framing::kNone, 0, connect),
        "HTTP/1.1 200 OK\r\na: b\r\nconnection: close\r\n\r\n", BodyMode::kNone);
  check(WriteResponse(403, Framing::kLength, 3, connect),
        "HTTP/1.1 403 Forbidden\r\na: b\r\ncontent-length: 3\r\nconnection: close\r\n\r\n",
        BodyMode::kLength);
}

TEST_CASE("small chunks coalesce in the output's last block") {
  Pools pools;
  buffer::Buffer output(pools.blocks);
  BodyWriter body;
  body.Start(BodyMode::kChunked, 0);
  for (int i = 0; i < 100; ++i) {
    buffer::Buffer data(pools.blocks);
    data.Append("0123456789abcdef0");
    REQUIRE(body.Write(data, output));
  }
  REQUIRE(body.End(nullptr, output));
  CHECK(output.slice_count() == 1);
  CHECK(output.ToString().starts_with("11\r\n0123456789abcdef0\r\n11\r\n"));
  CHECK(output.ToString().ends_with("\r\n0\r\n\r\n"));
}

}  // namespace
}  // namespace remora::http1
