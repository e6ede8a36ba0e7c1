#include "source/extensions/http_filters/jwt_authn/token.h"

#include <catch2/catch.hpp>

#include "source/extensions/http_filters/jwt_authn/json_value.h"
#include "source/extensions/http_filters/jwt_authn/key_set.h"
#include "source/extensions/http_filters/jwt_authn/token_places.h"
#include "test/extensions/http_filters/jwt_authn/tokens.h"

namespace remora::extensions {
namespace {

std::string Json(std::string_view text) {
  const auto value = ReadJsonObject(text);
  if (!value.has_value()) return "no JSON object";
  std::string json;
  value->AppendJson(json);
  return json;
}

TEST_CASE("jwt json: what is an object") {
  CHECK(Json(R"( { "a" : [ 1 , -2.5e1 , true , false , null , "x" , {} , [] ] } )") ==
        R"({"a":[1,-25,true,false,null,"x",{},[]]})");
  CHECK(Json(R"({"a":"\"\\\/\b\f\n\r\té😀"})") ==
        "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\xc3\xa9\xf0\x9f\x98\x80\"}");
}

TEST_CASE("jwt json: what is none") {
  for (const std::string_view text : {"",
                                      "{",
                                      "}",
                                      "[]",
                                      "5",
                                      "null",
                                      "{} x",
                                      "{}{}",
                                      "{a:1}",
                                      "{'a':1}",
                                      R"({"a":1,})",
                                      R"({"a":1 "b":2})",
                                      R"({"a"})",
                                      R"({"a":})",
                                      R"({"a":01})",
                                      R"({"a":1.})",
                                      R"({"a":.5})",
                                      R"({"a":+1})",
                                      R"({"a":1e})",
                                      R"({"a":1e999})",
                                      R"({"a":tru})",
                                      R"({"a":"x)",
                                      R"({"a":"\x"})",
                                      R"({"a":"\u12"})",
                                      R"({"a":"\ud800"})",
                                      R"({"a":"\udc00"})",
                                      R"({"a":"\ud800\u0041"})",
                                      "{\"a\":\"\n\"}",
                                      "{\"a\":\"\xff\"}",
                                      R"({"a":1,"a":1})",
                                      R"({"a":{"b":1,"b":2}})",
                                      "{/**/}",
                                      R"({"a":[1,]})"}) {
    INFO(text);
    CHECK(Json(text) == "no JSON object");
  }
  const std::string deep = R"({"a":)" + std::string(200, '[') + std::string(200, ']') + "}";
  CHECK(Json(deep) == "no JSON object");
  const std::string less = R"({"a":)" + std::string(50, '[') + std::string(50, ']') + "}";
  CHECK(Json(less) == less);
}

JwtFailure Read(std::string_view text) {
  JwtToken token;
  return ReadToken(text, token);
}

TEST_CASE("jwt token: a good one is read") {
  JwtToken token;
  REQUIRE(ReadToken(jwt_test::kGood, token) == JwtFailure::kNone);
  CHECK(token.algorithm == "ES256");
  CHECK(token.key_id.empty());
  CHECK(token.issuer == "https://issuer.test");
  CHECK(token.subject == "me");
  CHECK(token.audiences == std::vector<std::string>{"app"});
  CHECK(token.expires == 4102444800);
  CHECK(token.has_expiry);
  CHECK(jwt_test::kGood.find("." + std::string(token.payload_text()) + ".") != std::string::npos);
}

TEST_CASE("jwt token: one cut anywhere is none") {
  for (size_t size = 0; size < jwt_test::kGood.size(); ++size) {
    const JwtFailure failure = Read(jwt_test::kGood.substr(0, size));
    // What is left of a signature may be base64, never one that verifies.
    if (failure != JwtFailure::kNone) continue;
    JwtToken token;
    CHECK(ReadToken(jwt_test::kGood.substr(0, size), token) == JwtFailure::kNone);
    const auto keys = KeySet::Parse(jwt_test::Keys(jwt_test::kEcKey));
    CHECK((*keys)->Verify(token) == JwtFailure::kNotVerified);
  }
}

TEST_CASE("jwt token: hostile ones") {
  CHECK(Read("") == JwtFailure::kBadFormat);
  CHECK(Read("..") == JwtFailure::kBadFormat);
  CHECK(Read("a.b") == JwtFailure::kBadFormat);
  CHECK(Read("a.b.c.d") == JwtFailure::kBadFormat);
  CHECK(Read("a.b.c") == JwtFailure::kHeaderNoBase64);
  CHECK(Read("e30.e30.YQ") == JwtFailure::kBadAlgorithm);
  CHECK(Read("e30=.e30.YQ") == JwtFailure::kHeaderNoBase64);
  CHECK(Read("W10.e30.YQ") == JwtFailure::kHeaderNoJson);
  CHECK(Read(jwt_test::kNoAlgorithm) == JwtFailure::kUnknownAlgorithm);
  CHECK(Read(jwt_test::kTwice) == JwtFailure::kPayloadNoJson);
  CHECK(Read(std::string(1 << 20, 'a')) == JwtFailure::kBadFormat);
  CHECK(Read(std::string(1 << 20, '.')) == JwtFailure::kBadFormat);
}

