#pragma once

// FrameWire: one end of a connection of HTTP/2 in a test's own hands: sends any frames, reads those
// that come as words (test/http/http2/wire.h). Blocking, with the bounds of Wire. Owner and thread:
// the test's. A client begins with Begin(), a server with Accept().

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "test/harness/wire.h"
#include "test/http/http2/wire.h"

namespace remora::harness {

// What a client or a server has received on one stream.
struct FrameMessage {
  std::string head;  // the word of the last HEADERS frame before the body
  std::string trailers;
  std::string end;  // "end" or the word of what cut it off
  size_t body_size = 0;
  std::string body;
};

class FrameWire {
 public:
  explicit FrameWire(Wire wire) : wire_(std::move(wire)) {}

  // The client's preface, with windows that no body of a test fills; or with one of `window` bytes
  // for each stream, which Receive gives back as it reads.
  void Begin() { Begin(0); }
  void Begin(uint32_t window);
  // Reads the client's preface and answers with SETTINGS.
  void Accept(const std::vector<std::pair<uint16_t, uint32_t>>& settings = {});
  void Send(std::string_view bytes) { wire_.Send(bytes); }
  // A request without a body, or with one; the answer is Receive's. A body respects the peer's
  // windows: what comes meanwhile is read later.
  void Get(uint32_t id, const std::string& path, const wire::Fields& more = {});
  void Post(uint32_t id, std::string_view body, const wire::Fields& more = {});

  // The next frame, as a word.
  std::string Next();
  // The next one whose word begins so; others are passed over.
  std::string Await(std::string_view begin);
  // Everything on one stream to its end; other streams' frames are passed over.
  FrameMessage Receive(uint32_t id);
  // Pings, and passes over what comes before the answer: all that was sent has been acted on.
  void Sync();
  Wire& wire() { return wire_; }

 private:
  struct Frame {
    std::string head;
    std::string payload;
  };
  Frame ReadFrame();
  // From the peer; takes note of the windows that it opens.
  Frame ReadFromPeer();
  void SendBody(uint32_t id, std::string_view body);

  Wire wire_;
  wire::FrameReader reader_;
  std::deque<Frame> early_;  // read while a body was sent
  uint32_t own_window_ = 0;  // 0: as good as none
  int64_t first_window_ = 65535;
  int64_t connection_window_ = 65535;
  std::map<uint32_t, int64_t> windows_;
};

}  // namespace remora::harness
