#include "source/http/http1/serializer.h"

#include <emmintrin.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "source/base/check.h"
#include "source/http/codes.h"
#include "source/http/field_rules.h"
#include "source/http/http1/name_case.h"

namespace remora::http1 {
namespace {

using http::HeaderEntry;
using http::HeaderId;

constexpr uint64_t Bit(HeaderId id) { return uint64_t{1} << static_cast<unsigned>(id); }
// Never copied from the map: we say these ourselves, or nobody does.
constexpr uint64_t kOwnFields = Bit(HeaderId::kConnection) | Bit(HeaderId::kContentLength) |
                                Bit(HeaderId::kHost) | Bit(HeaderId::kHttp2Settings) |
                                Bit(HeaderId::kKeepAlive) | Bit(HeaderId::kProxyConnection) |
                                Bit(HeaderId::kTransferEncoding) | Bit(HeaderId::kUpgrade);
static_assert(static_cast<unsigned>(HeaderId::kUpgrade) < 64);

bool IsOwn(HeaderId id) {
  return static_cast<unsigned>(id) < 64 && ((kOwnFields >> static_cast<unsigned>(id)) & 1) != 0;
}
bool Skipped(const HeaderEntry& entry) { return entry.removed() || IsOwn(entry.id); }

// Room for framing and connection lines, the longest content-length included, and for the fixed
// parts of a first line.
constexpr size_t kOwnFieldsRoom = 160;

// Whether a byte is below `least` (unsigned) and not `except`.
bool HasByteBelow(uint8_t least, char except, std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.size() < 16) {
    bool found = false;
    for (; at != end; ++at) found |= static_cast<uint8_t>(*at) < least && *at != except;
    return found;
  }
  const __m128i limit = _mm_set1_epi8(static_cast<char>(least - 1));
  const __m128i allowed = _mm_set1_epi8(except);
  __m128i found = _mm_setzero_si128();
  const auto look = [&](const char* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, limit), bytes);
    found = _mm_or_si128(found, _mm_andnot_si128(_mm_cmpeq_epi8(bytes, allowed), low));
  };
  for (; end - at > 16; at += 16) look(at);
  look(end - 16);  // overlaps the one before
  return _mm_movemask_epi8(found) != 0;
}

// A part of the request line that a filter may have rewritten: bytes that would end it early are
// percent-encoded.
std::string_view LinePart(std::string_view text, base::Arena& arena) {
  constexpr uint8_t kFirstPrintable = 0x21;
  if (__builtin_expect(!HasByteBelow(kFirstPrintable, '!', text), 1)) return text;
  constexpr char kHex[] = "0123456789ABCDEF";
  char* encoded = arena.AllocateBytes(text.size() * 3);
  size_t size = 0;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= kFirstPrintable) {
      encoded[size++] = c;
    } else {
      encoded[size++] = '%';
      encoded[size++] = kHex[byte >> 4];
      encoded[size++] = kHex[byte & 15];
    }
  }
  return {encoded, size};
}

// Copies what is short without a call, as most names and values are; returns where it ends.
__attribute__((always_inline)) inline char* CopyText(char* to, std::string_view text) {
  const char* const from = text.data();
  const size_t size = text.size();
  // A word from each end; they overlap.
  const auto copy_ends = [&]<class Word>(Word) {
    Word first, last;
    std::memcpy(&first, from, sizeof(Word));
    std::memcpy(&last, from + size - sizeof(Word), sizeof(Word));
    std::memcpy(to, &first, sizeof(Word));
    std::memcpy(to + size - sizeof(Word), &last, sizeof(Word));
  };
  struct Vector {
    uint64_t halves[2];
  };
  if (size > 2 * sizeof(Vector)) {
    std::memcpy(to, from, size);
  } else if (size >= sizeof(Vector)) {
    copy_ends(Vector());
  } else if (size >= sizeof(uint64_t)) {
    copy_ends(uint64_t());
  } else if (size >= sizeof(uint32_t)) {
    copy_ends(uint32_t());
  } else {
    for (size_t i = 0; i < size; ++i) to[i] = from[i];
  }
  return to + size;
}

// Contiguous room at the end of a buffer for one head.
//
// Ensure() comes before texts of any length; behind it there always is room for kOwnFieldsRoom
// bytes of what we say ourselves.
class HeadWriter {
 public:
  explicit HeadWriter(buffer::Buffer& output) : output_(output) {
    begin_ = at_ = output.ReserveContiguous(kFirstRoom);
    SetEnd(kFirstRoom);
  }
  HeadWriter(const HeadWriter&) = delete;
  HeadWriter& operator=(const HeadWriter&) = delete;
  ~HeadWriter() {
    const auto size = static_cast<size_t>(at_ - begin_);
    if (large_ == nullptr) {
      output_.CommitContiguous(size);
    } else {
      output_.Append({begin_, size});
    }
  }

