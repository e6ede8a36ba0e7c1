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

void FrameWire::Begin() {
  Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + wire::Settings({{4, 0x7fffffff}}) +
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
  while (body.size() > kMaxFrame) {
    Send(wire::Data(id, body.substr(0, kMaxFrame)));
    body.remove_prefix(kMaxFrame);
  }
  Send(wire::Data(id, body, true));
}

std::string FrameWire::Next() {
  const std::string head = wire_.ReceiveExactly(kHeadSize);
  const std::string payload = wire_.ReceiveExactly(NumberAt(head, 0, 3));
  return reader_.Read(head + payload);
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
    const std::string head = wire_.ReceiveExactly(kHeadSize);
    const std::string payload = wire_.ReceiveExactly(NumberAt(head, 0, 3));
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
  }
}

void FrameWire::Sync() {
  Send(wire::Frame(wire::kPing, 0, 0, "12345678"));
  Await("PING(ack)");
}

}  // namespace remora::harness