JwtFailure Verify(const std::string& keys, const std::string& text) {
  const auto set = KeySet::Parse(jwt_test::Keys(keys));
  REQUIRE(set.ok());
  JwtToken token;
  REQUIRE(ReadToken(text, token) == JwtFailure::kNone);
  return (*set)->Verify(token);
}

TEST_CASE("jwt keys: every kind verifies its tokens, and no other does") {
  using namespace jwt_test;
  const std::pair<std::string, std::string> pairs[] = {
      {kEcKey, kGood},     {kRsaKey, kRsa},         {kRsaKey, kPss},  {kEc384Key, kEc384},
      {kEc521Key, kEc521}, {kEd25519Key, kEd25519}, {kHmacKey, kHmac}};
  for (const auto& [key, token] : pairs) {
    CHECK(Verify(key, token) == JwtFailure::kNone);
    std::string other = token;
    // A letter of the issuer: the payload stays JSON, so that only the signature tells.
    const size_t at = other.find('.') + 25;
    REQUIRE(other[at] == 'c');
    other[at] = 'd';
    CHECK(Verify(key, other) == JwtFailure::kNotVerified);
  }
  CHECK(Verify(kRsaKey, kWrongKey) == JwtFailure::kNotVerified);
  // The public key must not serve as a secret.
  CHECK(Verify(kRsaKey, kHmacAsRsa) == JwtFailure::kNotVerified);
  CHECK(Verify(kEcKey, kOtherKid) == JwtFailure::kNoSuchKey);
  CHECK(Verify(kEcKey, kRsa) == JwtFailure::kNoSuchKey);
}

std::string Fault(const std::string& json) {
  const auto set = KeySet::Parse(json);
  return set.ok() ? "" : std::string(set.status().message());
}

TEST_CASE("jwt keys: what is no key set, in Envoy's words") {
  CHECK(Fault("{") == "Jwks is an invalid JSON");
  CHECK(Fault("[]") == "Jwks is an invalid JSON");
  CHECK(Fault("{}") == "Jwks does not have [keys] field");
  CHECK(Fault(R"({"keys":{}})") == "[keys] in Jwks is not an array");
  CHECK(Fault(R"({"keys":[]})") == "Jwks doesn't have any valid public key");
  CHECK(Fault(R"({"keys":[5]})") == "Jwks doesn't have any valid public key");
  const auto key = [](const std::string& text) { return Fault(jwt_test::Keys(text)); };
  CHECK(key("{}") == "[kty] is missing in [keys]");
  CHECK(key(R"({"kty":5})") == "[kty] is bad in [keys]");
  CHECK(key(R"({"kty":"x"})") == "[kty] is not supported in [keys]");
  CHECK(key(R"({"kty":"EC","alg":"RS256"})") == "[alg] is not started with [ES] for an EC key");
  CHECK(key(R"({"kty":"EC","crv":"P-384","alg":"ES256"})") ==
        "[crv] field specified is not compatible with [alg] for an EC key");
  CHECK(key(R"({"kty":"EC"})") == "[x] field is missing for an EC key");
  CHECK(key(R"({"kty":"EC","x":5})") == "[x] field is not string for an EC key");
  CHECK(key(R"({"kty":"EC","x":"AA"})") == "[y] field is missing for an EC key");
  CHECK(key(R"({"kty":"EC","x":"!","y":"AA"})") ==
        "Jwks EC [x] or [y] field is an invalid Base64.");
  CHECK(key(R"({"kty":"EC","x":"AA","y":"AA"})") ==
        "Jwks EC [x] and [y] fields have a parse error.");
  CHECK(key(R"({"kty":"RSA","alg":"ES256"})") ==
        "[alg] is not started with [RS] or [PS] for an RSA key");
  CHECK(key(R"({"kty":"RSA"})") == "[n] field is missing for a RSA key");
  CHECK(key(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})") ==
        "Jwks RSA [n] or [e] field is missing or has a parse error");
  CHECK(key(R"({"kty":"oct"})") == "[k] field is missing for an HMAC key");
  CHECK(key(R"({"kty":"oct","k":""})") == "Jwks Oct key is an invalid Base64");
  CHECK(key(R"({"kty":"OKP"})") == "[crv] field is missing for an OKP key");
  CHECK(key(R"({"kty":"OKP","crv":"X25519"})") == "[crv] field is not supported for an OKP key");
  CHECK(key(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})") ==
        "Jwks OKP [x] field is wrong length.");
  // One that is understood is enough.
  CHECK(key(R"({"kty":"x"},)" + jwt_test::kEcKey).empty());
}

TEST_CASE("jwt places: parameters are taken out of paths") {
  CHECK(WithoutParameter("/p", "t") == "/p");
  CHECK(WithoutParameter("/p?t=1", "t") == "/p");
  CHECK(WithoutParameter("/p?a=%20&t=1&b", "t") == "/p?a=%20&b");
  CHECK(WithoutParameter("/p?t&t=2&tt=3", "t") == "/p?tt=3");
}

}  // namespace
}  // namespace remora::extensions
