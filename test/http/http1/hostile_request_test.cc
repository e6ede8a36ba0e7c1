// The catalogue of hostile HTTP/1 requests (reliability reference, section 2.1), as far as a codec
// decides them. Each message is fed whole, byte by byte and cut in two at every place.

#include <string>
#include <vector>

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

using std::string_literals::operator""s;

// What came of an input: "501 http1.x" when refused, else the log of the messages. A refused
// message must never have ended.
struct Outcome {
  std::string verdict;
  bool complete = false;
  bool operator==(const Outcome&) const = default;
};

Outcome OutcomeOf(const TestServer& server, const absl::Status& status) {
  const bool complete = server.log.find("end\n") != std::string::npos;
  if (status.ok()) return {server.log, complete};
  const http::CodecError& error = server.codec.error();
  return {std::to_string(error.status) + " " + std::string(error.detail), complete};
}

Outcome Feed(const std::string& input, size_t first, size_t step) {
  TestServer server;
  server.auto_respond = true;
  absl::Status status = server.Feed(std::string_view(input).substr(0, first));
  if (status.ok()) status = server.FeedPieces(std::string_view(input).substr(first), step);
  return OutcomeOf(server, status);
}

// The same outcome however the input is cut.
Outcome FeedEveryWay(const std::string& input) {
  const Outcome whole = Feed(input, input.size(), 1);
  if (input.size() > 2000) {
    CHECK(Feed(input, 1, 1000) == whole);
    return whole;
  }
  CHECK(Feed(input, 0, 1) == whole);
  for (size_t cut = 1; cut < input.size(); ++cut) {
    const Outcome outcome = Feed(input, cut, input.size());
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
  int status;
};

void CheckRefused(const std::vector<Refused>& cases) {
  for (const Refused& refused : cases) {
    INFO("row " << refused.row << ": " << refused.name << "\n" << refused.input.substr(0, 300));
    const Outcome outcome = FeedEveryWay(refused.input);
    CHECK(outcome.verdict.substr(0, 4) == std::to_string(refused.status) + " ");
    CHECK_FALSE(outcome.complete);
  }
}

std::string Post(const std::string& fields, const std::string& body = "") {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}
std::string Chunked(const std::string& body) {
  return Post("Transfer-Encoding: chunked\r\n", body);
}
std::string Get(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}

TEST_CASE("rows 1-25: length and coding fields") {
  const std::string smuggled = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n";
  CheckRefused({
      {"1", "CL.TE", Post("Content-Length: 40\r\nTransfer-Encoding: chunked\r\n", smuggled), 400},
      {"2", "TE.CL", Post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", smuggled), 400},
      {"2", "TE.0", Post("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", smuggled), 400},
      {"3", "xchunked", Post("Transfer-Encoding: xchunked\r\n", smuggled), 501},
      {"3", "identity", Post("Transfer-Encoding: identity\r\n", smuggled), 501},
      {"3", "empty", Post("Transfer-Encoding:\r\n", smuggled), 501},
      {"4", "chunked twice", Post("Transfer-Encoding: chunked, chunked\r\n", smuggled), 501},
      {"4", "chunked not last", Post("Transfer-Encoding: chunked, gzip\r\n", smuggled), 501},
      {"5", "gzip, chunked", Post("Transfer-Encoding: gzip, chunked\r\n", smuggled), 501},
      {"6", "empty element", Post("Transfer-Encoding: ,chunked\r\n", smuggled), 501},
      {"7", "parameter", Post("Transfer-Encoding: chunked;a=b\r\n", smuggled), 501},
      {"8", "VT", Post("Transfer-Encoding: \vchunked\r\n", smuggled), 400},
      {"8", "FF", Post("Transfer-Encoding: chunked\f\r\n", smuggled), 400},
      {"8", "NUL", Post("Transfer-Encoding: chunked\0\r\n"s, smuggled), 400},
      {"8", "NBSP",
       Post("Transfer-Encoding: \xa0"
            "chunked\r\n",
            smuggled),
       501},
      {"8", "0xff", Post("Transfer-Encoding: chunked\xff\r\n", smuggled), 501},
      {"9", "space before the colon", Post("Transfer-Encoding : chunked\r\n", smuggled), 400},
      {"9", "tab before the colon", Post("Transfer-Encoding\t: chunked\r\n", smuggled), 400},
      {"10", "folded value", Post("Transfer-Encoding: x\r\n chunked\r\n", smuggled), 400},
      {"10", "folded empty value", Post("Transfer-Encoding:\r\n chunked\r\n", smuggled), 400},
      {"11", "behind a CR", Post("X: y\rTransfer-Encoding: chunked\r\n", smuggled), 400},
      {"11", "behind an LF", Post("X: y\nTransfer-Encoding: chunked\r\n", smuggled), 400},
      {"11", "behind a VT", Post("X: y\vTransfer-Encoding: chunked\r\n", smuggled), 400},
      {"12", "two alike",
       Post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", smuggled), 400},
      {"12", "two different",
       Post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", smuggled), 400},
      {"13", "NUL in the name", Post("Transfer-Encoding\0: chunked\r\n"s, smuggled), 400},
      {"13", "8-bit in the name", Post("Transfer-Encoding\x80: chunked\r\n", smuggled), 400},
      {"13", "leading CR", Post("\rTransfer-Encoding: chunked\r\n", smuggled), 400},
      {"17", "different lengths", Post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), 400},
      {"17", "different, reversed", Post("Content-Length: 6\r\nContent-Length: 5\r\n", "hello"),
       400},
      {"18", "same twice", Post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"18", "list", Post("Content-Length: 5, 5\r\n", "hello"), 400},
      {"19", "5, 0", Post("Content-Length: 5, 0\r\n", "hello"), 400},
      {"19", "5,", Post("Content-Length: 5,\r\n", "hello"), 400},
      {"20", "+5", Post("Content-Length: +5\r\n", "hello"), 400},
      {"20", "-5", Post("Content-Length: -5\r\n", "hello"), 400},
      {"20", "hex", Post("Content-Length: 0x10\r\n", "hello"), 400},
      {"20", "quoted", Post("Content-Length: \"5\"\r\n", "hello"), 400},
      {"20", "1 0", Post("Content-Length: 1 0\r\n", "hello"), 400},
      {"21", "empty", Post("Content-Length:\r\n", "hello"), 400},
      {"21", "empty and 5", Post("Content-Length:\r\nContent-Length: 5\r\n", "hello"), 400},
      {"22", "2^64+5", Post("Content-Length: 18446744073709551621\r\n", "hello"), 400},
      {"22", "400 digits", Post("Content-Length: " + std::string(400, '7') + "\r\n", "hello"), 400},
      {"23", "VT", Post("Content-Length: \v5\r\n", "hello"), 400},
      {"23", "NUL", Post("Content-Length: 5\0\r\n"s, "hello"), 400},
      {"23", "NBSP",
       Post("Content-Length: \xa0"
            "5\r\n",
            "hello"),
       400},
      {"23", "full-width", Post("Content-Length: \xef\xbc\x95\r\n", "hello"), 400},
      {"25", "space before the colon", Post("Content-Length : 5\r\n", "hello"), 400},
      {"25", "leading space", Post(" Content-Length: 5\r\n", "hello"), 400},
      {"25", "NEL", Post("Content-Length\x85: 5\r\n", "hello"), 400},
      {"25", "no colon", Post("Content-Length\r\n", "hello"), 400},
  });
}

TEST_CASE("rows 15 and 60: versions") {
  const auto line = [](const std::string& version) {
    return "GET / " + version + "\r\nHost: a\r\n\r\n";
  };
  CheckRefused({
      {"60", "0.9", "GET /\r\n\r\n", 400},
      {"60", "1.10", line("HTTP/1.10"), 400},
      {"60", "0.9 spelled", line("HTTP/0.9"), 400},
      {"60", "2.0", line("HTTP/2.0"), 400},
      {"60", "1.2", line("HTTP/1.2"), 400},
      {"60", "9.9", line("HTTP/9.9"), 400},
      {"60", "lower case", line("http/1.1"), 400},
      {"60", "01.1", line("HTTP/01.1"), 400},
      {"60", "ICE", line("ICE/1.0"), 400},
      {"60", "RTSP", "OPTIONS * RTSP/1.0\r\nHost: a\r\n\r\n", 400},
      {"60", "overflow", line("HTTP/4294967297.1"), 400},
      {"75", "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"-", "1.0 is not accepted by default", line("HTTP/1.0"), 426},
  });
  ServerOptions options;
  options.accept_http_10 = true;
  TestServer server(options);
  CHECK_FALSE(server.Feed("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").ok());
  CHECK(server.log == "error 400 http1.transfer_encoding_not_allowed\n");
  TestServer hosts(options);
  CHECK_FALSE(hosts.Feed("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n").ok());
  CHECK(hosts.log == "error 400 http1.codec_error\n");
}

TEST_CASE("rows 27-36: chunks") {
  CheckRefused({
      {"27", "G", Chunked("G\r\n"), 400},
      {"27", "0x5", Chunked("0x5\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "+5", Chunked("+5\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "-1", Chunked("-1\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "0_5", Chunked("0_5\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "leading space", Chunked(" 5\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "trailing space", Chunked("5 \r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "5zz", Chunked("5zz\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "5,5", Chunked("5,5\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "5.0", Chunked("5.0\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "5 TAB x", Chunked("5\tx\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "empty", Chunked("\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "only an extension", Chunked(";a\r\nhello\r\n0\r\n\r\n"), 400},
      {"27", "NUL", Chunked("5\0\r\nhello\r\n0\r\n\r\n"s), 400},
      {"27", "VT", Chunked("5\v\r\nhello\r\n0\r\n\r\n"), 400},
      {"28", "over 64 bits", Chunked("10000000000000005\r\nhello\r\n0\r\n\r\n"), 400},
      {"28", "17 F", Chunked("FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"), 400},
      {"28", "2^64-2", Chunked("FFFFFFFFFFFFFFFE\r\nhello\r\n0\r\n\r\n"), 400},
      {"29", "70000 zeros", Chunked(std::string(70000, '0') + "5\r\nhello\r\n0\r\n\r\n"), 400},
      {"30", "LF after the size", Chunked("5\nhello\r\n0\r\n\r\n"), 400},
      {"30", "LF after the data", Chunked("5\r\nhello\n0\r\n\r\n"), 400},
      {"30", "LF after the last chunk", Chunked("0\n\r\n"), 400},
      {"30", "LF at the very end", Chunked("0\r\n\n"), 400},
      {"31", "longer data", Chunked("3\r\nhelEVIL\r\n0\r\n\r\n"), 400},
      {"31", "no CRLF after data", Chunked("5\r\nhello0\r\n\r\n"), 400},
      {"31", "X LF after the data", Chunked("5\r\nhelloX\n0\r\n\r\n"), 400},
      {"31", "CR X after the size", Chunked("5\rXhello\r\n0\r\n\r\n"), 400},
      {"31", "CR X after the data", Chunked("5\r\nhello\rX0\r\n\r\n"), 400},
      {"32", "LF in the extension", Chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), 400},
      {"32", "CR in the extension", Chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), 400},
      {"32", "NUL in the extension", Chunked("5;a\0b\r\nhello\r\n0\r\n\r\n"s), 400},
      {"32", "extension of LF", Chunked("5;\nhello\r\n0\r\n\r\n"), 400},
      {"33", "2 MB", Chunked("5;" + std::string(2000000, 'a') + "\r\nhello\r\n0\r\n\r\n"), 400},
      {"35", "extra CRLF", Chunked("5\r\nhello\r\n\r\n0\r\n\r\n"), 400},
      {"35", "junk after 0", Chunked("0x\r\n\r\n"), 400},
  });
  std::string extensions;
  for (int i = 0; i < 40; ++i) extensions += "1;" + std::string(500, 'e') + "\r\nx\r\n";
  CheckRefused({{"33", "500 a byte", Chunked(extensions + "0\r\n\r\n"), 400}});
}

TEST_CASE("row 36: a body that ends early is an error, and never an end") {
  for (const std::string& input :
       {Chunked("5"), Chunked("5\r\nhel"), Chunked("5\r\nhello\r\n"), Chunked("0\r\n"),
        Chunked("0\r\nA: b\r\n"), Post("Content-Length: 5\r\n", "hell")}) {
    INFO(input);
    TestServer server;
    REQUIRE(server.Feed(input).ok());
    CHECK_FALSE(server.FinishInput().ok());
    CHECK(server.log.find("end\n") == std::string::npos);
  }
}

TEST_CASE("rows 38, 39: trailers") {
  std::string many;
  for (int i = 0; i < 20000; ++i) many += "a: b\r\n";
  CheckRefused({
      {"38", "space before the colon", Chunked("0\r\nA : b\r\n\r\n"), 400},
      {"38", "NUL", Chunked("0\r\nA: \0b\r\n\r\n"s), 400},
      {"38", "LF", Chunked("0\r\nA: b\n\r\n"), 400},
      {"38", "folded", Chunked("0\r\nA: b\r\n c\r\n\r\n"), 400},
      {"38", "no colon", Chunked("0\r\nA\r\n\r\n"), 400},
      {"39", "400 kB", Chunked("0\r\nA: " + std::string(400000, 'b') + "\r\n\r\n"), 431},
      {"39", "20000 fields", Chunked("0\r\n" + many + "\r\n"), 431},
  });
  std::string some;
  for (int i = 0; i < 101; ++i) some += "a: b\r\n";
  CheckRefused({{"39", "101 fields", Chunked("0\r\n" + some + "\r\n"), 431}});
}

TEST_CASE("rows 40-51: lines, names and sizes") {
  std::string many;
  for (int i = 0; i < 20000; ++i) many += "a: b\r\n";
  std::string some;
  for (int i = 0; i < 100; ++i) some += "a: b\r\n";
  const std::string huge(300000, 'x');
  CheckRefused({
      {"40", "bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"41", "CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"41", "CR in a name", Get("A\rB: c\r\n"), 400},
      {"41", "CR in a value", Get("A: b\rc\r\n"), 400},
      {"42", "CR LF CR X", "GET / HTTP/1.1\r\nHost: a\r\n\rX", 400},
      {"42", "CR LF CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", 400},
      {"43", "NUL in the path", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
      {"43", "NUL in a name", Get("A\0: b\r\n"s), 400},
      {"43", "NUL in a value", Get("A: \0\r\n"s), 400},
      {"43", "NUL in Host", "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"s, 400},
      {"44", "BEL in a value", Get("A: \a\r\n"), 400},
      {"44", "DEL in a value", Get("A: \x7f\r\n"), 400},
      {"45", "space before the colon", Get("A : b\r\n"), 400},
      {"45", "tab before the colon", Get("A\t: b\r\n"), 400},
      {"46", "folded by SP", Get("A: b\r\n c\r\n"), 400},
      {"46", "folded by HTAB", Get("A: b\r\n\tc\r\n"), 400},
      {"47", "space after the request line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"48", "empty name", Get(": b\r\n"), 400},
      {"48", "no colon", Get("A\r\n"), 400},
      {"48", "split name", Get("A B: c\r\n"), 400},
      {"48", "parenthesis", Get("A(: c\r\n"), 400},
      {"48", "8-bit name", Get("\xc3\xa4: c\r\n"), 400},
      {"49", "name of 70000", Get(std::string(70000, 'n') + ": v\r\n"), 431},
      {"50", "field of 300 kB", Get("A: " + huge + "\r\n"), 431},
      {"50", "20000 fields", Get(many), 431},
      {"50", "101 fields", Get(some), 431},
      {"51", "path of 300 kB", "GET /" + huge + " HTTP/1.1\r\nHost: a\r\n\r\n", 431},
      {"51", "method of 70 kB", std::string(70000, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n", 431},
      {"51", "1 MiB without line end", std::string(1 << 20, 'x'), 431},
  });
}

TEST_CASE("rows 53-59: Host and target") {
  const auto host = [](const std::string& value) {
    return "GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n";
  };
  const auto target = [](const std::string& text) {
    return "GET " + text + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  CheckRefused({
      {"53", "no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"53", "two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"53", "two alike", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"53", "Host :", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"54", "empty", host(""), 400},
      {"54", "space", host("a b"), 400},
      {"54", "slash", host("a/b"), 400},
      {"54", "comma", host("a,b"), 400},
      {"54", "userinfo", host("u@a"), 400},
      {"54", "fragment", host("a#b"), 400},
      {"54", "8-bit", host("\xc3\xa4"), 400},
      {"54", "port 8x", host("a:8x"), 400},
      {"54", "port 65536", host("a:65536"), 400},
      {"54", "only a port", host(":80"), 400},
      {"54", "open bracket", host("[::1"), 400},
      {"54", "name in brackets", host("[a.test]"), 400},
      {"54", "after the bracket", host("[::1]x"), 400},
      {"56", "empty host", target("http:///x"), 400},
      {"56", "bad port", target("http://a:x/"), 400},
      {"56", "userinfo", target("http://u:p@a/"), 400},
      {"56", "ftp", target("ftp://a/"), 400},
      {"56", "https on plaintext", target("https://a/"), 403},
      {"57", "GET *", target("*"), 400},
      {"57", "relative", target("q/x"), 400},
      {"57", "authority-form GET", target("a:80"), 400},
      {"57", "8-bit", target("/\xc3\xa4"), 400},
      {"58", "CONNECT to a path", "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"58", "CONNECT without port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"58", "CONNECT to a bare address", "CONNECT [::1] HTTP/1.1\r\nHost: a\r\n\r\n", 400},
  });
}

TEST_CASE("rows 61-63, 75: request lines and other protocols") {
  const auto line = [](const std::string& text) { return text + "\r\nHost: a\r\n\r\n"; };
  std::string empty_lines;
  for (int i = 0; i < 1000; ++i) empty_lines += "\r\n";
  CheckRefused({
      {"61", "bad method byte", line("GE(T / HTTP/1.1"), 400},
      {"61", "8-bit method", line("G\xc3\xa4T / HTTP/1.1"), 400},
      {"61", "no method", line("/ HTTP/1.1"), 400},
      {"61", "space first", line(" GET / HTTP/1.1"), 400},
      {"61", "lower case", line("get / HTTP/1.1"), 400},
      {"61", "unknown method", line("FROBNICATE / HTTP/1.1"), 400},
      {"62", "two spaces", line("GET  / HTTP/1.1"), 400},
      {"62", "two spaces before the version", line("GET /  HTTP/1.1"), 400},
      {"62", "tab", line("GET\t/ HTTP/1.1"), 400},
      {"62", "VT", line("GET\v/ HTTP/1.1"), 400},
      {"62", "trailing space", line("GET / HTTP/1.1 "), 400},
      {"62", "trailing junk", line("GET / HTTP/1.1x"), 400},
      {"62", "a fourth word", line("GET / x HTTP/1.1"), 400},
      {"63", "1000 empty lines", empty_lines + Get(""), 400},
      {"75", "ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
      {"75", "SSH banner", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 400},
  });
  // Refused for its first byte, or for its size when that comes first.
  const std::string binary(65536, '\xee');
  CHECK(Feed(binary, binary.size(), 1).verdict == "431 http1.headers_too_large");
  CHECK(Feed(binary, 1, 1000).verdict == "400 http1.codec_error");
}

struct Taken {
  const char* row;
  const char* name;
  std::string input;
  std::string log;
};

TEST_CASE("what is unambiguous is taken as one message") {
  const std::string head = "head POST //a/ HTTP/1.1 ";
  const std::string get = "head GET //a/ HTTP/1.1 none keep-alive\n";
  std::string tiny;
  std::string tiny_text;
  for (int i = 0; i < 300; ++i) {
    tiny += "1\r\nx\r\n";
    tiny_text += "x";
  }
  std::string hundred;
  std::string hundred_text;
  for (int i = 0; i < 99; ++i) {
    hundred += "a: b\r\n";
    hundred_text += "  a: b\n";
  }
  const std::vector<Taken> cases = {
      {"14", "underscores", Get("Content_Length: 5\r\nTransfer_Encoding: chunked\r\n"),
       get + "  content_length: 5\n  transfer_encoding: chunked\nend\ndone\n"},
      {"16", "nominated Content-Length",
       Post("Content-Length: 5\r\nConnection: Content-Length\r\n", "hello"),
       head + "length=5 keep-alive\n  content-length: 5\ndata hello\nend\ndone\n"},
      {"16", "nominated Transfer-Encoding",
       Post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
            "5\r\nhello\r\n0\r\n\r\n"),
       head + "streamed keep-alive\ndata hello\nend\ndone\n"},
      {"24", "leading zeros", Post("Content-Length: 0010\r\n", "0123456789"),
       head + "length=10 keep-alive\n  content-length: 0010\ndata 0123456789\nend\ndone\n"},
      {"26", "GET with a body that looks like a request",
       "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\nGET /x HTTP/1.1\r\n\r",
       "head GET //a/ HTTP/1.1 length=18 keep-alive\n  content-length: 18\n"
       "data GET /x HTTP/1.1\r\n\r\nend\ndone\n"},
      {"32", "good extensions", Chunked("5;a=b;c=\"d e\"\r\nhello\r\n0;x\r\n\r\n"),
       head + "streamed keep-alive\ndata hello\nend\ndone\n"},
      {"34", "tiny chunks", Chunked(tiny + "0\r\n\r\n"),
       head + "streamed keep-alive\ndata " + tiny_text + "\nend\ndone\n"},
      {"34", "upper and lower case digits",
       Chunked("00A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
       head + "streamed keep-alive\ndata 01234567890123456789\nend\ndone\n"},
      {"44", "8-bit value", Get("A: \xc3\xa4\r\n"), get + "  a: \xc3\xa4\nend\ndone\n"},
      {"50", "100 fields", Get(hundred), get + hundred_text + "end\ndone\n"},
      {"52", "white space around values", Get("A: \t b \t\r\nB:c\r\nD:\r\nE: \r\nF:  \r\n"),
       get + "  a: b\n  b: c\n  d: \n  e: \n  f: \nend\ndone\n"},
      {"54", "addresses", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
       "head GET //[2001:db8::1]:8080/ HTTP/1.1 none keep-alive\nend\ndone\n"},
      {"55", "absolute-form", "GET HTTP://b.test:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
       "head GET http://b.test:81/x?y HTTP/1.1 none keep-alive\nend\ndone\n"},
      {"55", "absolute-form without a path", "GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n",
       "head GET http://b/?q HTTP/1.1 none keep-alive\nend\ndone\n"},
      {"57", "OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
       "head OPTIONS //a* HTTP/1.1 none keep-alive\nend\ndone\n"},
      {"57", "OPTIONS of a whole server", "OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n",
       "head OPTIONS http://b* HTTP/1.1 none keep-alive\nend\ndone\n"},
      {"58", "CONNECT, for others to refuse", "CONNECT b:443 HTTP/1.1\r\nHost: a\r\n\r\nearly",
       "head CONNECT //b:443 HTTP/1.1 tunnel keep-alive\n"},
      {"59", "a fragment is policy", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
       "head GET //a/a#b HTTP/1.1 none keep-alive\nend\ndone\n"},
      {"61", "other known methods", "PROPFIND / HTTP/1.1\r\nHost: a\r\n\r\n",
       "head PROPFIND //a/ HTTP/1.1 none keep-alive\nend\ndone\n"},
      {"63", "a few empty lines", "\r\n\r\n" + Get(""), get + "end\ndone\n"},
      {"64", "two in a row", Get("") + Get("A: b\r\n"),
       get + "end\ndone\n" + get + "  a: b\nend\ndone\n"},
      {"64", "CRLF after POST", Post("Content-Length: 1\r\n", "x\r\n") + Get(""),
       head + "length=1 keep-alive\n  content-length: 1\ndata x\nend\ndone\n" + get +
           "end\ndone\n"},
      {"65", "after Connection: close", Get("Connection: close\r\n") + Get(""),
       "head GET //a/ HTTP/1.1 none close\nend\ndone, close\n"},
      {"66", "hop-by-hop fields",
       Get("Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
           "TE: gzip, Trailers\r\nX-Stays: 1\r\n"),
       get + "  te: trailers\n  x-stays: 1\nend\ndone\n"},
      {"66", "TE without trailers", Get("TE: gzip\r\n"), get + "end\ndone\n"},
      {"67", "nominated Host", Get("Connection: Host\r\n"), get + "end\ndone\n"},
      {"68", "h2c",
       Get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
           "HTTP2-Settings: AAMAAABkAAQAAP__\r\n"),
       get + "end\ndone\n"},
      {"73", "Expect", Post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "x"),
       head + "length=1 keep-alive expects-continue\n  expect: 100-Continue\n"
              "  content-length: 1\ndata x\nend\ndone\n"},
      {"73", "other expectations", Post("Expect: y 100-continue\r\nContent-Length: 1\r\n", "x"),
       head + "length=1 keep-alive\n  expect: y 100-continue\n  content-length: 1\n"
              "data x\nend\ndone\n"},
      {"73", "Expect without a body", Get("Expect: 100-continue\r\n"),
       get + "  expect: 100-continue\nend\ndone\n"},
  };
  for (const Taken& taken : cases) {
    INFO("row " << taken.row << ": " << taken.name);
    CHECK(FeedEveryWay(taken.input).verdict == taken.log);
  }
}

TEST_CASE("rows 64, 74: what follows a good request does not undo it") {
  TestServer server;
  server.auto_respond = true;
  CHECK_FALSE(server.Feed(Get("") + "garbage\x01").ok());
  CHECK(server.log ==
        "head GET //a/ HTTP/1.1 none keep-alive\nend\ndone\nerror 400 http1.invalid_characters\n");
  CHECK(server.TakeOutput().starts_with("HTTP/1.1 200 OK\r\n"));
  TestServer nul;
  nul.auto_respond = true;
  CHECK_FALSE(nul.Feed(Chunked("0\r\n\r\n\0"s)).ok());
  CHECK(nul.log ==
        "head POST //a/ HTTP/1.1 streamed keep-alive\nend\ndone\n"
        "error 400 http1.invalid_characters\n");
}

TEST_CASE("row 64: sixty requests in one read are answered in order") {
  TestServer server;
  server.auto_respond = true;
  std::string input;
  for (int i = 0; i < 60; ++i) {
    input += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  REQUIRE(server.Feed(input).ok());
  CHECK(server.requests == 60);
  size_t at = 0;
  for (int i = 0; i < 60; ++i) {
    at = server.log.find("head GET //a/" + std::to_string(i) + " ", at);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("row 66: nominations that are refused") {
  CheckRefused({
      {"66", "x-forwarded-for", Get("Connection: X-Forwarded-For\r\nX-Forwarded-For: 1\r\n"), 400},
      {"66", "x-forwarded-host", Get("Connection: x-forwarded-host\r\n"), 400},
      {"66", "x-forwarded-proto", Get("Connection: close, x-forwarded-proto\r\n"), 400},
      {"66", "pseudo-header", Get("Connection: :path\r\n"), 400},
      {"66", "ten tokens", Get("Connection: a,b,c,d,e\r\nConnection: f,g,h,i,j\r\n"), 400},
  });
}

TEST_CASE("row 37: trailers that belong in a head are dropped") {
  ServerOptions options;
  options.enable_trailers = true;
  const std::string input = Chunked(
      "0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\nHost: b\r\nConnection: close\r\n"
      "Authorization: x\r\nX-Forwarded-For: 1\r\nProxy-Authorization: x\r\nX-Sum: 1\r\n\r\n");
  TestServer server(options);
  REQUIRE(server.Feed(input).ok());
  CHECK(server.log == "head POST //a/ HTTP/1.1 streamed keep-alive\nend\n  x-sum: 1\n");
  TestServer without;
  REQUIRE(without.Feed(input).ok());
  CHECK(without.log == "head POST //a/ HTTP/1.1 streamed keep-alive\nend\n");
}

TEST_CASE("row 68: absolute-form on TLS, and when it is not allowed") {
  ServerOptions tls;
  tls.secure = true;
  TestServer server(tls);
  REQUIRE(server.Feed("GET https://b/ HTTP/1.1\r\nHost: a\r\n\r\n").ok());
  CHECK(server.log == "head GET https://b/ HTTP/1.1 none keep-alive\nend\n");
  ServerOptions off;
  off.allow_absolute_url = false;
  TestServer plain(off);
  REQUIRE(plain.Feed("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n").ok());
  CHECK(plain.log == "head GET //ahttp://b/ HTTP/1.1 none keep-alive\nend\n");
}

}  // namespace
}  // namespace remora::http1
