#pragma once

// Frames of HTTP/2 by hand, for tests: bytes out of what a test wants to say, right or wrong, and
// text out of what a codec has said. Shares no code with the product; only HPACK is read with
// nghttp2's inflater. No state but a FrameReader's table.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remora::wire {

using Fields = std::vector<std::pair<std::string, std::string>>;

enum Type : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoAway,
  kWindowUpdate,
  kContinuation
};
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kAck = 1;
inline constexpr uint8_t kEndHeaders = 4;
inline constexpr uint8_t kPadded = 8;

std::string Number(uint64_t value, int bytes);
std::string Frame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload = {});
// The client's first bytes: magic and empty SETTINGS.
std::string Preface();
// Literal fields without indexing and Huffman coding.
std::string Block(const Fields& fields);
std::string Headers(uint32_t id, const Fields& fields, bool ends = true);
std::string Data(uint32_t id, std::string_view bytes, bool ends = false);
std::string Settings(const std::vector<std::pair<uint16_t, uint32_t>>& entries);
std::string WindowUpdate(uint32_t id, uint32_t increment);
std::string RstStream(uint32_t id, uint32_t code);
std::string GoAway(uint32_t last, uint32_t code);
// GET http://a/ and what is added.
Fields Get(std::string path = "/", Fields more = {});
Fields Post(Fields more = {});

// Reads what a codec sends; keeps the HPACK table between calls.
class FrameReader {
 public:
  FrameReader();
  ~FrameReader();
  FrameReader(FrameReader&&) noexcept;
  // One word a frame, joined by spaces:
  //   SETTINGS(3=100,4=65535) SETTINGS(ack) HEADERS(1,end,:status=200,a=b) DATA(1,end,hi)
  //   RST_STREAM(1,8) GOAWAY(1,11) WINDOW_UPDATE(0,100) PING PING(ack)
  // Data longer than 40 bytes is its size: DATA(1,16384).
  std::string Read(std::string_view bytes);
  size_t data_bytes() const { return data_bytes_; }

 private:
  struct Inflater;
  std::string ReadFrame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload);
  std::unique_ptr<Inflater> inflater_;
  std::string rest_;
  size_t data_bytes_ = 0;
};

}  // namespace remora::wire