  char* at() const { return at_; }
  void Ensure(size_t size) {
    // What we say ourselves may have gone beyond the end.
    if (__builtin_expect(static_cast<ptrdiff_t>(size) > end_ - at_, 0)) Grow(size);
  }
  void Put(std::string_view text) { at_ = CopyText(at_, text); }
  template <size_t N>
  void Put(const char (&literal)[N]) {
    std::memcpy(at_, literal, N - 1);
    at_ += N - 1;
  }
  void PutNumber(uint64_t number) { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
  void PutLength(uint64_t length) {
    Put("content-length: ");
    PutNumber(length);
    Put("\r\n");
  }
  void PutUpgrade(std::string_view protocol) {
    Ensure(protocol.size() + kOwnFieldsRoom);
    Put("connection: upgrade\r\nupgrade: ");
    Put(protocol);
    Put("\r\n");
  }
  void PutFields(const http::HeaderMap& headers);

 private:
  void PutField(const HeaderEntry& entry);

  // What most heads need; a block with less left is left alone.
  static constexpr size_t kFirstRoom = 1024;
  static_assert(kFirstRoom > kOwnFieldsRoom);

  void SetEnd(size_t room) { end_ = begin_ + room - kOwnFieldsRoom; }
  void Grow(size_t size);

  buffer::Buffer& output_;
  std::unique_ptr<char[]> large_;
  char* begin_;
  char* at_;
  char* end_;  // kOwnFieldsRoom before the end of the room
};

// Moves to a place with room for `size` bytes more: a block of its own, or the heap.
__attribute__((noinline)) void HeadWriter::Grow(size_t size) {
  const auto written = static_cast<size_t>(at_ - begin_);
  const size_t wanted = written + size + kOwnFieldsRoom;
  if (large_ == nullptr && wanted <= buffer::Block::capacity()) {
    // There may be as much behind it, or a fresh block has it.
    const size_t room = std::min(2 * wanted, buffer::Block::capacity());
    char* const place = output_.ReserveContiguous(room);
    if (place != begin_) std::memcpy(place, begin_, written);
    begin_ = place;
    SetEnd(room);
  } else {
    const size_t room = 2 * wanted;
    std::unique_ptr<char[]> larger = std::make_unique<char[]>(room);
    std::memcpy(larger.get(), begin_, written);
    if (large_ == nullptr) output_.CommitContiguous(0);
    large_ = std::move(larger);
    begin_ = large_.get();
    SetEnd(room);
  }
  at_ = begin_ + written;
}

__attribute__((noinline)) void HeadWriter::PutField(const HeaderEntry& entry) {
  Ensure(size_t{entry.name_size} + entry.value_size + 4);
  char* at = CopyText(at_, entry.name());
  std::memcpy(at, ": ", 2);
  at = CopyText(at + 2, entry.value());
  std::memcpy(at, "\r\n", 2);
  at_ = at + 2;
}

void HeadWriter::PutFields(const http::HeaderMap& headers) {
  const HeaderEntry* entry = headers.entries();
  const HeaderEntry* const end = entry + headers.entry_count();
  while (entry != end) {
    if (Skipped(*entry)) {
      ++entry;
      continue;
    }
    if (entry->canonical) {
      const char* const run = entry->name_data;
      const char* run_end;
      do {
        run_end = entry->value_data + entry->value_size + 2;
        ++entry;
      } while (entry != end && entry->name_data == run_end && entry->canonical && !Skipped(*entry));
      const auto size = static_cast<size_t>(run_end - run);
      Ensure(size);
      Put(std::string_view(run, size));
      continue;
    }
    // HeaderMap takes no value with a control byte in it.
    DCHECK(!HasByteBelow(0x20, '\t', entry->value()));
    PutField(*entry);
    ++entry;
  }
}

// GET and its like usually have no content; of any other method's request it is said.
bool ExpectsBody(http::Method method) {
  return method != http::Method::kGet && method != http::Method::kHead &&
         method != http::Method::kDelete && method != http::Method::kTrace &&
         method != http::Method::kConnect;
}

void WriteLowerRequestHead(const http::RequestHead& head, buffer::Buffer& output,
                           BodyWriter& body) {
  const bool connect = head.method_id == http::Method::kConnect;
  base::Arena& arena = head.arena();
  const std::string_view method = LinePart(head.method, arena);
  const std::string_view target = LinePart(connect ? head.authority : head.path, arena);
  const std::string_view host = LinePart(head.authority, arena);
  HeadWriter writer(output);
  writer.Ensure(method.size() + target.size() + host.size());
  writer.Put(method);
  writer.Put(" ");
  writer.Put(target);
  writer.Put(" HTTP/1.1\r\nhost: ");
  writer.Put(host);
  writer.Put("\r\n");
  writer.PutFields(head.headers);
  if (!head.upgrade.empty()) writer.PutUpgrade(head.upgrade);
  switch (head.framing) {
    case http::Framing::kNone:
      // A method that usually has content says that it has none (RFC 9110 section 8.6).
      if (ExpectsBody(head.method_id) || head.headers.Has(HeaderId::kContentLength)) {
        writer.Put("content-length: 0\r\n");
      }
      body.Start(BodyMode::kNone, 0);
      break;
    case http::Framing::kLength:
      writer.PutLength(head.length);
      body.Start(BodyMode::kLength, head.length);
      break;
    case http::Framing::kStreamed:
      writer.Put("transfer-encoding: chunked\r\n");
      body.Start(BodyMode::kChunked, 0);
      break;
    case http::Framing::kTunnel:
      body.Start(BodyMode::kUntilClose, 0);
      break;
  }
  writer.Put("\r\n");
}

}  // namespace

