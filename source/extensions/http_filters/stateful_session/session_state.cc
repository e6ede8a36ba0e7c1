#include "source/extensions/http_filters/stateful_session/session_state.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/extensions/http/stateful_session/cookie/v3/cookie.pb.h"
#include "envoy/extensions/http/stateful_session/envelope/v3/envelope.pb.h"
#include "envoy/extensions/http/stateful_session/header/v3/header.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "openssl/base64.h"
#include "source/config/core_config.h"
#include "source/http/route/hash_policy.h"

namespace remora::extensions {
namespace {

namespace state = envoy::extensions::http::stateful_session;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::string_view kEnvelopeMark = ";UV:";
// Of the cookie's message, with their wire types.
constexpr uint32_t kAddressTag = (1 << 3) | 2;
constexpr uint32_t kExpiresTag = (2 << 3) | 0;

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::string_view Encode(std::string_view bytes, base::Arena& arena) {
  const size_t size = (bytes.size() + 2) / 3 * 4;
  char* text = arena.AllocateBytes(size + 1);  // EVP_EncodeBlock ends it with a zero
  EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text), Bytes(bytes), bytes.size());
  return {text, size};
}

// Empty when the text is no base64 with its padding.
std::string_view Decode(std::string_view text, base::Arena& arena) {
  if (text.empty() || text.size() % 4 != 0) return {};
  const size_t capacity = text.size() / 4 * 3;
  char* bytes = arena.AllocateBytes(capacity);
  size_t size = 0;
  const int done = EVP_DecodeBase64(reinterpret_cast<uint8_t*>(bytes), &size, capacity, Bytes(text),
                                    text.size());
  return done == 1 ? std::string_view(bytes, size) : std::string_view();
}

struct CookieMessage {
  std::string_view address;
  uint64_t expires = 0;
};

// nullopt: that is no protobuf message.
std::optional<CookieMessage> ReadMessage(std::string_view bytes) {
  CodedInputStream in(Bytes(bytes), static_cast<int>(bytes.size()));
  CookieMessage message;
  while (const uint32_t tag = in.ReadTag()) {
    if (tag == kAddressTag) {
      uint32_t size = 0;
      if (!in.ReadVarint32(&size)) return std::nullopt;
      const auto begin = static_cast<size_t>(in.CurrentPosition());
      if (size > bytes.size() - begin) return std::nullopt;
      message.address = bytes.substr(begin, size);
      in.Skip(static_cast<int>(size));
    } else if (tag == kExpiresTag) {
      if (!in.ReadVarint64(&message.expires)) return std::nullopt;
    } else if (!WireFormatLite::SkipField(&in, tag)) {
      return std::nullopt;
    }
  }
  if (!in.ConsumedEntireMessage()) return std::nullopt;
  return message;
}

std::string_view WriteMessage(const CookieMessage& message, base::Arena& arena) {
  using google::protobuf::io::CodedOutputStream;
  constexpr size_t kMostNumber = 10;  // bytes of a varint
  char* bytes = arena.AllocateBytes(2 + 2 * kMostNumber + message.address.size());
  auto* end = reinterpret_cast<uint8_t*>(bytes);
  *end++ = kAddressTag;
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(message.address.size()), end);
  end = std::copy(message.address.begin(), message.address.end(), end);
  if (message.expires != 0) {
    *end++ = kExpiresTag;
    end = CodedOutputStream::WriteVarint64ToArray(message.expires, end);
  }
  return {bytes, static_cast<size_t>(reinterpret_cast<char*>(end) - bytes)};
}

}  // namespace

std::optional<SessionState> SessionState::ParseField(Kind kind, const std::string& name,
                                                     const std::string& field,
                                                     config::ConfigContext& context) {
  SessionState made;
  made.kind_ = kind;
  made.name_ = absl::AsciiStrToLower(name);
  if (http::IsValidHeaderName(made.name_)) return made;
  context.AddError(field, "is no name of a header field");
  return std::nullopt;
}

std::optional<SessionState> SessionState::Parse(
    const envoy::config::core::v3::TypedExtensionConfig& proto, std::string_view field,
    config::ConfigContext& context) {
  const std::string config = absl::StrCat(std::string(field), ".typed_config");
  state::header::v3::HeaderBasedSessionState header;
  if (proto.typed_config().UnpackTo(&header)) {
    return ParseField(Kind::kHeader, header.name(), config + ".name", context);
  }
  state::envelope::v3::EnvelopeSessionState envelope;
  if (proto.typed_config().UnpackTo(&envelope)) {
    return ParseField(Kind::kEnvelope, envelope.header().name(), config + ".header.name", context);
  }
  state::cookie::v3::CookieBasedSessionState cookie;
  if (!proto.typed_config().UnpackTo(&cookie)) {
    context.AddError(field,
                     config::NoImplementation(proto.name(), proto.typed_config().type_url()));
    return std::nullopt;
  }
  if (!http::IsValidHeaderName(absl::AsciiStrToLower(cookie.cookie().name()))) {
    context.AddError(config + ".cookie.name", "is no name of a cookie");
    return std::nullopt;
  }
  SessionState made;
  made.name_ = cookie.cookie().name();
  made.path_ = cookie.cookie().path();
  made.ttl_ = cookie.cookie().ttl().seconds();
  if (made.ttl_ > 0) absl::StrAppend(&made.attributes_, "; Max-Age=", made.ttl_);
  if (!made.path_.empty()) absl::StrAppend(&made.attributes_, "; Path=", made.path_);
  for (const auto& attribute : cookie.cookie().attributes()) {
    absl::StrAppend(&made.attributes_, "; ", attribute.name());
    if (!attribute.value().empty()) absl::StrAppend(&made.attributes_, "=", attribute.value());
  }
  made.attributes_ += "; HttpOnly";
  if (!http::IsValidHeaderValue(made.attributes_)) {
    context.AddError(config + ".cookie", "cannot be the value of a header field");
    return std::nullopt;
  }
  return made;
}

