#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/http/formatter/operator_table.h"

namespace remora::formatter {
namespace {

using Value = std::optional<std::string_view>;

HeaderSource MakeSource(std::string_view name) {
  static constexpr std::pair<std::string_view, HeaderSource::Kind> kPseudo[] = {
      {":method", HeaderSource::Kind::kMethod},       {":path", HeaderSource::Kind::kPath},
      {":authority", HeaderSource::Kind::kAuthority}, {"host", HeaderSource::Kind::kAuthority},
      {":scheme", HeaderSource::Kind::kScheme},       {":status", HeaderSource::Kind::kStatus},
  };
  HeaderSource source;
  source.name = absl::AsciiStrToLower(ToAbsl(name));
  if (source.name.empty()) return source;
  source.kind = HeaderSource::Kind::kHeader;
  for (const auto& [pseudo, kind] : kPseudo) {
    if (source.name == pseudo) source.kind = kind;
  }
  source.id = http::LookUpHeaderId(source.name);
  return source;
}

Value NonEmpty(std::string_view text) { return text.empty() ? Value() : Value(text); }

Value FieldOf(const http::HeaderMap& headers, const HeaderSource& source) {
  const http::HeaderEntry* entry = source.id != http::HeaderId::kOther
                                       ? headers.Find(source.id)
                                       : headers.Find(std::string_view(source.name));
  return entry == nullptr ? Value() : Value(entry->value());
}

Value RequestField(const http::RequestHead& head, const HeaderSource& source) {
  switch (source.kind) {
    case HeaderSource::Kind::kMethod:
      return NonEmpty(head.method);
    case HeaderSource::Kind::kPath:
      return NonEmpty(head.path);
    case HeaderSource::Kind::kAuthority:
      return NonEmpty(head.authority);
    case HeaderSource::Kind::kScheme:
      return NonEmpty(head.scheme);
    case HeaderSource::Kind::kHeader:
      return FieldOf(head.headers, source);
    case HeaderSource::Kind::kStatus:
    case HeaderSource::Kind::kNone:
      break;
  }
  return {};
}

bool AppendField(Value value, std::string& out) {
  if (!value.has_value()) return false;
  out += *value;
  return true;
}

bool AppendRequestField(const Operator& self, const Exchange& exchange, std::string& out) {
  if (exchange.request == nullptr) return false;
  const Value value = RequestField(*exchange.request, self.header);
  return AppendField(value.has_value() ? value : RequestField(*exchange.request, self.other_header),
                     out);
}

bool AppendRequestFieldWithoutQuery(const Operator& self, const Exchange& exchange,
                                    std::string& out) {
  const size_t begin = out.size();
  if (!AppendRequestField(self, exchange, out)) return false;
  const size_t query = out.find('?', begin);
  if (query != std::string::npos) out.resize(query);
  return true;
}

bool AppendResponseField(const http::ResponseHead& head, const HeaderSource& source,
                         std::string& out) {
  if (source.kind == HeaderSource::Kind::kStatus) {
    AppendNumber(head.status, out);
    return true;
  }
  if (source.kind != HeaderSource::Kind::kHeader) return false;
  return AppendField(FieldOf(head.headers, source), out);
}

bool AppendResponseHeader(const Operator& self, const Exchange& exchange, std::string& out) {
  if (exchange.response == nullptr) return false;
  return AppendResponseField(*exchange.response, self.header, out) ||
         AppendResponseField(*exchange.response, self.other_header, out);
}

bool AppendTrailer(const Operator& self, const Exchange& exchange, std::string& out) {
  if (exchange.response_trailers == nullptr) return false;
  for (const HeaderSource* source : {&self.header, &self.other_header}) {
    if (source->kind != HeaderSource::Kind::kHeader) continue;
    if (AppendField(FieldOf(*exchange.response_trailers, *source), out)) return true;
  }
  return false;
}

absl::Status PrepareHeaders(std::string_view arguments, Operator& self) {
  const size_t question = arguments.find('?');
  const std::string_view main = arguments.substr(0, question);
  const std::string_view other =
      question == std::string_view::npos ? std::string_view() : arguments.substr(question + 1);
  if (other.find('?') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("More than 1 alternative header specified in token: ", ToAbsl(arguments)));
  }
  self.header = MakeSource(main);
  self.other_header = MakeSource(other);
  for (const HeaderSource* source : {&self.header, &self.other_header}) {
    if (source->kind == HeaderSource::Kind::kHeader && !http::IsValidHeaderName(source->name)) {
      return absl::InvalidArgumentError(
          "Invalid header configuration. Format string contains invalid characters.");
    }
  }
  return absl::OkStatus();
}

// --- the path

enum PathChoice : uint8_t { kOriginalOrPath, kOriginal, kPath };

Value PathOf(const http::RequestHead& head, uint8_t choice) {
  if (choice != kPath) {
    const http::HeaderEntry* original = head.headers.Find(http::HeaderId::kXEnvoyOriginalPath);
    if (original != nullptr) return original->value();
    if (choice == kOriginal) return {};
  }
  return NonEmpty(head.path);
}

bool AppendPath(const Operator& self, const Exchange& exchange, std::string& out) {
  if (exchange.request == nullptr) return false;
  Value path = PathOf(*exchange.request, self.second_choice);
  if (path.has_value() && self.choice != 0) path = path->substr(0, path->find('?'));
  return AppendField(path, out);
}

absl::Status PreparePath(std::string_view arguments, Operator& self) {
  const size_t colon = arguments.find(':');
  const std::string_view query = arguments.substr(0, colon);
  std::string_view source =
      colon == std::string_view::npos ? std::string_view() : arguments.substr(colon + 1);
  source = source.substr(0, source.find(':'));
  if (query == "NQ") {
    self.choice = 1;
  } else if (!query.empty() && query != "WQ") {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid PATH option: '", ToAbsl(query), "', only 'WQ'/'NQ' are allowed"));
  }
  if (source == "ORIG") {
    self.second_choice = kOriginal;
  } else if (source == "PATH") {
    self.second_choice = kPath;
  } else if (!source.empty() && source != "ORIG_OR_PATH") {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid PATH option: '", ToAbsl(source),
                     "', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed"));
  }
  return absl::OkStatus();
}

