#pragma once

// Why a token is not accepted: Envoy's numbers, which go into metadata, and texts, which go to the
// client and the log.
//
// A plain value; any thread. Nothing fails.
// Source: github.com/google/jwt_verify_lib status.h; texts measured on Envoy 1.40.

#include <cstdint>
#include <string_view>

namespace remora::extensions {

enum class JwtFailure : uint8_t {
  kNone = 0,
  kMissing = 1,
  kNotYetValid = 2,
  kExpired = 3,
  kBadFormat = 4,
  kHeaderNoBase64 = 5,
  kHeaderNoJson = 6,
  kBadAlgorithm = 7,
  kUnknownAlgorithm = 8,
  kBadKeyId = 9,
  kPayloadNoBase64 = 10,
  kPayloadNoJson = 11,
  kBadIssuer = 12,
  kBadSubject = 13,
  kIssuedAtNoNumber = 14,
  kIssuedAtOutOfRange = 15,
  kNotBeforeNoNumber = 16,
  kNotBeforeOutOfRange = 17,
  kExpiresNoNumber = 18,
  kExpiresOutOfRange = 19,
  kBadTokenId = 20,
  kBadAudience = 21,
  kSignatureNoBase64 = 22,
  kEd25519Length = 23,
  kUnknownIssuer = 24,
  kAudienceNotAllowed = 25,
  kNotVerified = 26,
  kNoValidKeys = 31,
  kNoSuchKey = 32,
  kFetchFailed = 40,
};

std::string_view FailureText(JwtFailure failure);

}  // namespace remora::extensions
