#include "test/http/http2/codec_harness.h"

namespace remora::http2 {
namespace {

using http::Framing;
using http::PauseReason;

CodecOptions SmallWindows() {
  CodecOptions options;
  options.protocol.initial_stream_window_size = 65535;
  options.protocol.initial_connection_window_size = 131070;
  options.stream_buffer_limit = 20000;
  return options;
}

TEST_CASE("credit is given back for what the sink has taken") {
  TestServer server(SmallWindows());
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
  for (int i = 0; i < 4; ++i) REQUIRE(server.Feed(wire::Data(1, std::string(16000, 'x'))).ok());
  // Half a window and more: of the stream, and not yet of the connection twice as large.
  CHECK(server.Frames() == "WINDOW_UPDATE(1,48000)");
  REQUIRE(server.Feed(wire::Data(1, std::string(16000, 'x'))).ok());
  CHECK(server.Frames() == "WINDOW_UPDATE(0,80000)");
}

TEST_CASE("a paused stream holds its bytes, and nobody else's") {
  TestServer server(SmallWindows());
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false) + wire::Headers(3, wire::Post(), false))
              .ok());
  server.Stream(1).Pause(PauseReason::kConnectionFull);
  for (int i = 0; i < 4; ++i) REQUIRE(server.Feed(wire::Data(1, std::string(16000, 'x'))).ok());
  CHECK(server.Frames().empty());
  CHECK(server.Exchange(1).recorder.body.empty());
  for (int i = 0; i < 3; ++i) REQUIRE(server.Feed(wire::Data(3, std::string(16000, 'y'))).ok());
  CHECK(server.Exchange(2).recorder.body.size() == 48000);
  CHECK(server.Frames() == "WINDOW_UPDATE(3,48000)");
  REQUIRE(server.Feed(wire::Data(1, "end", true)).ok());

  server.Stream(1).Resume(PauseReason::kConnectionFull);
  CHECK(server.Exchange(1).recorder.body.empty());  // not on the stack of who resumes
  CHECK(server.interest_changes == 1);
  REQUIRE(server.Again().ok());
  CHECK(server.Exchange(1).recorder.body.size() == 64003);
  CHECK(server.Exchange(1).recorder.ends == 1);
  CHECK(server.Frames() == "WINDOW_UPDATE(0,112003)");
}

TEST_CASE("a resumed stream delivers a part a turn") {
  CodecOptions options;
  options.protocol.initial_stream_window_size = 1024 * 1024;
  TestServer server(options);
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
  server.Stream(1).Pause(PauseReason::kFilterPaused);
  for (int i = 0; i < 40; ++i) REQUIRE(server.Feed(wire::Data(1, std::string(16000, 'x'))).ok());
  server.Stream(1).Resume(PauseReason::kFilterPaused);
  REQUIRE(server.Again().ok());
  const size_t first = server.Exchange(1).recorder.body.size();
  CHECK(first == 256 * 1024);
  server.Stream(1).Pause(PauseReason::kConnectionFull);
  REQUIRE(server.Again().ok());
  CHECK(server.Exchange(1).recorder.body.size() == first);
  server.Stream(1).Resume(PauseReason::kConnectionFull);
  REQUIRE(server.Again().ok());
  REQUIRE(server.Again().ok());
  CHECK(server.Exchange(1).recorder.body.size() == 640000);
}

TEST_CASE("what a stream that was reset held is given back to the connection") {
  TestServer server(SmallWindows());
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
  server.Stream(1).Pause(PauseReason::kFilterPaused);
  for (int i = 0; i < 4; ++i) REQUIRE(server.Feed(wire::Data(1, std::string(16000, 'x'))).ok());
  REQUIRE(server.Feed(wire::RstStream(1, 8)).ok());
  REQUIRE(server.Feed(wire::Headers(3, wire::Post(), false) + wire::Data(3, std::string(3000, 'x')))
              .ok());
  CHECK(server.Frames() == "WINDOW_UPDATE(0,67000)");
}

