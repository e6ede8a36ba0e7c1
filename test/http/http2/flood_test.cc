#include "source/http/http2/flood_guard.h"

#include "source/stats/store.h"
#include "test/http/http2/codec_harness.h"

// Peers that cost more than they should: each ends the connection, with a statistic.

namespace remora::http2 {
namespace {

std::string Repeat(const std::string& bytes, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += bytes;
  return all;
}

TEST_CASE("floods end the connection") {
  struct Flood {
    const char* what;
    std::string bytes;
    std::string_view detail;
  };
  const std::string open = wire::Headers(1, wire::Post(), false);
  const std::vector<Flood> cases = {
      {"empty DATA", open + Repeat(wire::Data(1, ""), 2), "http2.inbound_empty_frames_flood"},
      {"padded empty DATA",
       open + Repeat(wire::Frame(wire::kData, wire::kPadded, 1, {"\2\0\0", 3}), 2),
       "http2.inbound_empty_frames_flood"},
      {"PRIORITY", open + Repeat(wire::Frame(wire::kPriority, 0, 1, {"\0\0\0\0\1", 5}), 201),
       "http2.inbound_priority_frames_flood"},
      {"PRIORITY of idle streams",
       Repeat(wire::Frame(wire::kPriority, 0, 7, {"\0\0\0\0\1", 5}), 101),
       "http2.inbound_priority_frames_flood"},
      {"WINDOW_UPDATE of the connection", Repeat(wire::WindowUpdate(0, 1), 6),
       "http2.inbound_window_update_frames_flood"},
      {"WINDOW_UPDATE of a stream", open + Repeat(wire::WindowUpdate(1, 1), 8),
       "http2.inbound_window_update_frames_flood"},
  };
  for (const Flood& c : cases) {
    INFO(c.what);
    TestServer server;
    server.Open();
    const absl::Status status = server.Feed(c.bytes);
    CHECK_FALSE(status.ok());
    CHECK(server.codec.error().detail == c.detail);
    CHECK(server.Frames().find(",11)") != std::string::npos);
  }
}

TEST_CASE("answers that nobody reads are bounded") {
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"PING", wire::Frame(wire::kPing, 0, 0, "12345678")},
      {"SETTINGS", wire::Settings({{4, 65535}})},
      {"empty SETTINGS", wire::Settings({})},
  };
  for (const auto& [what, bytes] : cases) {
    INFO(what);
    TestServer server;
    server.Open();
    // The output is never taken.
    bool ended = false;
    for (int i = 0; i < 20 && !ended; ++i) {
      ended = !server.Feed(Repeat(bytes, 100)).ok();
      server.codec.Flush();
      ended |= server.codec.failed();
    }
    CHECK(ended);
    CHECK(server.codec.error().detail == "http2.outbound_control_frames_flood");
    CHECK(server.output.length() < 20000);
  }
  // Whoever reads the answers may ask as often as he likes.
  TestServer server;
  server.Open();
  for (int i = 0; i < 5000; ++i) {
    REQUIRE(server.Feed(wire::Frame(wire::kPing, 0, 0, "12345678")).ok());
    server.Bytes();
  }
}

TEST_CASE("frames of answers that nobody reads are bounded") {
  CodecOptions options;
  options.protocol.max_outbound_frames = 100;
  TestServer server(options);
  REQUIRE(server.Feed(wire::Preface() + wire::WindowUpdate(0, 0x3fffffff)).ok());
  server.Frames();
  for (uint32_t id = 1; !server.codec.failed() && id < 1000; id += 2) {
    REQUIRE(server.Feed(wire::Headers(id, wire::Get())).ok());
    server.Respond(server.exchanges.size(), 200, "x");
    server.codec.Flush();
  }
  CHECK(server.codec.error().detail == "http2.outbound_frames_flood");
}

