#include "source/http/http1/serializer.h"

#include <emmintrin.h>

#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

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

// Room for framing and connection lines, the longest content-length included.
constexpr size_t kOwnFieldsRoom = 96;

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

// Contiguous room in a buffer for one head of at most `bound` bytes.
class HeadWriter {
 public:
  HeadWriter(buffer::Buffer& output, size_t bound) : output_(output) {
    if (__builtin_expect(bound <= buffer::Block::capacity(), 1)) {
      begin_ = output.ReserveContiguous(bound);
    } else {
      large_ = std::make_unique<char[]>(bound);
      begin_ = large_.get();
    }
    at_ = begin_;
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
  void Put(std::string_view text) { Put(text.data(), text.size()); }
  void Put(const char* text, size_t size) {
    // An empty value may have no bytes at all, which memcpy does not allow.
    if (size > 0) std::memcpy(at_, text, size);
    at_ += size;
  }
  void PutNumber(uint64_t number) { at_ = std::to_chars(at_, at_ + 20, number).ptr; }
  void PutLength(uint64_t length) {
    Put("content-length: ");
    PutNumber(length);
    Put("\r\n");
  }
  void PutUpgrade(std::string_view protocol) {
    Put("connection: upgrade\r\nupgrade: ");
    Put(protocol);
    Put("\r\n");
  }
  void PutFields(const http::HeaderMap& headers);

 private:
  buffer::Buffer& output_;
  std::unique_ptr<char[]> large_;
  char* begin_;
  char* at_;
};

size_t FieldsBound(const http::HeaderMap& headers) {
  size_t bound = 0;
  const HeaderEntry* const end = headers.entries() + headers.entry_count();
  for (const HeaderEntry* entry = headers.entries(); entry != end; ++entry) {
    bound += size_t{entry->name_size} + entry->value_size + 4;
  }
  return bound;
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
      Put(run, static_cast<size_t>(run_end - run));
      continue;
    }
    // HeaderMap takes no value with a control byte in it.
    DCHECK(!HasByteBelow(0x20, '\t', entry->value()));
    Put(entry->name());
    Put(": ");
    Put(entry->value());
    Put("\r\n");
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
  HeadWriter writer(output, method.size() + target.size() + host.size() + head.upgrade.size() +
                                kOwnFieldsRoom + FieldsBound(head.headers));
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

constexpr size_t kStatusLineRoom = 64;

void WriteLowerResponseHead(const http::ResponseHead& head, const ResponseContext& context,
                            buffer::Buffer& output, BodyWriter& body) {
  HeadWriter writer(
      output, kStatusLineRoom + kOwnFieldsRoom + head.upgrade.size() + FieldsBound(head.headers));
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
  HeadWriter writer(output, kStatusLineRoom + FieldsBound(head.headers));
  PutStatusLine(head.status, http::Version::kHttp11, writer);
  writer.PutFields(head.headers);
  writer.Put("\r\n");
}

void WriteTrailerFields(const http::HeaderMap& trailers, buffer::Buffer& output) {
  HeadWriter writer(output, FieldsBound(trailers));
  writer.PutFields(trailers);
}

}  // namespace remora::http1