TEST_CASE("what comes for a stream that is over counts for the connection") {
  TestServer server(SmallWindows());
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
  server.Respond(1, 403, "");
  server.Frames();
  for (int i = 0; i < 5; ++i) REQUIRE(server.Feed(wire::Data(1, std::string(15000, 'x'))).ok());
  CHECK(server.Frames() == "WINDOW_UPDATE(0,75000)");
}

TEST_CASE("an answer waits for the client's window") {
  TestServer server(SmallWindows());
  REQUIRE(server.Feed(wire::Preface() + wire::Settings({{4, 10}})).ok());
  server.Frames();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get()) + wire::Headers(3, wire::Get())).ok());
  server.Events();
  server.Respond(1, 200, "0123456789abc");
  server.Respond(2, 200, "short");
  CHECK(server.Frames() ==
        "HEADERS(1,:status=200,content-length=13) HEADERS(3,:status=200,content-length=5) "
        "DATA(1,0123456789) DATA(3,end,short)");
  CHECK(server.Events() == "r2:done");
  REQUIRE(server.Feed(wire::WindowUpdate(1, 1)).ok());
  CHECK(server.Frames() == "DATA(1,a)");
  REQUIRE(server.Feed(wire::Settings({{4, 100}})).ok());
  CHECK(server.Frames() == "SETTINGS(ack) DATA(1,end,bc)");
  CHECK(server.Events() == "r1:done");
}

TEST_CASE("the source of an answer that is not taken is told to stop") {
  TestServer server(SmallWindows());
  REQUIRE(server.Feed(wire::Preface() + wire::Settings({{4, 5000}})).ok());
  server.Frames();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  server.Events();
  server.RespondHead(1, 200, Framing::kStreamed);
  server.RespondData(1, std::string(15000, 'x'));
  server.RespondData(1, std::string(15000, 'x'));
  CHECK(server.Events() == "r1:full");
  server.Frames();
  REQUIRE(server.Feed(wire::WindowUpdate(1, 14000)).ok());
  server.Frames();
  CHECK(server.Events().empty());
  REQUIRE(server.Feed(wire::WindowUpdate(1, 1000)).ok());
  server.Frames();
  CHECK(server.Events() == "r1:drained");
}

TEST_CASE("bodies around the edges of frames and windows") {
  for (const size_t size : {0u, 1u, 511u, 512u, 16383u, 16384u, 16385u, 65534u, 65535u, 65536u,
                            131069u, 131070u, 131071u, 1000000u}) {
    INFO(size);
    TestServer server(SmallWindows());
    server.Open();
    const std::string body(size, 'b');
    REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
    // A client that respects its window: it is given back what it has sent.
    size_t window = 65535;
    size_t connection = 131070;
    for (size_t at = 0; at < size;) {
      const size_t n = std::min({size - at, size_t{16384}, window, connection});
      REQUIRE(n > 0);
      REQUIRE(server.Feed(wire::Data(1, body.substr(at, n))).ok());
      at += n;
      window -= n;
      connection -= n;
      const std::string frames = server.Frames();
      for (size_t found = frames.find("WINDOW_UPDATE("); found != std::string::npos;
           found = frames.find("WINDOW_UPDATE(", found + 1)) {
        const size_t comma = frames.find(',', found);
        const size_t more = std::stoul(frames.substr(comma + 1));
        (frames[found + 14] == '0' ? connection : window) += more;
      }
    }
    REQUIRE(server.Feed(wire::Data(1, "", true)).ok());
    CHECK(server.Exchange(1).recorder.body == body);
    CHECK(server.Exchange(1).recorder.ends == 1);

    server.RespondHead(1, 200, size == 0 ? Framing::kNone : Framing::kLength, size);
    if (size > 0) server.RespondData(1, body);
    server.RespondEnd(1);
    for (int i = 0; i < 40 && server.codec.streams() > 0; ++i) {
      server.Frames();
      const std::string more = wire::WindowUpdate(0, 60000);
      // The stream may be over.
      REQUIRE(server.Feed(server.codec.streams() > 0 ? more + wire::WindowUpdate(1, 60000) : more)
                  .ok());
    }
    server.Frames();
    CHECK(server.codec.streams() == 0);
    CHECK(server.reader.data_bytes() == size);
  }
}

