#include "test/http/http2/wire.h"

#include <nghttp2/nghttp2.h>

#include <stdexcept>

namespace remora::wire {
namespace {

constexpr size_t kHeadSize = 9;

uint64_t ReadNumber(std::string_view bytes, size_t at, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes.at(at + static_cast<size_t>(i)));
  }
  return value;
}

// RFC 7541 section 5.1 with a prefix of `bits`.
void AppendInteger(uint64_t value, int bits, std::string& out) {
  const uint64_t most = (1u << bits) - 1;
  if (value < most) {
    out += static_cast<char>(value);
    return;
  }
  out += static_cast<char>(most);
  for (value -= most; value >= 128; value >>= 7) out += static_cast<char>(value % 128 + 128);
  out += static_cast<char>(value);
}

}  // namespace

std::string Number(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string Frame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload) {
  return Number(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) +
         Number(id, 4) + std::string(payload);
}

std::string Preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + Frame(kSettings, 0, 0); }

std::string Block(const Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block += '\0';
    AppendInteger(name.size(), 7, block);
    block += name;
    AppendInteger(value.size(), 7, block);
    block += value;
  }
  return block;
}

std::string Headers(uint32_t id, const Fields& fields, bool ends) {
  // As many CONTINUATION frames as it takes.
  constexpr size_t kMaxFrame = 16384;
  const std::string block = Block(fields);
  std::string bytes;
  const uint8_t end_stream = ends ? kEndStream : 0;
  for (size_t at = 0; at == 0 || at < block.size(); at += kMaxFrame) {
    const bool last = at + kMaxFrame >= block.size();
    const auto flags = static_cast<uint8_t>((at == 0 ? end_stream : 0) | (last ? kEndHeaders : 0));
    bytes += Frame(at == 0 ? kHeaders : kContinuation, flags, id, block.substr(at, kMaxFrame));
  }
  return bytes;
}

std::string Data(uint32_t id, std::string_view bytes, bool ends) {
  return Frame(kData, ends ? kEndStream : 0, id, bytes);
}

std::string Settings(const std::vector<std::pair<uint16_t, uint32_t>>& entries) {
  std::string payload;
  for (const auto& [name, value] : entries) payload += Number(name, 2) + Number(value, 4);
  return Frame(kSettings, 0, 0, payload);
}

std::string WindowUpdate(uint32_t id, uint32_t increment) {
  return Frame(kWindowUpdate, 0, id, Number(increment, 4));
}

std::string RstStream(uint32_t id, uint32_t code) {
  return Frame(kRstStream, 0, id, Number(code, 4));
}

std::string GoAway(uint32_t last, uint32_t code) {
  return Frame(kGoAway, 0, 0, Number(last, 4) + Number(code, 4));
}

namespace {
Fields Request(std::string method, std::string path, Fields more) {
  Fields fields = {{":method", std::move(method)},
                   {":scheme", "http"},
                   {":authority", "a"},
                   {":path", std::move(path)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
}  // namespace

Fields Get(std::string path, Fields more) {
  return Request("GET", std::move(path), std::move(more));
}
Fields Post(Fields more) { return Request("POST", "/", std::move(more)); }

// --- reading ---

struct FrameReader::Inflater {
  Inflater() { nghttp2_hd_inflate_new(&inflater); }
  ~Inflater() { nghttp2_hd_inflate_del(inflater); }

  std::string Read(std::string_view block) {
    std::string text;
    const auto* at = reinterpret_cast<const uint8_t*>(block.data());
    size_t left = block.size();
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const ssize_t used = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
      if (used < 0) throw std::runtime_error("HPACK error");
      at += used;
      left -= static_cast<size_t>(used);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        text += ',';
        text.append(reinterpret_cast<const char*>(field.name), field.namelen);
        text += '=';
        text.append(reinterpret_cast<const char*>(field.value), field.valuelen);
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater);
    return text;
  }

  nghttp2_hd_inflater* inflater = nullptr;
};

FrameReader::FrameReader() : inflater_(std::make_unique<Inflater>()) {}
FrameReader::~FrameReader() = default;
FrameReader::FrameReader(FrameReader&&) noexcept = default;

std::string FrameReader::Read(std::string_view bytes) {
  rest_ += bytes;
  std::string words;
  while (rest_.size() >= kHeadSize) {
    const size_t size = ReadNumber(rest_, 0, 3);
    if (rest_.size() < kHeadSize + size) break;
    const std::string payload = rest_.substr(kHeadSize, size);
    const std::string word =
        ReadFrame(static_cast<uint8_t>(rest_[3]), static_cast<uint8_t>(rest_[4]),
                  static_cast<uint32_t>(ReadNumber(rest_, 5, 4)), payload);
    rest_.erase(0, kHeadSize + size);
    if (!words.empty()) words += ' ';
    words += word;
  }
  return words;
}

std::string FrameReader::ReadFrame(uint8_t type, uint8_t flags, uint32_t id,
                                   std::string_view payload) {
  const std::string stream = std::to_string(id);
  const std::string end = (flags & kEndStream) != 0 ? ",end" : "";
  const auto number = [payload](size_t at, int size) {
    return std::to_string(ReadNumber(payload, at, size));
  };
  switch (type) {
    case kData:
      data_bytes_ += payload.size();
      if (payload.empty()) return "DATA(" + stream + end + ")";
      return "DATA(" + stream + end + "," +
             (payload.size() > 40 ? std::to_string(payload.size()) : std::string(payload)) + ")";
    case kHeaders:
      return "HEADERS(" + stream + end + inflater_->Read(payload) + ")";
    case kRstStream:
      return "RST_STREAM(" + stream + "," + number(0, 4) + ")";
    case kSettings: {
      if ((flags & kAck) != 0) return "SETTINGS(ack)";
      std::string text = "SETTINGS(";
      for (size_t at = 0; at < payload.size(); at += 6) {
        text += (at == 0 ? "" : ",") + number(at, 2) + "=" + number(at + 2, 4);
      }
      return text + ")";
    }
    case kPing:
      return (flags & kAck) != 0 ? "PING(ack)" : "PING";
    case kGoAway:
      return "GOAWAY(" + number(0, 4) + "," + number(4, 4) + ")";
    case kWindowUpdate:
      return "WINDOW_UPDATE(" + stream + "," + number(0, 4) + ")";
    default:
      return "FRAME" + std::to_string(type);
  }
}

}  // namespace remora::wire
