#include "test/harness/frame_wire.h"

#include <algorithm>

namespace remora::harness {
namespace {

constexpr size_t kHeadSize = 9;
constexpr size_t kMaxFrame = 16384;

uint64_t NumberAt(std::string_view bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes.at(at + i));
  return value;
}

}  // namespace

void FrameWire::Begin(uint32_t window) {
  own_window_ = window;
  const uint32_t stream = window != 0 ? window : 0x7fffffff;
  Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + wire::Settings({{4, stream}}) +
       wire::WindowUpdate(0, 0x7fff0000 - 65535));
  // The server's windows count from here on.
  Await("SETTINGS(");
  Send(wire::Frame(wire::kSettings, wire::kAck, 0));
}

void FrameWire::Accept(const std::vector<std::pair<uint16_t, uint32_t>>& settings) {
  wire_.ReceiveExactly(std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").size());
  Send(wire::Settings(settings) + wire::Frame(wire::kSettings, wire::kAck, 0));
}

void FrameWire::Get(uint32_t id, const std::string& path, const wire::Fields& more) {
  Send(wire::Headers(id, wire::Get(path, more)));
}

void FrameWire::Post(uint32_t id, std::string_view body, const wire::Fields& more) {
  Send(wire::Headers(id, wire::Post(more), false));
  SendBody(id, body);
}

void FrameWire::SendBody(uint32_t id, std::string_view body) {
  int64_t& window = windows_.try_emplace(id, first_window_).first->second;
  while (!body.empty()) {
    const int64_t credit = std::min(window, connection_window_);
    if (credit <= 0) {
      early_.push_back(ReadFromPeer());
      continue;
    }
    const size_t size = std::min({body.size(), kMaxFrame, static_cast<size_t>(credit)});
    if (size == body.size()) break;
    Send(wire::Data(id, body.substr(0, size)));
    body.remove_prefix(size);
    window -= static_cast<int64_t>(size);
    connection_window_ -= static_cast<int64_t>(size);
  }
  window -= static_cast<int64_t>(body.size());
  connection_window_ -= static_cast<int64_t>(body.size());
  Send(wire::Data(id, body, true));
}

FrameWire::Frame FrameWire::ReadFromPeer() {
  Frame frame;
  frame.head = wire_.ReceiveExactly(kHeadSize);
  frame.payload = wire_.ReceiveExactly(NumberAt(frame.head, 0, 3));
  const auto type = static_cast<uint8_t>(frame.head[3]);
  const auto id = static_cast<uint32_t>(NumberAt(frame.head, 5, 4));
  if (type == wire::kWindowUpdate) {
    const auto more = static_cast<int64_t>(NumberAt(frame.payload, 0, 4));
    (id == 0 ? connection_window_ : windows_.try_emplace(id, first_window_).first->second) += more;
  } else if (type == wire::kSettings) {
    for (size_t at = 0; at + 6 <= frame.payload.size(); at += 6) {
      if (NumberAt(frame.payload, at, 2) != 4) continue;
      const auto first = static_cast<int64_t>(NumberAt(frame.payload, at + 2, 4));
      for (auto& [stream, window] : windows_) window += first - first_window_;
      first_window_ = first;
    }
  }
  return frame;
}

FrameWire::Frame FrameWire::ReadFrame() {
  if (early_.empty()) return ReadFromPeer();
  Frame frame = std::move(early_.front());
  early_.pop_front();
  return frame;
}

std::string FrameWire::Next() {
  const Frame frame = ReadFrame();
  return reader_.Read(frame.head + frame.payload);
}

std::string FrameWire::Await(std::string_view begin) {
  for (;;) {
    const std::string word = Next();
    if (word.compare(0, begin.size(), begin) == 0) return word;
  }
}

FrameMessage FrameWire::Receive(uint32_t id) {
  FrameMessage message;
  for (;;) {
    const auto [head, payload] = ReadFrame();
    const std::string word = reader_.Read(head + payload);
    const auto type = static_cast<uint8_t>(head[3]);
    if (type == wire::kGoAway) {
      message.end = word;
      if (NumberAt(payload, 4, 4) != 0) return message;
      continue;
    }
    if (NumberAt(head, 5, 4) != id) continue;
    if (type == wire::kRstStream) {
      message.end = word;
      return message;
    }
    if (type == wire::kHeaders) {
      (message.body_size == 0 && message.trailers.empty() &&
               (message.head.empty() || message.head.find(":status=1") != std::string::npos)
           ? message.head
           : message.trailers) = word;
    }
    if (type == wire::kData) {
      message.body_size += payload.size();
      if (message.body.size() < 100000) message.body += payload;
    }
    if ((type == wire::kData || type == wire::kHeaders) &&
        (static_cast<uint8_t>(head[4]) & wire::kEndStream) != 0) {
      message.end = "end";
      return message;
    }
    if (type == wire::kData && own_window_ != 0 && !payload.empty()) {
      const auto size = static_cast<uint32_t>(payload.size());
      Send(wire::WindowUpdate(id, size) + wire::WindowUpdate(0, size));
    }
  }
}

void FrameWire::Sync() {
  Send(wire::Frame(wire::kPing, 0, 0, "12345678"));
  Await("PING(ack)");
}

}  // namespace remora::harness