// Nothing else is to be sent: it was told with the next flush only, and none came.
TEST_CASE("a source is told as soon as its bytes have left with the client's credit") {
  TestServer server(SmallWindows());
  REQUIRE(server.Feed(wire::Preface() + wire::Settings({{4, 5000}})).ok());
  server.Frames();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  server.Events();
  server.RespondHead(1, 200, Framing::kStreamed);
  server.RespondData(1, std::string(30000, 'x'));
  CHECK(server.Events() == "r1:full");
  server.Frames();
  REQUIRE(server.Feed(wire::WindowUpdate(1, 25000)).ok());
  CHECK(server.Events() == "r1:drained");

  TestClient client(SmallWindows());
  client.Open();
  client.Begin("POST", "/", Framing::kStreamed);
  client.Send(1, std::string(70000, 'x'));
  client.Send(1, std::string(30000, 'x'));
  CHECK(client.Events() == "full");
  client.Frames();
  REQUIRE(client.Feed(wire::WindowUpdate(0, 100000) + wire::WindowUpdate(1, 100000)).ok());
  CHECK(client.Events() == "drained");
}

TEST_CASE("what waits for a slow peer is packed, and stays what it was") {
  CodecOptions options;
  options.stream_buffer_limit = 0;
  TestServer server(options);
  REQUIRE(server
              .Feed(wire::Preface() + wire::Settings({{4, 0x7fffffff}}) +
                    wire::WindowUpdate(0, 0x7fff0000 - 65535))
              .ok());
  server.Frames();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  server.RespondHead(1, 200, Framing::kStreamed);
  server.Frames();
  std::string body;
  for (int i = 0; body.size() < 1000000; ++i) body += std::to_string(i) + ",";
  for (size_t at = 0; at < body.size(); at += 20000) {
    server.RespondData(1, body.substr(at, 20000));
  }
  server.codec.Flush();
  std::string received;
  const std::string bytes = server.Bytes();
  for (size_t at = 0; at < bytes.size();) {
    const auto byte = [&bytes, at](size_t i) { return static_cast<uint8_t>(bytes.at(at + i)); };
    const size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
    REQUIRE(byte(3) == wire::kData);
    received += bytes.substr(at + 9, size);
    at += 9 + size;
  }
  CHECK(received == body);
}

TEST_CASE("an answer that is cut off goes out as far as it has come") {
  TestServer server(SmallWindows());
  REQUIRE(server.Feed(wire::Preface() + wire::Settings({{4, 3}})).ok());
  server.Frames();
  REQUIRE(server.Feed(wire::Headers(1, wire::Get()) + wire::Headers(3, wire::Get())).ok());
  server.Events();
  server.RespondHead(1, 200, Framing::kStreamed);
  server.RespondData(1, "part");
  server.Stream(1).OnReset({http::Side::kUpstream, http::ErrorKind::kConnectionTermination});
  server.Stream(2).OnReset({http::Side::kUpstream, http::ErrorKind::kConnectionTermination});
  CHECK(server.Frames() == "HEADERS(1,:status=200) RST_STREAM(3,2) DATA(1,par) RST_STREAM(1,2)");
  CHECK(server.codec.streams() == 0);
}

TEST_CASE("the window of a stream is half of what it may buffer, unless one is configured") {
  CodecOptions options;
  CHECK(options.StreamWindow() == 512 * 1024);
  options.stream_buffer_limit = 1000;
  CHECK(options.StreamWindow() == 65535);
  options.stream_buffer_limit = 1 << 30;
  CHECK(options.StreamWindow() == 16 * 1024 * 1024);
  options.stream_buffer_limit = 0;
  CHECK(options.StreamWindow() == 16 * 1024 * 1024);
  options.protocol.initial_stream_window_size = 100000;
  CHECK(options.StreamWindow() == 100000);
}

}  // namespace
}  // namespace remora::http2
