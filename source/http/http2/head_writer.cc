#include "source/http/http2/head_writer.h"

#include <algorithm>
#include <charconv>

#include "source/http/codes.h"

namespace remora::http2 {

using http::Framing;
using http::HeaderEntry;
using http::HeaderId;
using http::HeaderIdSet;
using http::Method;

namespace {

// Never copied from the map: they have no place in HTTP/2, or we say them ourselves.
constexpr HeaderIdSet kOwnFields = {
    HeaderId::kConnection,       HeaderId::kContentLength, HeaderId::kHost,
    HeaderId::kHttp2Settings,    HeaderId::kKeepAlive,     HeaderId::kProxyConnection,
    HeaderId::kTransferEncoding, HeaderId::kUpgrade,
};
constexpr HeaderIdSet kUniqueFields = {HeaderId::kXRequestId, HeaderId::kTraceparent,
                                       HeaderId::kDate, HeaderId::kXEnvoyUpstreamServiceTime};

void ListFields(const http::HeaderMap& headers, std::vector<WireField>& fields) {
  headers.ForEach([&fields](const HeaderEntry& entry) {
    if (kOwnFields.Has(entry.id)) return;
    fields.push_back({entry.name(), entry.value(), kUniqueFields.Has(entry.id)});
  });
}

void ListLength(uint64_t length, base::Arena& arena, std::vector<WireField>& fields) {
  constexpr size_t kLongest = 20;
  char* text = arena.AllocateBytes(kLongest);
  const char* const end = std::to_chars(text, text + kLongest, length).ptr;
  fields.push_back({"content-length", {text, static_cast<size_t>(end - text)}, true});
}

bool IsTargetByte(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte > 0x20 && byte != 0x7f;
}

// A filter may have rewritten it.
std::string_view TargetText(std::string_view text, base::Arena& arena) {
  if (std::all_of(text.begin(), text.end(), IsTargetByte)) return text;
  constexpr char kHex[] = "0123456789ABCDEF";
  char* encoded = arena.AllocateBytes(text.size() * 3);
  size_t size = 0;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (IsTargetByte(c)) {
      encoded[size++] = c;
    } else {
      encoded[size++] = '%';
      encoded[size++] = kHex[byte >> 4];
      encoded[size++] = kHex[byte & 15];
    }
  }
  return {encoded, size};
}

}  // namespace

void ListRequest(const http::RequestHead& head, std::vector<WireField>& fields) {
  base::Arena& arena = head.arena();
  const bool tunnel = head.framing == Framing::kTunnel && !head.upgrade.empty();
  fields.clear();
  fields.push_back({":method", tunnel ? "CONNECT" : TargetText(head.method, arena)});
  if (tunnel || head.method_id != Method::kConnect) {
    fields.push_back({":scheme", head.scheme.empty() ? "http" : head.scheme});
  }
  fields.push_back({":authority", TargetText(head.authority, arena)});
  if (tunnel || head.method_id != Method::kConnect) {
    const std::string_view path = TargetText(head.path, arena);
    fields.push_back({":path", path, path.find('?') != std::string_view::npos});
  }
  if (tunnel) fields.push_back({":protocol", TargetText(head.upgrade, arena)});
  ListFields(head.headers, fields);
  if (head.framing == Framing::kLength) {
    ListLength(head.length, arena, fields);
  } else if (head.framing == Framing::kNone && head.headers.Has(HeaderId::kContentLength)) {
    fields.push_back({"content-length", "0"});
  }
}

void ListResponse(const http::ResponseHead& head, Method method, std::vector<WireField>& fields) {
  base::Arena& arena = head.arena();
  const bool tunnel = head.framing == Framing::kTunnel;
  constexpr size_t kStatusOffset = 9;  // of "HTTP/1.1 200 OK"
  fields.clear();
  fields.push_back({":status", http::StatusLine(tunnel && head.status == 101 ? 200 : head.status)
                                   .substr(kStatusOffset, 3)});
  ListFields(head.headers, fields);
  if (tunnel || head.status < 200 || head.status == 204) return;
  if (head.framing == Framing::kLength) {
    ListLength(head.length, arena, fields);
  } else if (method == Method::kHead || head.status == 304) {
    // What a GET would have had; passed on as it came.
    const HeaderEntry* const length = head.headers.Find(HeaderId::kContentLength);
    if (length != nullptr) fields.push_back({length->name(), length->value(), true});
  } else if (head.framing == Framing::kNone) {
    // As Envoy: said where the other side said it.
    if (head.headers.Has(HeaderId::kContentLength)) fields.push_back({"content-length", "0"});
  }
}

void ListTrailers(const http::HeaderMap& trailers, std::vector<WireField>& fields) {
  fields.clear();
  ListFields(trailers, fields);
}

}  // namespace remora::http2
