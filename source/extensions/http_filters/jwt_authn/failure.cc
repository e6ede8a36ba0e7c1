#include "source/extensions/http_filters/jwt_authn/failure.h"

namespace remora::extensions {

std::string_view FailureText(JwtFailure failure) {
  switch (failure) {
    case JwtFailure::kNone:
      return "OK";
    case JwtFailure::kMissing:
      return "Jwt is missing";
    case JwtFailure::kNotYetValid:
      return "Jwt not yet valid";
    case JwtFailure::kExpired:
      return "Jwt is expired";
    case JwtFailure::kBadFormat:
      return "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
    case JwtFailure::kHeaderNoBase64:
      return "Jwt header is an invalid Base64url encoded";
    case JwtFailure::kHeaderNoJson:
      return "Jwt header is an invalid JSON";
    case JwtFailure::kBadAlgorithm:
      return "Jwt header [alg] field is required and must be a string";
    case JwtFailure::kUnknownAlgorithm:
      return "Jwt header [alg] is not supported";
    case JwtFailure::kBadKeyId:
      return "Jwt header [kid] field is not a string";
    case JwtFailure::kPayloadNoBase64:
      return "Jwt payload is an invalid Base64url encoded";
    case JwtFailure::kPayloadNoJson:
      return "Jwt payload is an invalid JSON";
    case JwtFailure::kBadIssuer:
      return "Jwt payload [iss] field is not a string";
    case JwtFailure::kBadSubject:
      return "Jwt payload [sub] field is not a string";
    case JwtFailure::kIssuedAtNoNumber:
      return "Jwt payload [iat] field is not an integer";
    case JwtFailure::kIssuedAtOutOfRange:
      return "Jwt payload [iat] field is not a positive 64 bit integer";
    case JwtFailure::kNotBeforeNoNumber:
      return "Jwt payload [nbf] field is not an integer";
    case JwtFailure::kNotBeforeOutOfRange:
      return "Jwt payload [nbf] field is not a positive 64 bit integer";
    case JwtFailure::kExpiresNoNumber:
      return "Jwt payload [exp] field is not an integer";
    case JwtFailure::kExpiresOutOfRange:
      return "Jwt payload [exp] field is not a positive 64 bit integer";
    case JwtFailure::kBadTokenId:
      return "Jwt payload [jti] field is not a string";
    case JwtFailure::kBadAudience:
      return "Jwt payload [aud] field is not a string or string list";
    case JwtFailure::kSignatureNoBase64:
      return "Jwt signature is an invalid Base64url encoded";
    case JwtFailure::kEd25519Length:
      return "Jwt ED25519 signature is wrong length";
    case JwtFailure::kUnknownIssuer:
      return "Jwt issuer is not configured";
    case JwtFailure::kAudienceNotAllowed:
      return "Audiences in Jwt are not allowed";
    case JwtFailure::kNotVerified:
      return "Jwt verification fails";
    case JwtFailure::kNoValidKeys:
      return "Jwks doesn't have any valid public key";
    case JwtFailure::kNoSuchKey:
      return "Jwks doesn't have key to match kid or alg from Jwt";
    case JwtFailure::kFetchFailed:
      return "Jwks remote fetch is failed";
  }
  return "";
}

}  // namespace remora::extensions
