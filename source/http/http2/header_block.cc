#include "source/http/http2/header_block.h"

#include <cstring>

#include "source/http/ascii.h"
#include "source/http/byte_set.h"
#include "source/http/codes.h"
#include "source/http/field_rules.h"

namespace remora::http2 {

using http::Framing;
using http::HeaderEntry;
using http::HeaderId;
using http::Method;

namespace {

// Above this an idle connection does not keep the memory of its largest block.
constexpr size_t kKeptText = 4096;

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

// RFC 9113 section 8.2.1: no white space at the ends, no control bytes.
bool IsValidValue(std::string_view value) {
  if (value.empty()) return true;
  if (IsSpace(value.front()) || IsSpace(value.back())) return false;
  return http::IsValidHeaderValue(value);
}

// `text` lies in the arena, with slack behind.
bool ConsistsOf(const http::ByteSet& set, std::string_view text) {
  return set.Span(text.data(), text.size()) == text.size();
}

}  // namespace

void HeaderBlock::Start() {
  text_.clear();
  if (text_.capacity() > kKeptText) text_.shrink_to_fit();
  lines_.clear();
  cookie_.clear();
  for (Text& text : pseudo_) text = Text();
  host_ = Text();
  seen_ = 0;
  fault_ = Fault::kNone;
  host_seen_ = length_seen_ = fields_begun_ = expects_continue_ = false;
  length_ = 0;
  bytes_ = count_ = 0;
}

void HeaderBlock::Add(std::string_view name, std::string_view value) {
  if (fault_ != Fault::kNone) return;
  bytes_ += static_cast<uint32_t>(name.size() + value.size());
  if (bytes_ > options_.max_header_bytes || ++count_ > options_.max_headers) {
    Fail(Fault::kTooLarge);
  } else if (!name.empty() && name[0] == ':') {
    AddPseudo(name, value);
  } else {
    AddField(name, value);
  }
}

void HeaderBlock::AddPseudo(std::string_view name, std::string_view value) {
  constexpr std::string_view kNames[kPseudoCount] = {":method", ":scheme",   ":authority",
                                                     ":path",   ":protocol", ":status"};
  for (uint8_t i = 0; i < kPseudoCount; ++i) {
    if (name != kNames[i]) continue;
    if (fields_begun_ || Has(static_cast<Pseudo>(i)) || !http::IsValidHeaderValue(value)) break;
    seen_ |= static_cast<uint8_t>(1 << i);
    pseudo_[i] = {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(value.size())};
    text_.append(value);
    return;
  }
  Fail(Fault::kInvalidField);
}

void HeaderBlock::AddField(std::string_view name, std::string_view value) {
  fields_begun_ = true;
  if (!http::IsValidHeaderName(name) || !IsValidValue(value)) {
    Fail(Fault::kInvalidField);
    return;
  }
  if (options_.underscore_names != http::UnderscoreNames::kAllow &&
      name.find('_') != std::string_view::npos) {
    if (options_.underscore_names == http::UnderscoreNames::kReject) {
      options_.stats.requests_rejected_with_underscores_in_headers.Inc();
      Fail(Fault::kUnderscore);
    } else {
      options_.stats.dropped_headers_with_underscores.Inc();
    }
    return;
  }
  const HeaderId id = http::LookUpHeaderId(name);
  if (Keeps(value, id)) AddLine(name, value, id);
}

// Whether the field becomes a line of its own. Those that say something else are taken note of.
bool HeaderBlock::Keeps(std::string_view value, HeaderId id) {
  switch (id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return Fail(Fault::kInvalidField);
    case HeaderId::kTe:
      return http::EqualsWord(value, "trailers") || Fail(Fault::kInvalidField);
    case HeaderId::kHttp2Settings:
      return false;
    case HeaderId::kHost:
      if (host_seen_) return Fail(Fault::kMalformed);
      host_seen_ = true;
      host_ = {static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(value.size())};
      text_.append(value);
      return false;
    case HeaderId::kContentLength:
      if (length_seen_ || !http::ParseContentLength(value, length_)) {
        return Fail(Fault::kMalformed);
      }
      length_seen_ = true;
      return true;
    case HeaderId::kExpect:
      expects_continue_ = http::EqualsWord(value, "100-continue");
      return true;
    case HeaderId::kCookie:
      // RFC 9113 section 8.2.3: crumbs are joined before they leave HTTP/2.
      if (!cookie_.empty() && !value.empty()) cookie_.append("; ");
      cookie_.append(value);
      return false;
    default:
      return true;
  }
}

void HeaderBlock::AddLine(std::string_view name, std::string_view value, HeaderId id) {
  lines_.push_back({static_cast<uint32_t>(text_.size()), static_cast<uint32_t>(value.size()),
                    static_cast<uint16_t>(name.size()), id});
  text_.append(name).append(": ").append(value).append("\r\n");
}

void HeaderBlock::Settle(http::HeaderMap& headers) {
  if (!cookie_.empty()) AddLine("cookie", cookie_, HeaderId::kCookie);
  char* text = headers.arena().AllocateBytes(text_.size() + http::kReadSlack);
  std::memcpy(text, text_.data(), text_.size());
  std::memset(text + text_.size(), 0, http::kReadSlack);
  base_ = text;
  for (const Line& line : lines_) {
    HeaderEntry& entry = headers.Next();
    entry.name_data = text + line.offset;
    entry.name_size = line.name_size;
    entry.value_data = entry.name_data + line.name_size + 2;
    entry.value_size = line.value_size;
    entry.id = line.id;
    entry.canonical = true;
    headers.AddNext();
  }
}

// --- requests ---

bool HeaderBlock::TakeRequest(const RequestRules& rules, http::RequestHead& head) {
  if (fault_ != Fault::kNone) return false;
  // As Envoy: what it does not know at this place is an invalid field, one too few a violation.
  if (Has(kStatus) || (Has(kProtocol) && !rules.allow_connect)) return Fail(Fault::kInvalidField);
  if (!Has(kMethod)) return Fail(Fault::kMalformed);
  Settle(head.headers);
  head.version = http::Version::kHttp2;
  head.method = Get(kMethod);
  if (head.method.empty() || !ConsistsOf(http::kTokenBytes, head.method)) {
    return Fail(Fault::kInvalidField);
  }
  head.method_id = http::ParseMethod(head.method);
  if (!CheckTarget(head) || !DecideRequestFraming(rules, head)) return false;
  head.expects_continue = expects_continue_ && head.framing != Framing::kNone;
  return true;
}

bool HeaderBlock::CheckTarget(http::RequestHead& head) {
  if (!CheckAuthority(head)) return false;
  const bool connect = head.method_id == Method::kConnect;
  if (connect && !Has(kProtocol)) {
    // RFC 9113 section 8.5.
    if (Has(kScheme) || Has(kPath)) return Fail(Fault::kMalformed);
    const size_t colon = head.authority.rfind(':');
    if (colon == std::string_view::npos || head.authority.back() == ']') {
      return Fail(Fault::kMalformed);
    }
    return true;
  }
  if (!Has(kScheme) || !Has(kPath)) return Fail(Fault::kMalformed);
  const std::string_view scheme = Get(kScheme);
  if (http::EqualsWord(scheme, "http")) {
    head.scheme = "http";
  } else if (http::EqualsWord(scheme, "https")) {
    head.scheme = "https";
  } else {
    return Fail(Fault::kInvalidField);
  }
  head.path = Get(kPath);
  if (!CheckPath(head)) return false;
  if (!Has(kProtocol)) return true;
  // RFC 8441 section 4: a tunnel, which HTTP/1 calls an upgrade of a GET.
  const std::string_view protocol = Get(kProtocol);
  if (!connect || head.authority.empty() || protocol.empty() ||
      !ConsistsOf(http::kTokenBytes, protocol)) {
    return Fail(Fault::kMalformed);
  }
  head.upgrade = protocol;
  head.method = "GET";
  head.method_id = Method::kGet;
  return true;
}

bool HeaderBlock::CheckPath(const http::RequestHead& head) {
  const std::string_view path = head.path;
  if (path.empty() || !ConsistsOf(http::kTargetBytes, path)) return Fail(Fault::kInvalidField);
  if (path[0] == '/') return true;
  if (path == "*" && head.method_id == Method::kOptions) return true;
  return Fail(Fault::kInvalidField);
}

bool HeaderBlock::CheckAuthority(http::RequestHead& head) {
  if (Has(kAuthority)) {
    head.authority = Get(kAuthority);
    if (!http::IsValidAuthority(head.authority)) return Fail(Fault::kInvalidField);
  }
  if (!host_seen_) return true;
  const std::string_view host(base_ + host_.offset, host_.size);
  if (!http::IsValidAuthority(host)) return Fail(Fault::kInvalidField);
  // RFC 9113 section 8.3.1: two that differ would be routed in two ways.
  if (Has(kAuthority) && host != head.authority) return Fail(Fault::kMalformed);
  head.authority = host;
  return true;
}

bool HeaderBlock::DecideRequestFraming(const RequestRules& rules, http::RequestHead& head) {
  if (head.method_id == Method::kConnect || !head.upgrade.empty()) {
    if (length_seen_) return Fail(Fault::kMalformed);
    head.framing = Framing::kTunnel;
    return true;
  }
  if (rules.ends) {
    head.framing = Framing::kNone;
    return length_ == 0 || Fail(Fault::kMalformed);
  }
  head.framing = length_seen_ ? Framing::kLength : Framing::kStreamed;
  head.length = length_;
  return true;
}

// --- responses, trailers ---

bool HeaderBlock::TakeResponse(const ResponseRules& rules, http::ResponseHead& head) {
  if (fault_ != Fault::kNone) return false;
  if (seen_ != 1 << kStatus || pseudo_[kStatus].size != 3) return Fail(Fault::kMalformed);
  // A host means nothing in a response.
  Settle(head.headers);
  unsigned status = 0;
  for (const char c : Get(kStatus)) {
    const unsigned digit = static_cast<unsigned>(c) - '0';
    if (digit > 9) return Fail(Fault::kMalformed);
    status = status * 10 + digit;
  }
  // RFC 9113 section 8.6: there is no 101.
  if (status < 100 || status > 599 || status == 101) return Fail(Fault::kMalformed);
  head.status = static_cast<uint16_t>(status);
  head.version = http::Version::kHttp2;
  return DecideResponseFraming(rules, head);
}

bool HeaderBlock::DecideResponseFraming(const ResponseRules& rules, http::ResponseHead& head) {
  head.framing = Framing::kNone;
  if (head.status < 200) return (!rules.ends && length_ == 0) || Fail(Fault::kMalformed);
  const bool accepted = head.status < 300;
  if (accepted && rules.request_method == Method::kConnect) {
    if (length_seen_) head.headers.Remove(HeaderId::kContentLength);
    head.framing = Framing::kTunnel;
    return true;
  }
  if (accepted && !rules.upgrade.empty()) {
    // RFC 8441 section 5: what HTTP/1 says with a 101.
    head.status = 101;
    head.upgrade = rules.upgrade;
    head.framing = Framing::kTunnel;
    return true;
  }
  if (head.status == 204) return length_ == 0 || Fail(Fault::kMalformed);
  if (http::StatusForbidsBody(head.status) || rules.request_method == Method::kHead) return true;
  if (rules.ends) return length_ == 0 || Fail(Fault::kMalformed);
  head.framing = length_seen_ ? Framing::kLength : Framing::kStreamed;
  head.length = length_;
  return true;
}

bool HeaderBlock::TakeTrailers(http::HeaderMap& trailers) {
  if (fault_ != Fault::kNone) return false;
  if (seen_ != 0) return Fail(Fault::kMalformed);
  Settle(trailers);
  for (uint32_t i = 0; i < trailers.entry_count(); ++i) {
    const HeaderEntry& entry = trailers.entries()[i];
    if (!entry.removed() && !http::AllowedInTrailers(entry)) trailers.Remove(entry.name());
  }
  return true;
}

}  // namespace remora::http2
