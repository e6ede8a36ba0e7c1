#include "source/http/http1/client_codec.h"

#include "test/http/http1/codec_harness.h"

namespace remora::http1 {
namespace {

TEST_CASE("a plain exchange leaves the connection reusable") {
  TestClient client;
  CHECK(client.codec.Reusable());
  client.Request("GET", "/x");
  CHECK(client.TakeOutput() == "GET /x HTTP/1.1\r\nhost: a.test\r\n\r\n");
  CHECK_FALSE(client.codec.Reusable());
  CHECK_FALSE(client.codec.ResponseStarted());
  REQUIRE(client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello").ok());
  CHECK(client.log ==
        "head 200 HTTP/1.1 length=5\n"
        "  content-length: 5\n"
        "  server: x\n"
        "data hello\n"
        "end\n");
  CHECK(client.codec.Reusable());
  CHECK(client.codec.ResponseStarted());
  client.Request("GET", "/y");
  CHECK_FALSE(client.codec.ResponseStarted());
}

TEST_CASE("an idle client codec is small") { CHECK(sizeof(ClientCodec) < 300); }

TEST_CASE("bodies and trailers of requests") {
  ClientOptions options;
  options.enable_trailers = true;
  TestClient client(options);
  client.Begin("POST", "/", http::Framing::kStreamed, 0, {{"content-length", "7"}, {"a", "b"}});
  buffer::Buffer data(client.pools.blocks);
  data.Append("hello");
  client.stream->OnData(data);
  client.stream->OnData(data);  // empty: must not look like the last chunk
  http::HeaderMap trailers(*client.arena);
  trailers.Add("x-sum", "1");
  client.stream->OnEnd(&trailers);
  CHECK(client.TakeOutput() ==
        "POST / HTTP/1.1\r\nhost: a.test\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n");
  REQUIRE(client.Feed("HTTP/1.1 204 No Content\r\n\r\n").ok());
  CHECK(client.codec.Reusable());
}

TEST_CASE("the sink may begin the next exchange when the first ends") {
  TestClient client;
  client.Request("GET", "/1");
  int rounds = 0;
  client.recorder.on_end = [&] {
    CHECK(client.codec.Reusable());
    if (++rounds == 1) client.Request("GET", "/2");
  };
  REQUIRE(client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok());
  REQUIRE(client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok());
  CHECK(rounds == 2);
  CHECK(client.codec.Reusable());
}

TEST_CASE("when the connection is not kept") {
  const auto reusable_after = [](std::string_view answer) {
    TestClient client;
    client.Request("GET", "/");
    REQUIRE(client.Feed(answer).ok());
    CHECK(client.log.ends_with("end\n"));
    return client.codec.Reusable();
  };
  CHECK(reusable_after("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  CHECK(reusable_after("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"));
  CHECK_FALSE(reusable_after("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
  CHECK_FALSE(reusable_after("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"));
  CHECK(reusable_after("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("row 91: a final answer before the request's end is passed on") {
  TestClient client;
  client.Begin("POST", "/", http::Framing::kLength, 10);
  REQUIRE(client.Feed("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n").ok());
  CHECK(client.log == "head 413 HTTP/1.1 none\n  content-length: 0\nend\n");
  CHECK_FALSE(client.codec.Reusable());
}

TEST_CASE("an answer before the request is an error") {
  TestClient client;
  client.arena = std::make_unique<base::Arena>(client.pools.arenas);
  client.codec.NewStream(client.recorder, *client.arena);
  CHECK_FALSE(client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").ok());
  CHECK_FALSE(client.codec.Reusable());
}

TEST_CASE("a reset half-way makes the connection unusable, an early one does not") {
  TestClient client;
  client.arena = std::make_unique<base::Arena>(client.pools.arenas);
  http::ClientCodecStream& early = client.codec.NewStream(client.recorder, *client.arena);
  early.OnReset({});
  CHECK(client.codec.Reusable());
  CHECK(client.unusable == 0);
  client.Request("GET", "/");
  client.stream->OnReset({});
  CHECK_FALSE(client.codec.Reusable());
  CHECK(client.unusable == 1);
}

TEST_CASE("a reset within OnHead or OnData stops the response") {
  TestClient client;
  client.Request("GET", "/");
  client.recorder.on_head = [&](http::ResponseHead&) { client.stream->OnReset({}); };
  client.Feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").IgnoreError();
  CHECK(client.log.find("data") == std::string::npos);
  CHECK(client.unusable == 1);
  TestClient chunked;
  chunked.Request("GET", "/");
  chunked.recorder.on_data = [&] { chunked.stream->OnReset({}); };
  chunked.Feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
      .IgnoreError();
  CHECK(chunked.log.find("end") == std::string::npos);
  CHECK(chunked.unusable == 1);
}

TEST_CASE("a short request body makes the connection unusable") {
  TestClient client;
  client.Begin("POST", "/", http::Framing::kLength, 10);
  client.stream->OnEnd(nullptr);
  CHECK(client.unusable == 1);
  CHECK_FALSE(client.codec.Reusable());
}

TEST_CASE("a request body that is longer than its head says makes the connection unusable") {
  TestClient client;
  client.Begin("POST", "/", http::Framing::kLength, 5);
  buffer::Buffer data(client.pools.blocks);
  data.Append("helloGET / HTTP/1.1\r\n");
  client.stream->OnData(data);
  CHECK(client.TakeOutput().find("GET /") == std::string::npos);
  CHECK(client.unusable == 1);
  CHECK_FALSE(client.codec.Reusable());
}

TEST_CASE("pause holds the response") {
  TestClient client;
  client.Request("GET", "/");
  REQUIRE(client.Feed("HTTP/1.1 200 OK\r\n\r\nab").ok());
  client.stream->Pause(http::PauseReason::kConnectionFull);
  CHECK_FALSE(client.codec.WantsInput());
  CHECK(client.interest_changes == 1);
  REQUIRE(client.Feed("cd").ok());
  REQUIRE(client.codec.OnInputEnd().ok());
  CHECK(client.log.find("cd") == std::string::npos);
  client.stream->Resume(http::PauseReason::kConnectionFull);
  REQUIRE(client.Feed("").ok());
  CHECK(client.log == "head 200 HTTP/1.1 streamed\ndata abcd\nend\n");
}

TEST_CASE("FIN on an idle connection is no error") {
  TestClient client;
  CHECK(client.codec.OnInputEnd().ok());
  CHECK_FALSE(client.codec.Reusable());
}

}  // namespace
}  // namespace remora::http1