void WriteRequestHead(const http::RequestHead& head, http::NameCase name_case,
                      buffer::Buffer& output, BodyWriter& body) {
  if (__builtin_expect(name_case != http::NameCase::kLower || !head.received.empty(), 0)) {
    buffer::Buffer lower(output.pool());
    WriteLowerRequestHead(head, lower, body);
    WriteWithNameCase(lower, head.received, name_case, output);
  } else {
    WriteLowerRequestHead(head, output, body);
  }
}

namespace {

// The framing fields of a response, and how its body is written.
void PutResponseFraming(const http::ResponseHead& head, const ResponseContext& context,
                        HeadWriter& writer, BodyWriter& body) {
  if (head.status == 101 && head.framing == http::Framing::kTunnel) {
    writer.PutUpgrade(head.upgrade);
    body.Start(BodyMode::kUntilClose, 0);
    return;
  }
  body.Start(BodyMode::kNone, 0);
  const bool to_head = context.method == http::Method::kHead;
  const bool tunnel = context.method == http::Method::kConnect && head.status < 300;
  if (head.status < 200 || head.status == 204) return;
  if (tunnel) {
    if (head.framing == http::Framing::kTunnel) body.Start(BodyMode::kUntilClose, 0);
    return;
  }
  if (to_head || head.status == 304) {
    // What a GET would have had; passed on as it came.
    uint64_t length = head.length;
    if (head.framing == http::Framing::kLength ||
        http::ParseContentLength(head.headers.Get(HeaderId::kContentLength), length)) {
      writer.PutLength(length);
    }
    return;
  }
  switch (head.framing) {
    case http::Framing::kNone:
      writer.PutLength(0);
      return;
    case http::Framing::kLength:
      writer.PutLength(head.length);
      body.Start(BodyMode::kLength, head.length);
      return;
    case http::Framing::kStreamed:
      if (context.version == http::Version::kHttp10) {
        body.Start(BodyMode::kUntilClose, 0);
      } else {
        writer.Put("transfer-encoding: chunked\r\n");
        body.Start(BodyMode::kChunked, 0);
      }
      return;
    case http::Framing::kTunnel:
      body.Start(BodyMode::kUntilClose, 0);
      return;
  }
}

void PutStatusLine(uint16_t status, http::Version version, HeadWriter& writer) {
  const std::string_view line = http::StatusLine(status);
  DCHECK(!line.empty());
  char* const begin = writer.at();
  writer.Put(line);
  // The minor version is the last byte of "HTTP/1.1".
  if (version == http::Version::kHttp10) begin[7] = '0';
}

void WriteLowerResponseHead(const http::ResponseHead& head, const ResponseContext& context,
                            buffer::Buffer& output, BodyWriter& body) {
  HeadWriter writer(output);
  PutStatusLine(head.status, context.version, writer);
  writer.PutFields(head.headers);
  PutResponseFraming(head, context, writer, body);
  if (context.close) {
    writer.Put("connection: close\r\n");
  } else if (context.version == http::Version::kHttp10) {
    writer.Put("connection: keep-alive\r\n");
  }
  writer.Put("\r\n");
}

}  // namespace

void WriteResponseHead(const http::ResponseHead& head, const ResponseContext& context,
                       buffer::Buffer& output, BodyWriter& body) {
  const bool lower_case = context.name_case == http::NameCase::kLower && head.received.empty();
  if (__builtin_expect(!lower_case, 0)) {
    buffer::Buffer lower(output.pool());
    WriteLowerResponseHead(head, context, lower, body);
    WriteWithNameCase(lower, head.received, context.name_case, output);
  } else {
    WriteLowerResponseHead(head, context, output, body);
  }
}

void WriteInformationalHead(const http::ResponseHead& head, buffer::Buffer& output) {
  HeadWriter writer(output);
  PutStatusLine(head.status, http::Version::kHttp11, writer);
  writer.PutFields(head.headers);
  writer.Put("\r\n");
}

void WriteTrailerFields(const http::HeaderMap& trailers, buffer::Buffer& output) {
  HeadWriter writer(output);
  writer.PutFields(trailers);
}

}  // namespace remora::http1