// --- the query

std::string_view QueryOf(const Exchange& exchange) {
  if (exchange.request == nullptr) return {};
  const std::string_view path = exchange.request->path;
  const size_t question = path.find('?');
  if (question == std::string_view::npos) return {};
  const std::string_view query = path.substr(question + 1);
  return query.substr(0, query.find('#'));
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Calls `f(byte, was_encoded)` for each byte of the decoded text.
template <class F>
void Decode(std::string_view text, F&& f) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size()) {
      const int high = HexValue(text[at + 1]);
      const int low = HexValue(text[at + 2]);
      if (high >= 0 && low >= 0) {
        f(static_cast<char>(high << 4 | low), true);
        at += 2;
        continue;
      }
    }
    f(text[at], false);
  }
}

bool DecodesTo(std::string_view encoded, std::string_view name) {
  size_t at = 0;
  bool same = true;
  Decode(encoded, [&](char c, bool) {
    same = same && at < name.size() && name[at] == c;
    ++at;
  });
  return same && at == name.size();
}

bool AppendQueryParam(const Operator& self, const Exchange& exchange, std::string& out) {
  std::string_view query = QueryOf(exchange);
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (DecodesTo(pair.substr(0, equals), self.text)) {
      Decode(pair.substr(std::min(equals + 1, pair.size())), [&](char c, bool) { out += c; });
      return true;
    }
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
  }
  return false;
}

absl::Status PrepareName(std::string_view arguments, Operator& self) {
  self.text = std::string(arguments);
  return absl::OkStatus();
}

// Decoded is only what stays visible and cannot end a quoted text.
bool AppendQueryParams(const Operator& self, const Exchange& exchange, std::string& out) {
  const std::string_view query = QueryOf(exchange);
  if (query.empty()) return false;
  if (self.choice == 0) {
    out += query;
    return true;
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  Decode(query, [&](char c, bool was_encoded) {
    if (!was_encoded || (absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"')) {
      out += c;
      return;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  });
  return true;
}

absl::Status PrepareQueryParams(std::string_view arguments, Operator& self) {
  if (arguments == "DECODED") {
    self.choice = 1;
  } else if (!arguments.empty() && arguments != "ORIG") {
    return absl::InvalidArgumentError(absl::StrCat("Invalid QUERY_PARAMS option: '",
                                                   ToAbsl(arguments),
                                                   "', only 'ORIG'/'DECODED' are allowed"));
  }
  return absl::OkStatus();
}

// --- the server's name

enum ServerName : uint8_t { kSniOnly, kSniFirst, kHostFirst };

Value HostOf(const Exchange& exchange, uint8_t choice) {
  if (exchange.request == nullptr) return {};
  if (choice != kPath) {
    const http::HeaderEntry* original =
        exchange.request->headers.Find(http::HeaderId::kXEnvoyOriginalHost);
    if (original != nullptr) return original->value();
    if (choice == kOriginal) return {};
  }
  return NonEmpty(exchange.request->authority);
}

bool AppendServerName(const Operator& self, const Exchange& exchange, std::string& out) {
  const http::ConnectionFacts* connection = exchange.info.connection;
  const Value sni = connection == nullptr ? Value() : NonEmpty(connection->requested_server_name);
  if (self.choice == kSniOnly) return AppendField(sni, out);
  const Value host = HostOf(exchange, self.second_choice);
  if (self.choice == kHostFirst) return AppendField(host.has_value() ? host : sni, out);
  return AppendField(sni.has_value() ? sni : host, out);
}

absl::Status PrepareServerName(std::string_view arguments, Operator& self) {
  const size_t colon = arguments.find(':');
  const std::string_view order = arguments.substr(0, colon);
  const std::string_view source =
      colon == std::string_view::npos ? std::string_view() : arguments.substr(colon + 1);
  if (order == "SNI_FIRST") {
    self.choice = kSniFirst;
  } else if (order == "HOST_FIRST") {
    self.choice = kHostFirst;
  } else if (!order.empty() && order != "SNI_ONLY") {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid REQUESTED_SERVER_NAME option: '", ToAbsl(order),
                     "', only 'SNI_ONLY'/'SNI_FIRST'/'HOST_FIRST' are allowed"));
  }
  if (source == "ORIG") {
    self.second_choice = kOriginal;
  } else if (source == "HOST") {
    self.second_choice = kPath;
  } else if (!source.empty() && source != "ORIG_OR_HOST") {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid REQUESTED_SERVER_NAME option: '", ToAbsl(source),
                     "', only 'ORIG'/'HOST'/'ORIG_OR_HOST' are allowed"));
  }
  return absl::OkStatus();
}

