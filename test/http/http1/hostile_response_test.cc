// The catalogue of hostile HTTP/1 answers (reliability reference, section 2.2), as far as a codec
// decides them. Each message is fed whole, byte by byte and cut in two at every place.

#include <string>
#include <vector>

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

using std::string_literals::operator""s;

struct Outcome {
  std::string verdict;  // "error ..." or the log
  bool complete = false;
  bool reusable = false;
  bool operator==(const Outcome&) const = default;
};

Outcome Feed(std::string_view method, const std::string& input, size_t first, size_t step) {
  TestClient client;
  client.Request(method, "/");
  absl::Status status = client.Feed(std::string_view(input).substr(0, first));
  if (status.ok()) status = client.FeedPieces(std::string_view(input).substr(first), step);
  Outcome outcome;
  outcome.complete = client.log.find("end\n") != std::string::npos;
  outcome.reusable = client.codec.Reusable();
  const std::string error = "error " + std::string(status.message());
  outcome.verdict = status.ok() ? client.log : error;
  return outcome;
}

Outcome FeedEveryWay(std::string_view method, const std::string& input) {
  const Outcome whole = Feed(method, input, input.size(), 1);
  if (input.size() > 2000) {
    CHECK(Feed(method, input, 1, 1000) == whole);
    return whole;
  }
  CHECK(Feed(method, input, 0, 1) == whole);
  for (size_t cut = 1; cut < input.size(); ++cut) {
    const Outcome outcome = Feed(method, input, cut, input.size());
    if (!(outcome == whole)) {
      INFO("cut at " << cut);
      CHECK(outcome == whole);
    }
  }
  return whole;
}

struct Refused {
  const char* row;
  const char* name;
  std::string input;
};

void CheckRefused(const std::vector<Refused>& cases) {
  for (const Refused& refused : cases) {
    INFO("row " << refused.row << ": " << refused.name << "\n" << refused.input.substr(0, 300));
    const Outcome outcome = FeedEveryWay("GET", refused.input);
    CHECK(outcome.verdict.starts_with("error http1."));
    CHECK_FALSE(outcome.complete);
    CHECK_FALSE(outcome.reusable);
  }
}

std::string Ok(const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}
std::string Chunked(const std::string& body) { return Ok("Transfer-Encoding: chunked\r\n", body); }

