#include "source/http/http1/server_codec.h"

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr const char* kPost = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

TEST_CASE("a plain GET is one head and its end") {
  TestServer server;
  REQUIRE(server.Feed("GET /a?b=c HTTP/1.1\r\nHost: a.test:80\r\nAccept: */*\r\nX-One:  1 \r\n\r\n")
              .ok());
  CHECK(server.log ==
        "head GET //a.test:80/a?b=c HTTP/1.1 none keep-alive\n"
        "  accept: */*\n"
        "  x-one: 1\n"
        "end\n");
  CHECK_FALSE(server.codec.WantsInput());
  server.Respond("hello");
  CHECK(server.TakeOutput() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  CHECK(server.log.ends_with("end\ndone\n"));
  CHECK(server.codec.WantsInput());
  CHECK(server.interest_changes == 1);
}

TEST_CASE("an idle server codec is small") { CHECK(sizeof(ServerCodec) < 300); }

TEST_CASE("a pipelined request waits in the input for the response before it") {
  TestServer server;
  REQUIRE(server.Feed(std::string(kGet) + kPost + "hello").ok());
  CHECK(server.requests == 1);
  CHECK_FALSE(server.codec.WantsInput());
  CHECK(server.input.length() == std::string_view(kPost).size() + 5);
  server.Respond("");
  CHECK(server.requests == 1);  // only Dispatch begins a request
  REQUIRE(server.Feed("").ok());
  CHECK(server.requests == 2);
  CHECK(server.input.empty());
  CHECK(server.log.ends_with("data hello\nend\n"));
  server.Respond("");
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST_CASE("an answer given within OnHead ends the exchange at once") {
  TestServer server;
  server.on_head = [&](http::RequestHead&) { server.Respond("no"); };
  REQUIRE(server.Feed(std::string(kGet) + kGet).ok());
  CHECK(server.requests == 2);
  CHECK(server.log ==
        "head GET //a/ HTTP/1.1 none keep-alive\ndone\n"
        "head GET //a/ HTTP/1.1 none keep-alive\ndone\n");
}

TEST_CASE("a response that ends before its request closes the connection") {
  TestServer server;
  REQUIRE(server.Feed(kPost).ok());
  server.Respond("too much");
  CHECK(server.TakeOutput() == "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\ntoo much");
  CHECK(server.log.ends_with("done, close\n"));
  CHECK_FALSE(server.codec.WantsInput());
  // What still comes concerns nobody.
  REQUIRE(server.Feed(std::string("hello") + kGet).ok());
  CHECK(server.requests == 1);
  CHECK(server.input.empty());

  TestServer bodiless;
  REQUIRE(bodiless.Feed(kPost).ok());
  bodiless.Respond("");
  CHECK(bodiless.TakeOutput() ==
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

TEST_CASE("a response may begin before its request has ended") {
  TestServer server;
  REQUIRE(server.Feed(kPost).ok());
  server.RespondHead(200, http::Framing::kStreamed);
  REQUIRE(server.Feed("hello").ok());
  server.RespondData("world");
  server.RespondEnd();
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n");
  CHECK(server.log.ends_with("data hello\nend\ndone\n"));
}

TEST_CASE("pause stops data and resume asks for input") {
  TestServer server;
  REQUIRE(server.Feed(std::string(kPost) + "he").ok());
  http::ServerCodecStream& stream = *server.stream;
  stream.Pause(http::PauseReason::kSinkFull);
  stream.Pause(http::PauseReason::kFilterPaused);
  CHECK_FALSE(server.codec.WantsInput());
  CHECK(server.interest_changes == 1);
  REQUIRE(server.Feed("llo").ok());
  CHECK(server.input.length() == 3);
  stream.Resume(http::PauseReason::kSinkFull);
  CHECK_FALSE(server.codec.WantsInput());
  stream.Resume(http::PauseReason::kFilterPaused);
  CHECK(server.interest_changes == 2);
  CHECK(server.codec.WantsInput());
  REQUIRE(server.Feed("").ok());
  CHECK(server.log.ends_with("data hello\nend\n"));
}

TEST_CASE("a pause within OnHead holds the body, not the end of a request without one") {
  TestServer server;
  server.on_head = [&](http::RequestHead&) { server.stream->Pause(http::PauseReason::kSinkFull); };
  REQUIRE(server.Feed(std::string(kPost) + "hello").ok());
  CHECK(server.log.ends_with("  content-length: 5\n"));
  CHECK(server.interest_changes == 0);
  TestServer get;
  get.on_head = [&](http::RequestHead&) { get.stream->Pause(http::PauseReason::kSinkFull); };
  REQUIRE(get.Feed(kGet).ok());
  CHECK(get.log.ends_with("end\n"));
}

TEST_CASE("FIN with the last bytes of a paused body cuts nothing") {
  TestServer server;
  REQUIRE(server.Feed(kPost).ok());
  server.stream->Pause(http::PauseReason::kSinkFull);
  REQUIRE(server.Feed("hello").ok());
  REQUIRE(server.FinishInput().ok());
  server.stream->Resume(http::PauseReason::kSinkFull);
  REQUIRE(server.Feed("").ok());
  CHECK(server.log.ends_with("data hello\nend\n"));
  server.Respond("");
  CHECK(server.log.ends_with("done, close\n"));

  TestServer cut;
  REQUIRE(cut.Feed(kPost).ok());
  cut.stream->Pause(http::PauseReason::kSinkFull);
  REQUIRE(cut.Feed("hell").ok());
  REQUIRE(cut.FinishInput().ok());
  cut.stream->Resume(http::PauseReason::kSinkFull);
  CHECK_FALSE(cut.Feed("").ok());
}

TEST_CASE("FIN after pipelined requests: all are answered, then the connection ends") {
  TestServer server;
  REQUIRE(server.Feed(std::string(kGet) + kGet).ok());
  REQUIRE(server.FinishInput().ok());
  server.Respond("1");
  CHECK(server.log.ends_with("done\n"));
  REQUIRE(server.Feed("").ok());
  CHECK(server.requests == 2);
  server.Respond("2");
  CHECK(server.log.ends_with("done, close\n"));
}

TEST_CASE("FIN on an idle connection is no error, within a head it is one") {
  TestServer idle;
  CHECK(idle.FinishInput().ok());
  TestServer cut;
  REQUIRE(cut.Feed("GET / HT").ok());
  CHECK_FALSE(cut.FinishInput().ok());
}

TEST_CASE("a rejected head is answered without a stream") {
  TestServer server;
  REQUIRE_FALSE(server.Feed("GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n").ok());
  CHECK(server.requests == 0);
  server.arena = std::make_unique<base::Arena>(server.pools.arenas);
  server.stream = &server.codec.RejectedStream();
  server.RespondHead(400, http::Framing::kLength, 11);
  server.RespondData("Bad Request");
  server.RespondEnd();
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 11\r\nconnection: close\r\n\r\nBad Request");
  CHECK(server.log.ends_with("done, close\n"));
  REQUIRE(server.Feed(kGet).ok());
  CHECK(server.requests == 0);
}

TEST_CASE("an error in a body is answered on its stream") {
  TestServer server;
  REQUIRE_FALSE(
      server.Feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx").ok());
  CHECK(server.requests == 1);
  server.stream = &server.codec.RejectedStream();
  server.Respond("x");
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\nx");
  CHECK(server.log.ends_with("done, close\n"));
}

TEST_CASE("HEAD: length without a body") {
  TestServer server;
  REQUIRE(server.Feed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").ok());
  server.RespondHead(200, http::Framing::kLength, 5);
  server.RespondData("hello");
  server.RespondEnd();
  CHECK(server.TakeOutput() == "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
  CHECK(server.log.ends_with("done\n"));
}

TEST_CASE("statuses without a body") {
  for (const uint16_t status : {uint16_t{204}, uint16_t{304}}) {
    TestServer server;
    REQUIRE(server.Feed(kGet).ok());
    server.RespondHead(status, http::Framing::kStreamed);
    server.RespondData("hello");
    server.RespondEnd();
    const std::string output = server.TakeOutput();
    CHECK(output.ends_with("\r\n\r\n"));
    CHECK(output.find("transfer-encoding") == std::string::npos);
    CHECK(output.find("content-length") == std::string::npos);
    CHECK(server.log.ends_with("done\n"));
  }
}

TEST_CASE("100 Continue is sent on demand, interim responses before the final one") {
  TestServer server;
  REQUIRE(server
              .Feed("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                    "Content-Length: 5\r\n\r\n")
              .ok());
  server.stream->SendContinue();
  server.RespondHead(103, http::Framing::kNone, 0, {{"link", "</a>"}});
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
  REQUIRE(server.Feed("hello").ok());
  server.stream->SendContinue();  // too late: the body is there
  CHECK(server.TakeOutput().empty());
  server.Respond("");
  CHECK(server.log.ends_with("done\n"));
}

TEST_CASE("Connection: close and GoAway end the connection after the response") {
  TestServer server;
  REQUIRE(server.Feed("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\n").ok());
  server.Respond("");
  CHECK(server.TakeOutput().find("connection: close\r\n") != std::string::npos);
  CHECK(server.log.ends_with("done, close\n"));
  TestServer draining;
  REQUIRE(draining.Feed(kGet).ok());
  draining.codec.GoAway();
  draining.Respond("");
  CHECK(draining.TakeOutput().find("connection: close\r\n") != std::string::npos);
  CHECK(draining.log.ends_with("done, close\n"));
}

TEST_CASE("a short body ends the connection") {
  TestServer server;
  REQUIRE(server.Feed(kGet).ok());
  server.RespondHead(200, http::Framing::kLength, 5);
  server.RespondData("hell");
  server.RespondEnd();
  CHECK(server.log.ends_with("done, close\n"));
}

TEST_CASE("a body that is longer than its head says ends the connection, and is cut") {
  TestServer server;
  REQUIRE(server.Feed(kGet).ok());
  server.RespondHead(200, http::Framing::kLength, 5);
  server.RespondData("hello and more");
  server.RespondEnd();
  CHECK(server.log.ends_with("done, close\n"));
  CHECK(server.TakeOutput().find("and more") == std::string::npos);
}

TEST_CASE("a reset response ends the connection") {
  TestServer server;
  REQUIRE(server.Feed(kGet).ok());
  server.stream->OnReset({});
  CHECK(server.log.ends_with("done, close\n"));
  CHECK(server.TakeOutput().empty());
}

TEST_CASE("HTTP/1.0, when it is accepted") {
  ServerOptions options;
  options.accept_http_10 = true;
  options.default_host_for_http_10 = "default.test";
  SECTION("closes by default") {
    TestServer server(options);
    REQUIRE(server.Feed("GET / HTTP/1.0\r\n\r\n").ok());
    CHECK(server.log == "head GET //default.test/ HTTP/1.0 none close\nend\n");
    server.Respond("hi");
    CHECK(server.TakeOutput() ==
          "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
    CHECK(server.log.ends_with("done, close\n"));
  }
  SECTION("is kept alive on demand") {
    TestServer server(options);
    REQUIRE(server.Feed("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n").ok());
    server.Respond("hi");
    CHECK(server.TakeOutput() ==
          "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi");
    CHECK(server.log.ends_with("done\n"));
  }
  SECTION("never sees chunks") {
    TestServer server(options);
    REQUIRE(server.Feed("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").ok());
    server.RespondHead(200, http::Framing::kStreamed);
    server.RespondData("hi");
    server.RespondEnd();
    CHECK(server.TakeOutput() == "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nhi");
    CHECK(server.log.ends_with("done, close\n"));
  }
  SECTION("knows no 100 Continue") {
    TestServer server(options);
    REQUIRE(server
                .Feed("POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n"
                      "Content-Length: 1\r\n\r\n")
                .ok());
    server.stream->SendContinue();
    server.RespondHead(103, http::Framing::kNone);
    CHECK(server.TakeOutput().empty());
  }
}

TEST_CASE("CONNECT: early bytes stay where they are, and the answer ends the connection") {
  TestServer server;
  REQUIRE(server.Feed("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\nearly").ok());
  CHECK(server.log == "head CONNECT //b:443 HTTP/1.1 tunnel keep-alive\n");
  CHECK(server.input.length() == 5);
  CHECK_FALSE(server.codec.WantsInput());
  server.RespondHead(403, http::Framing::kNone);
  server.RespondEnd();
  CHECK(server.TakeOutput() ==
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  CHECK(server.log.ends_with("done, close\n"));
}

TEST_CASE("large bodies are passed on as they come") {
  TestServer server;
  const std::string body(300000, 'b');
  REQUIRE(server.Feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + body + kGet)
              .ok());
  CHECK(server.log.ends_with("\ndata " + body + "\nend\n"));
  CHECK(server.input.ToString() == kGet);
}

}  // namespace
}  // namespace remora::http1