// --- sizes and identities

size_t FieldBytes(const http::HeaderMap& headers) {
  size_t bytes = 0;
  headers.ForEach(
      [&](const http::HeaderEntry& entry) { bytes += entry.name_size + entry.value_size; });
  return bytes;
}

// A part of the start line counts as HTTP/2 would write it, as in Envoy.
size_t PseudoBytes(std::string_view name, std::string_view value) {
  return value.empty() ? 0 : name.size() + value.size();
}

bool AppendRequestBytes(const Operator&, const Exchange& exchange, std::string& out) {
  AppendNumber(static_cast<int64_t>(RequestHeadBytes(exchange)), out);
  return true;
}

bool AppendResponseBytes(const Operator&, const Exchange& exchange, std::string& out) {
  AppendNumber(static_cast<int64_t>(ResponseHeadBytes(exchange)), out);
  return true;
}

bool AppendTrailerBytes(const Operator&, const Exchange& exchange, std::string& out) {
  const http::HeaderMap* trailers = exchange.response_trailers;
  AppendNumber(trailers == nullptr ? 0 : static_cast<int64_t>(FieldBytes(*trailers)), out);
  return true;
}

bool AppendStreamId(const Operator&, const Exchange& exchange, std::string& out) {
  if (exchange.request == nullptr) return false;
  const http::HeaderEntry* id = exchange.request->headers.Find(http::HeaderId::kXRequestId);
  return AppendField(id == nullptr ? Value() : NonEmpty(id->value()), out);
}

}  // namespace

size_t RequestHeadBytes(const Exchange& exchange) {
  const http::RequestHead* head = exchange.request;
  if (head == nullptr) return 0;
  return FieldBytes(head->headers) + PseudoBytes(":method", head->method) +
         PseudoBytes(":scheme", head->scheme) + PseudoBytes(":authority", head->authority) +
         PseudoBytes(":path", head->path);
}

size_t ResponseHeadBytes(const Exchange& exchange) {
  const http::ResponseHead* head = exchange.response;
  return head == nullptr ? 0 : FieldBytes(head->headers) + PseudoBytes(":status", "200");
}

std::span<const OperatorEntry> HeaderOperators() {
  using enum Arguments;
  static constexpr OperatorEntry kTable[] = {
      {"REQ", kRequiredOrLength, &AppendRequestField, false, true, &PrepareHeaders},
      {"REQUEST_HEADER", kRequiredOrLength, &AppendRequestField, false, true, &PrepareHeaders},
      {"REQ_WITHOUT_QUERY", kRequiredOrLength, &AppendRequestFieldWithoutQuery, false, true,
       &PrepareHeaders},
      {"RESP", kRequiredOrLength, &AppendResponseHeader, false, true, &PrepareHeaders},
      {"RESPONSE_HEADER", kRequiredOrLength, &AppendResponseHeader, false, true, &PrepareHeaders},
      {"TRAILER", kRequiredOrLength, &AppendTrailer, false, true, &PrepareHeaders},
      {"RESPONSE_TRAILER", kRequiredOrLength, &AppendTrailer, false, true, &PrepareHeaders},
      {"PATH", kOptionalOrLength, &AppendPath, false, true, &PreparePath},
      {"QUERY_PARAM", kRequiredOrLength, &AppendQueryParam, false, true, &PrepareName},
      {"QUERY_PARAMS", kOptionalOrLength, &AppendQueryParams, false, true, &PrepareQueryParams},
      {"REQUESTED_SERVER_NAME", kOptional, &AppendServerName, false, true, &PrepareServerName},
      {"REQUEST_HEADERS_BYTES", kNone, &AppendRequestBytes, true},
      {"RESPONSE_HEADERS_BYTES", kNone, &AppendResponseBytes, true},
      {"RESPONSE_TRAILERS_BYTES", kNone, &AppendTrailerBytes, true},
      {"STREAM_ID", kNone, &AppendStreamId, false, true},
  };
  return kTable;
}

}  // namespace remora::formatter
