#include "source/extensions/http_filters/jwt_authn/token.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "source/extensions/http_filters/jwt_authn/json_value.h"

namespace remora::extensions {
namespace {

using http::MetadataValue;
using Kind = MetadataValue::Kind;

constexpr std::array<std::string_view, 13> kAlgorithms = {
    "ES256", "ES384", "ES512", "HS256", "HS384", "HS512", "RS256",
    "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"};

const MetadataValue* Find(const MetadataValue& object, std::string_view name) {
  const auto found = object.fields.find(name);
  return found == object.fields.end() ? nullptr : &found->second;
}

// False: it is there and no string.
bool ReadText(const MetadataValue& object, std::string_view name, std::string& text) {
  const MetadataValue* value = Find(object, name);
  if (value == nullptr) return true;
  if (value->kind != Kind::kString) return false;
  text = value->text;
  return true;
}

// Seconds; fractions are cut off.
JwtFailure ReadTime(const MetadataValue& object, std::string_view name, JwtFailure no_number,
                    JwtFailure out_of_range, uint64_t& time) {
  const MetadataValue* value = Find(object, name);
  if (value == nullptr) return JwtFailure::kNone;
  if (value->kind != Kind::kNumber) return no_number;
  constexpr double kEnd = 18446744073709551616.0;  // 2^64
  if (value->number < 0 || value->number >= kEnd) return out_of_range;
  time = static_cast<uint64_t>(value->number);
  return JwtFailure::kNone;
}

bool ReadAudiences(const MetadataValue& payload, std::vector<std::string>& audiences) {
  const MetadataValue* value = Find(payload, "aud");
  if (value == nullptr) return true;
  if (value->kind == Kind::kString) {
    audiences.push_back(value->text);
    return true;
  }
  if (value->kind != Kind::kList) return false;
  for (const MetadataValue& item : value->items) {
    if (item.kind != Kind::kString) return false;
    audiences.push_back(item.text);
  }
  return true;
}

JwtFailure ReadHeader(std::string_view text, JwtToken& token) {
  const auto bytes = DecodeBase64Url(text);
  if (!bytes.has_value()) return JwtFailure::kHeaderNoBase64;
  auto header = ReadJsonObject(*bytes);
  if (!header.has_value()) return JwtFailure::kHeaderNoJson;
  token.header = *std::move(header);
  const MetadataValue* algorithm = Find(token.header, "alg");
  if (algorithm == nullptr || algorithm->kind != Kind::kString) return JwtFailure::kBadAlgorithm;
  token.algorithm = algorithm->text;
  if (std::find(kAlgorithms.begin(), kAlgorithms.end(), token.algorithm) == kAlgorithms.end()) {
    return JwtFailure::kUnknownAlgorithm;
  }
  return ReadText(token.header, "kid", token.key_id) ? JwtFailure::kNone : JwtFailure::kBadKeyId;
}

JwtFailure ReadTimes(const MetadataValue& payload, JwtToken& token) {
  uint64_t issued_at = 0;
  JwtFailure failure = ReadTime(payload, "iat", JwtFailure::kIssuedAtNoNumber,
                                JwtFailure::kIssuedAtOutOfRange, issued_at);
  if (failure != JwtFailure::kNone) return failure;
  failure = ReadTime(payload, "nbf", JwtFailure::kNotBeforeNoNumber,
                     JwtFailure::kNotBeforeOutOfRange, token.not_before);
  if (failure != JwtFailure::kNone) return failure;
  token.has_expiry = Find(payload, "exp") != nullptr;
  return ReadTime(payload, "exp", JwtFailure::kExpiresNoNumber, JwtFailure::kExpiresOutOfRange,
                  token.expires);
}

JwtFailure ReadPayload(std::string_view text, JwtToken& token) {
  const auto bytes = DecodeBase64Url(text);
  if (!bytes.has_value()) return JwtFailure::kPayloadNoBase64;
  auto payload = ReadJsonObject(*bytes);
  if (!payload.has_value()) return JwtFailure::kPayloadNoJson;
  token.payload = *std::move(payload);
  if (!ReadText(token.payload, "iss", token.issuer)) return JwtFailure::kBadIssuer;
  if (!ReadText(token.payload, "sub", token.subject)) return JwtFailure::kBadSubject;
  const JwtFailure failure = ReadTimes(token.payload, token);
  if (failure != JwtFailure::kNone) return failure;
  std::string id;
  if (!ReadText(token.payload, "jti", id)) return JwtFailure::kBadTokenId;
  return ReadAudiences(token.payload, token.audiences) ? JwtFailure::kNone
                                                       : JwtFailure::kBadAudience;
}

}  // namespace

std::optional<std::string> DecodeBase64Url(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
  std::string bytes;
  if (!plain || !absl::WebSafeBase64Unescape(absl::string_view(text.data(), text.size()), &bytes)) {
    return std::nullopt;
  }
  return bytes;
}

JwtFailure ReadToken(std::string_view text, JwtToken& token) {
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos ||
      first == 0 || second == first + 1 || second + 1 == text.size()) {
    return JwtFailure::kBadFormat;
  }
  JwtFailure failure = ReadHeader(text.substr(0, first), token);
  if (failure != JwtFailure::kNone) return failure;
  failure = ReadPayload(text.substr(first + 1, second - first - 1), token);
  if (failure != JwtFailure::kNone) return failure;
  auto signature = DecodeBase64Url(text.substr(second + 1));
  if (!signature.has_value()) return JwtFailure::kSignatureNoBase64;
  token.signature = *std::move(signature);
  token.signed_text = text.substr(0, second);
  token.payload_begin = first + 1;
  return JwtFailure::kNone;
}

}  // namespace remora::extensions
