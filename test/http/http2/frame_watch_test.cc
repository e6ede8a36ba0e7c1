#include "source/http/http2/frame_watch.h"

#include "test/http/http2/codec_harness.h"

namespace remora::http2 {
namespace {

// All of it at once, and byte by byte.
FrameWatch::Finding Watch(const std::string& bytes, int32_t ended = 0) {
  FrameWatch whole;
  if (ended != 0) whole.AddEnded(ended);
  const size_t read = whole.Read(bytes);
  FrameWatch pieces;
  if (ended != 0) pieces.AddEnded(ended);
  size_t in_pieces = 0;
  while (in_pieces < bytes.size() && pieces.found() == FrameWatch::Finding::kNone) {
    in_pieces += pieces.Read(std::string_view(bytes).substr(in_pieces, 1));
  }
  CHECK(pieces.found() == whole.found());
  CHECK(in_pieces == read);
  if (whole.found() == FrameWatch::Finding::kNone) CHECK(read == bytes.size());
  return whole.found();
}

// Depends on `on`, as the only one.
std::string Priority(uint32_t id, uint32_t on) {
  return wire::Frame(wire::kPriority, 0, id, wire::Number(on | 0x80000000, 4) + "\x10");
}

using Finding = FrameWatch::Finding;

TEST_CASE("frames that may come are let through") {
  const std::string preface = wire::Preface();
  CHECK(Watch(preface) == Finding::kNone);
  CHECK(Watch(preface + wire::Headers(1, wire::Post(), false) + wire::Data(1, "x", true) +
              Priority(3, 1) + wire::Headers(3, wire::Get())) == Finding::kNone);
  CHECK(Watch(preface + wire::Headers(3, wire::Get()) + wire::WindowUpdate(1, 9), 1) ==
        Finding::kNone);
  CHECK(Watch(preface + wire::Frame(wire::kPriority, 0, 1, "x")) == Finding::kNone);
}

TEST_CASE("a stream that the peer has ended takes nothing more") {
  const std::string preface = wire::Preface();
  CHECK(Watch(preface + wire::Data(1, "x"), 1) == Finding::kStreamClosed);
  CHECK(Watch(preface + wire::Headers(1, wire::Get()), 1) == Finding::kStreamClosed);
  CHECK(Watch(preface + wire::RstStream(1, 8) + wire::Data(3, "x") + wire::Data(1, "x")) ==
        Finding::kStreamClosed);
}

TEST_CASE("a priority is of a stream, and not on itself") {
  const std::string preface = wire::Preface();
  CHECK(Watch(preface + Priority(0, 1)) == Finding::kPriority);
  CHECK(Watch(preface + Priority(5, 5)) == Finding::kPriority);
}

TEST_CASE("what comes behind the end of a stream ends the connection") {
  for (const std::string& more : {wire::Data(1, "x"), wire::Headers(1, wire::Get())}) {
    TestServer server;
    server.Open();
    REQUIRE(server.Feed(wire::Headers(1, wire::Get())).ok());
    server.Respond(1, 200, "hi");
    server.Frames();
    CHECK_FALSE(server.Feed(more).ok());
    CHECK(server.Frames() == "GOAWAY(1,5)");
  }
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
  CHECK_FALSE(server.Feed(wire::RstStream(1, 8) + wire::Data(1, "x")).ok());
  CHECK(server.Frames() == "GOAWAY(1,5)");
}

TEST_CASE("what was on its way to a stream that we reset is ignored") {
  TestServer server;
  server.Open();
  REQUIRE(server.Feed(wire::Headers(1, wire::Post(), false)).ok());
  server.Respond(1, 413, "no");
  server.Frames();
  CHECK(server.Feed(wire::Data(1, "x") + wire::Data(1, "y", true)).ok());
  CHECK(server.Feed(wire::Headers(3, wire::Get())).ok());
}

}  // namespace
}  // namespace remora::http2