bool SessionState::CoversPath(std::string_view path) const {
  if (path_.empty() || path_ == "/") return true;
  if (!path.starts_with(path_)) return false;
  if (path_.back() == '/' || path.size() == path_.size()) return true;
  const char next = path[path_.size()];
  return next == '/' || next == '?' || next == '#';
}

std::optional<std::string_view> SessionState::Take(http::RequestHead& head, int64_t now) const {
  if (kind_ == Kind::kCookie) return TakeCookie(head, now);
  if (kind_ == Kind::kEnvelope) return TakeEnvelope(head);
  const http::HeaderEntry* entry = head.headers.Find(name_);
  if (entry == nullptr) return std::nullopt;
  const std::string_view address = Decode(entry->value(), head.arena());
  return address.empty() ? std::nullopt : std::optional(address);
}

std::optional<std::string_view> SessionState::TakeCookie(const http::RequestHead& head,
                                                         int64_t now) const {
  const std::optional<std::string_view> cookie = route::FindCookie(head, name_);
  if (!cookie.has_value()) return std::nullopt;
  const std::string_view bytes = Decode(*cookie, head.arena());
  if (bytes.empty()) return std::nullopt;
  const std::optional<CookieMessage> message = ReadMessage(bytes);
  // As older proxies wrote it.
  if (!message.has_value()) return bytes;
  if (message->address.empty()) return std::nullopt;
  if (message->expires != 0 && message->expires < static_cast<uint64_t>(now)) return std::nullopt;
  return message->address;
}

std::optional<std::string_view> SessionState::TakeEnvelope(http::RequestHead& head) const {
  const http::HeaderEntry* entry = head.headers.Find(name_);
  if (entry == nullptr) return std::nullopt;
  const std::string_view value = entry->value();
  const size_t mark = value.find(kEnvelopeMark);
  if (mark == std::string_view::npos || mark == 0) return std::nullopt;
  std::string_view inner = value.substr(mark + kEnvelopeMark.size());
  inner = inner.substr(0, inner.find(kEnvelopeMark));
  const std::string_view address = Decode(value.substr(0, mark), head.arena());
  const std::string_view original = Decode(inner, head.arena());
  if (original.empty() || !http::IsValidHeaderValue(original)) return std::nullopt;
  // As Envoy, behind all others.
  head.headers.Remove(name_);
  [[maybe_unused]] const bool valid = head.headers.Add(name_, original);
  return address.empty() ? std::nullopt : std::optional(address);
}

bool SessionState::Give(std::string_view address, bool known, int64_t now,
                        http::ResponseHead& head) const {
  if (kind_ == Kind::kEnvelope) return GiveEnvelope(address, head) && !known;
  if (known) return false;
  if (kind_ == Kind::kCookie) {
    GiveCookie(address, now, head);
    return true;
  }
  return head.headers.Set(name_, Encode(address, head.arena()));
}

void SessionState::GiveCookie(std::string_view address, int64_t now,
                              http::ResponseHead& head) const {
  base::Arena& arena = head.arena();
  const CookieMessage message = {address, ttl_ == 0 ? 0 : static_cast<uint64_t>(now + ttl_)};
  const std::string_view value = Encode(WriteMessage(message, arena), arena);
  constexpr std::string_view kBegin = "=\"";
  constexpr std::string_view kEnd = "\"";
  size_t size = 0;
  const std::string_view parts[] = {name_, kBegin, value, kEnd, attributes_};
  for (const std::string_view part : parts) size += part.size();
  char* text = arena.AllocateBytes(size);
  char* end = text;
  for (const std::string_view part : parts) end = std::copy(part.begin(), part.end(), end);
  head.headers.AddReference(http::HeaderId::kSetCookie, {text, size});
}

bool SessionState::GiveEnvelope(std::string_view address, http::ResponseHead& head) const {
  if (head.headers.Count(name_) != 1) return false;
  base::Arena& arena = head.arena();
  const std::string_view own = Encode(head.headers.Find(name_)->value(), arena);
  const std::string value = absl::StrCat(std::string(Encode(address, arena)),
                                         std::string(kEnvelopeMark), std::string(own));
  return head.headers.Set(name_, value);
}

}  // namespace remora::extensions