TEST_CASE("rows 79-84, 88, 89: answers that are refused") {
  std::string many;
  for (int i = 0; i < 101; ++i) many += "a: b\r\n";
  CheckRefused({
      {"79", "garbage", "\x01\x02\x03\x04"},
      {"79", "text", "hello, world\r\n\r\n"},
      {"79", "SSH", "SSH-2.0-OpenSSH_9.2\r\n\r\n"},
      {"79", "HTTP/0.9", "<html>\r\n\r\n"},
      {"79", "empty line first", "\r\n" + Ok("Content-Length: 0\r\n")},
      {"80", "99", "HTTP/1.1 99 X\r\n\r\n"},
      {"80", "099", "HTTP/1.1 099 X\r\n\r\n"},
      {"80", "600", "HTTP/1.1 600 X\r\n\r\n"},
      {"80", "1000", "HTTP/1.1 1000 X\r\n\r\n"},
      {"80", "2x0", "HTTP/1.1 2x0 X\r\n\r\n"},
      {"80", "-200", "HTTP/1.1 -200 X\r\n\r\n"},
      {"80", "no status", "HTTP/1.1 OK\r\n\r\n"},
      {"80", "two spaces", "HTTP/1.1  200 OK\r\n\r\n"},
      {"80", "NUL in the reason", "HTTP/1.1 200 O\0K\r\n\r\n"s},
      {"80", "HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n"},
      {"80", "HTTP/1.2", "HTTP/1.2 200 OK\r\n\r\n"},
      {"81", "different lengths", Ok("Content-Length: 2\r\nContent-Length: 3\r\n", "hi")},
      {"81", "+2", Ok("Content-Length: +2\r\n", "hi")},
      {"81", "-2", Ok("Content-Length: -2\r\n", "hi")},
      {"81", "2^64+2", Ok("Content-Length: 18446744073709551618\r\n", "hi")},
      {"81", "empty", Ok("Content-Length:\r\n", "hi")},
      {"82", "both", Ok("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
      {"83", "chunked twice", Ok("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")},
      {"83", "two fields",
       Ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")},
      {"83", "chunked, gzip", Ok("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n")},
      {"83", "in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
      {"84", "bad size", Chunked("G\r\n")},
      {"84", "overflow", Chunked("FFFFFFFFFFFFFFFFF\r\n")},
      {"84", "no CRLF", Chunked("2\r\nhi0\r\n\r\n")},
      {"84", "LF", Chunked("2\nhi\n0\n\n")},
      {"84", "1 MB extension", Chunked("2;" + std::string(1000000, 'e') + "\r\nhi\r\n0\r\n\r\n")},
      {"88", "1 MB field", Ok("A: " + std::string(1000000, 'x') + "\r\n")},
      {"88", "101 fields", Ok(many)},
      {"89", "NUL", Ok("A: \0\r\n"s)},
      {"89", "CR", Ok("A: b\rc\r\n")},
      {"89", "LF", Ok("A: b\nC: d\r\n")},
      {"89", "folded", Ok("A: b\r\n c\r\n")},
      {"89", "space before the colon", Ok("A : b\r\n")},
      {"89", "no colon", Ok("A\r\n")},
      {"89", "empty name", Ok(": b\r\n")},
      {"90", "bad trailer", Chunked("0\r\nA : b\r\n\r\n")},
  });
}

TEST_CASE("row 70: a 101 that nobody asked for") {
  CheckRefused({{"70", "101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}});
}

TEST_CASE("row 85: nothing that follows an answer reaches another request") {
  for (const char* extra : {"x", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    for (const std::string& answer :
         {Ok("Content-Length: 2\r\n", "hi"), Chunked("2\r\nhi\r\n0\r\n\r\n"),
          Ok("Content-Length: 0\r\n")}) {
      TestClient client;
      client.Request("GET", "/");
      CHECK_FALSE(client.Feed(answer + extra).ok());
      // The answer itself was whole.
      CHECK(client.log.find("end\n") != std::string::npos);
      CHECK_FALSE(client.codec.Reusable());
      // The same when it comes later, on the idle connection.
      TestClient idle;
      idle.Request("GET", "/");
      REQUIRE(idle.Feed(answer).ok());
      CHECK(idle.codec.Reusable());
      CHECK_FALSE(idle.Feed(extra).ok());
      CHECK_FALSE(idle.codec.Reusable());
    }
  }
  TestClient fresh;
  CHECK_FALSE(fresh.Feed("HTTP/1.1 200 OK\r\n\r\n").ok());
  CHECK_FALSE(fresh.codec.Reusable());
}

TEST_CASE("row 86: answers that cannot have a body") {
  for (const std::string& answer : {"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"s,
                                    "HTTP/1.1 204 No Content\r\n\r\n"s}) {
    TestClient good;
    good.Request("GET", "/");
    REQUIRE(good.Feed(answer).ok());
    CHECK(good.log.ends_with("end\n"));
    CHECK(good.codec.Reusable());
    TestClient bad;
    bad.Request("GET", "/");
    CHECK_FALSE(bad.Feed(answer + "hi").ok());
    CHECK(bad.log.find("data") == std::string::npos);
    CHECK_FALSE(bad.codec.Reusable());
  }
  TestClient head;
  head.Request("HEAD", "/");
  REQUIRE(head.Feed(Ok("Content-Length: 2\r\n")).ok());
  CHECK(head.log == "head 200 HTTP/1.1 none\n  content-length: 2\nend\n");
  CHECK(head.codec.Reusable());
  CHECK_FALSE(head.Feed("hi").ok());
}

TEST_CASE("row 87: informational answers are dropped, within a bound") {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  const Outcome outcome =
      FeedEveryWay("GET", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + hints +
                              Ok("Content-Length: 2\r\n", "hi"));
  CHECK(outcome.verdict == "head 200 HTTP/1.1 length=2\n  content-length: 2\ndata hi\nend\n");
  CHECK(outcome.reusable);
  std::string endless;
  for (int i = 0; i < 2000; ++i) endless += hints;
  CheckRefused({{"87", "2000", endless}});
  std::string large;
  for (int i = 0; i < 3; ++i) {
    large += "HTTP/1.1 103 Early Hints\r\nA: " + std::string(40000, 'x') + "\r\n\r\n";
  }
  CheckRefused({{"87", "large", large}});
}

TEST_CASE("row 90: fields for this hop only are removed") {
  const Outcome outcome = FeedEveryWay(
      "GET", Ok("Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\n"
                "Proxy-Connection: x\r\nContent-Length: 0\r\nX-Stays: 1\r\n"));
  CHECK(outcome.verdict == "head 200 HTTP/1.1 none\n  content-length: 0\n  x-stays: 1\nend\n");
  ClientOptions options;
  options.enable_trailers = true;
  TestClient client(options);
  client.Request("GET", "/");
  REQUIRE(client.Feed(Chunked("0\r\nContent-Length: 5\r\nSet-Cookie: a\r\nGrpc-Status: 0\r\n\r\n"))
              .ok());
  CHECK(client.log == "head 200 HTTP/1.1 streamed\nend\n  grpc-status: 0\n");
}

TEST_CASE("rows 77, 36: a cut answer is an error, one that runs until close is not") {
  for (const std::string& answer :
       {"HTTP/1.1 200"s, Ok("Content-Length: 5\r\n", "hell"), Chunked("5\r\nhel"),
        Chunked("5\r\nhello\r\n"), Chunked("0\r\n")}) {
    TestClient client;
    client.Request("GET", "/");
    REQUIRE(client.Feed(answer).ok());
    CHECK_FALSE(client.codec.OnInputEnd().ok());
    CHECK(client.log.find("end\n") == std::string::npos);
    CHECK_FALSE(client.codec.Reusable());
  }
  TestClient client;
  client.Request("GET", "/");
  REQUIRE(client.Feed(Ok("A: b\r\n", "some")).ok());
  CHECK_FALSE(client.codec.Reusable());
  REQUIRE(client.codec.OnInputEnd().ok());
  CHECK(client.log == "head 200 HTTP/1.1 streamed\n  a: b\ndata some\nend\n");
  CHECK_FALSE(client.codec.Reusable());
}

}  // namespace
}  // namespace remora::http1