TEST_CASE("CONTINUATION without end is cut off") {
  TestServer server;
  server.Open();
  absl::Status status = server.Feed(wire::Frame(wire::kHeaders, 1, 1, wire::Block(wire::Get())));
  size_t sent = 0;
  while (status.ok() && sent < 2 * 1024 * 1024) {
    const std::string more =
        wire::Frame(wire::kContinuation, 0, 1, wire::Block({{"a", std::string(4000, 'x')}}));
    sent += more.size();
    status = server.Feed(more);
  }
  CHECK_FALSE(status.ok());
  CHECK(sent < 100 * 1024);
  // Empty ones, too.
  TestServer empty;
  empty.Open();
  CHECK_FALSE(empty
                  .Feed(wire::Frame(wire::kHeaders, 1, 1, wire::Block(wire::Get())) +
                        Repeat(wire::Frame(wire::kContinuation, 0, 1), 50))
                  .ok());
}

TEST_CASE("a block of references to a large entry is too large") {
  TestServer server;
  server.Open();
  // Indexed once, then named 10,000 times by one byte.
  REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
  std::string block = wire::Block(wire::Get());
  block +=
      "\x40\x01"
      "a"
      "\x7f\xa1\x1e" +
      std::string(4000, 'x');
  block += std::string(10000, '\xbe');
  REQUIRE(server.Feed(wire::Frame(wire::kHeaders, 5, 3, block)).ok());
  CHECK(server.Frames().find("RST_STREAM(3,2)") != std::string::npos);
}

TEST_CASE("SETTINGS of 2,400 entries") {
  TestServer server;
  server.Open();
  CHECK_FALSE(
      server.Feed(wire::Settings(std::vector<std::pair<uint16_t, uint32_t>>(2400, {0x99, 1})))
          .ok());
}

TEST_CASE("malformed messages without end are cut off where one does not end the connection") {
  CodecOptions options;
  options.protocol.stream_error_on_invalid_message = true;
  TestServer server(options);
  server.Open();
  uint32_t id = 1;
  while (id < 8000 && server.Feed(wire::Headers(id, wire::Get("/", {{"A", "b"}}))).ok()) {
    server.Bytes();
    id += 2;
  }
  CHECK(id < 1100);
  CHECK(server.codec.error().detail == "http2.malformed_messages_flood");
}

TEST_CASE("statistics tell of it") {
  stats::Store store(0);
  CodecOptions options;
  options.stats = store.AddScope("http2").Make<Stats>(store.main_shard());
  {
    TestServer server(options);
    server.Open();
    REQUIRE(server.Feed(wire::Headers(1, wire::Get()) + wire::RstStream(1, 8)).ok());
    REQUIRE(
        server.Feed(wire::Headers(3, wire::Post(), false) + wire::Headers(3, {{"a", "b"}})).ok());
    server.Respond(2, 200, "");
    server.Frames();
    CHECK_FALSE(server.Feed(wire::Headers(5, wire::Get("/", {{"A", "b"}}))).ok());
  }
  std::string text;
  const stats::Snapshot snapshot = store.TakeSnapshot();
  for (const stats::Metric& metric : snapshot.metrics()) {
    if (metric.value == 0) continue;
    text += std::string(metric.name) + "=" + std::to_string(metric.value) + " ";
  }
  CHECK(text ==
        "http2.goaway_sent=1 http2.rx_messaging_error=1 http2.rx_reset=1 http2.trailers=1 ");
}

TEST_CASE("offsets are dropped as bytes leave") {
  OffsetQueue queue;
  for (uint64_t i = 1; i <= 10; ++i) queue.Push(i * 10);
  queue.DropTo(55);
  CHECK(queue.size() == 5);
  queue.DropTo(95);
  CHECK(queue.size() == 1);
  queue.Push(200);
  queue.DropTo(150);
  CHECK(queue.size() == 1);
  queue.DropTo(200);
  CHECK(queue.size() == 0);
}

}  // namespace
}  // namespace remora::http2
