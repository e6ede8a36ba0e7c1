#include "source/extensions/http_filters/jwt_authn/key_set.h"

#include <openssl/bn.h>
#include <openssl/curve25519.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>

#include <optional>
#include <string>
#include <utility>

#include "source/extensions/http_filters/jwt_authn/json_value.h"

namespace remora::extensions {

using http::MetadataValue;

namespace {

const uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

// By the digits of the algorithm's name.
const EVP_MD* DigestOf(std::string_view algorithm) {
  if (algorithm.ends_with("384")) return EVP_sha384();
  if (algorithm.ends_with("512")) return EVP_sha512();
  return EVP_sha256();
}

}  // namespace

// One key. `algorithm` and `id`: empty, any.
class JwtKey {
 public:
  enum class Kind : uint8_t { kRsa, kEc, kOct, kEd25519 };

  JwtFailure Verify(const JwtToken& token) const;

  Kind kind = Kind::kOct;
  std::string id;
  std::string algorithm;
  bssl::UniquePtr<EVP_PKEY> rsa;
  bssl::UniquePtr<EC_KEY> ec;
  std::string_view ec_algorithm;  // the one of its curve
  size_t ec_bytes = 0;            // of each half of a signature
  std::string secret;             // kOct; kEd25519: the public key

 private:
  bool VerifyRsa(const JwtToken& token) const;
  bool VerifyEc(const JwtToken& token) const;
  bool VerifyOct(const JwtToken& token) const;
};

bool JwtKey::VerifyRsa(const JwtToken& token) const {
  const bool pss = token.algorithm.starts_with("PS");
  if (!pss && !token.algorithm.starts_with("RS")) return false;
  const EVP_MD* digest = DigestOf(token.algorithm);
  bssl::ScopedEVP_MD_CTX context;
  EVP_PKEY_CTX* parameters = nullptr;
  if (EVP_DigestVerifyInit(context.get(), &parameters, digest, nullptr, rsa.get()) != 1) {
    return false;
  }
  if (pss && (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
              EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, digest) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), Bytes(token.signature), token.signature.size(),
                          Bytes(token.signed_text), token.signed_text.size()) == 1;
}

bool JwtKey::VerifyEc(const JwtToken& token) const {
  if (token.algorithm != ec_algorithm || token.signature.size() != 2 * ec_bytes) return false;
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  bssl::UniquePtr<ECDSA_SIG> signature(ECDSA_SIG_new());
  bssl::UniquePtr<BIGNUM> r(BN_bin2bn(Bytes(token.signature), ec_bytes, nullptr));
  bssl::UniquePtr<BIGNUM> s(BN_bin2bn(Bytes(token.signature) + ec_bytes, ec_bytes, nullptr));
  if (signature == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) {
    return false;
  }
  // The signature has them now.
  [[maybe_unused]] const BIGNUM* const given_r = r.release();
  [[maybe_unused]] const BIGNUM* const given_s = s.release();
  return EVP_Digest(token.signed_text.data(), token.signed_text.size(), digest, &size,
                    DigestOf(token.algorithm), nullptr) == 1 &&
         ECDSA_do_verify(digest, size, signature.get(), ec.get()) == 1;
}

bool JwtKey::VerifyOct(const JwtToken& token) const {
  if (!token.algorithm.starts_with("HS")) return false;
  uint8_t code[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  return HMAC(DigestOf(token.algorithm), secret.data(), secret.size(), Bytes(token.signed_text),
              token.signed_text.size(), code, &size) != nullptr &&
         size == token.signature.size() && CRYPTO_memcmp(code, token.signature.data(), size) == 0;
}

JwtFailure JwtKey::Verify(const JwtToken& token) const {
  bool valid = false;
  switch (kind) {
    case Kind::kRsa:
      valid = VerifyRsa(token);
      break;
    case Kind::kEc:
      valid = VerifyEc(token);
      break;
    case Kind::kOct:
      valid = VerifyOct(token);
      break;
    case Kind::kEd25519:
      if (token.algorithm != "EdDSA") break;
      if (token.signature.size() != ED25519_SIGNATURE_LEN) return JwtFailure::kEd25519Length;
      valid = ED25519_verify(Bytes(token.signed_text), token.signed_text.size(),
                             Bytes(token.signature), Bytes(secret)) == 1;
      break;
  }
  // What failed is no concern of the next user of this thread's error queue.
  if (!valid) ERR_clear_error();
  return valid ? JwtFailure::kNone : JwtFailure::kNotVerified;
}

namespace {

// What is wrong with a key; empty: nothing.
using Fault = std::string_view;

enum class Presence : uint8_t { kThere, kMissing, kNoString };

Presence ReadText(const MetadataValue& key, std::string_view name, std::string& text) {
  const auto found = key.fields.find(name);
  if (found == key.fields.end()) return Presence::kMissing;
  if (found->second.kind != MetadataValue::Kind::kString) return Presence::kNoString;
  text = found->second.text;
  return Presence::kThere;
}

// A field that is required; the faults are those of one that is missing or no string.
Fault Require(const MetadataValue& key, std::string_view name, Fault missing, Fault no_string,
              std::string& text) {
  const Presence presence = ReadText(key, name, text);
  if (presence == Presence::kMissing) return missing;
  return presence == Presence::kNoString ? no_string : Fault();
}

bssl::UniquePtr<BIGNUM> ReadNumber(std::string_view text) {
  const auto bytes = DecodeBase64Url(text);
  if (!bytes.has_value()) return nullptr;
  return bssl::UniquePtr<BIGNUM>(BN_bin2bn(Bytes(*bytes), bytes->size(), nullptr));
}

// RFC 8017 section 3.1; sizes as BoringSSL's own check of public keys.
bool IsRsaKey(const BIGNUM* n, const BIGNUM* e) {
  constexpr unsigned kMaxModulusBits = 16 * 1024;
  constexpr unsigned kMaxExponentBits = 33;
  return n != nullptr && e != nullptr && BN_is_odd(n) != 0 && BN_is_odd(e) != 0 &&
         BN_num_bits(n) > kMaxExponentBits && BN_num_bits(n) <= kMaxModulusBits &&
         BN_num_bits(e) >= 2 && BN_num_bits(e) <= kMaxExponentBits;
}

Fault ReadRsa(const MetadataValue& json, JwtKey& key) {
  if (!key.algorithm.empty() && !key.algorithm.starts_with("RS") &&
      !key.algorithm.starts_with("PS")) {
    return "[alg] is not started with [RS] or [PS] for an RSA key";
  }
  std::string n_text;
  std::string e_text;
  Fault fault = Require(json, "n", "[n] field is missing for a RSA key",
                        "[n] field is not string for a RSA key", n_text);
  if (!fault.empty()) return fault;
  fault = Require(json, "e", "[e] field is missing for a RSA key",
                  "[e] field is not string for a RSA key", e_text);
  if (!fault.empty()) return fault;
  bssl::UniquePtr<BIGNUM> n = ReadNumber(n_text);
  bssl::UniquePtr<BIGNUM> e = ReadNumber(e_text);
  bssl::UniquePtr<RSA> rsa(RSA_new());
  key.rsa.reset(EVP_PKEY_new());
  if (!IsRsaKey(n.get(), e.get()) || rsa == nullptr || key.rsa == nullptr ||
      RSA_set0_key(rsa.get(), n.get(), e.get(), nullptr) != 1) {
    return "Jwks RSA [n] or [e] field is missing or has a parse error";
  }
  // The key has them now.
  [[maybe_unused]] const BIGNUM* const given_n = n.release();
  [[maybe_unused]] const BIGNUM* const given_e = e.release();
  key.kind = JwtKey::Kind::kRsa;
  return EVP_PKEY_set1_RSA(key.rsa.get(), rsa.get()) == 1
             ? Fault()
             : "Jwks RSA [n] or [e] field is missing or has a parse error";
}

struct Curve {
  std::string_view name;
  std::string_view algorithm;
  int nid;
  size_t bytes;
};
constexpr Curve kCurves[] = {{"P-256", "ES256", NID_X9_62_prime256v1, 32},
                             {"P-384", "ES384", NID_secp384r1, 48},
                             {"P-521", "ES512", NID_secp521r1, 66}};

// By both, or by the one that is there; P-256 where neither is.
Fault FindCurve(const MetadataValue& json, std::string_view algorithm, const Curve*& curve) {
  if (!algorithm.empty() && !algorithm.starts_with("ES")) {
    return "[alg] is not started with [ES] for an EC key";
  }
  std::string name;
  if (ReadText(json, "crv", name) == Presence::kNoString) {
    return "[crv] field is not string for an EC key";
  }
  if (name.empty() && algorithm.empty()) name = "P-256";
  for (const Curve& known : kCurves) {
    const bool named = known.name == name;
    const bool fits = known.algorithm == algorithm;
    if (!named && !(name.empty() && fits)) continue;
    if (!algorithm.empty() && !fits) {
      return "[crv] field specified is not compatible with [alg] for an EC key";
    }
    curve = &known;
    return {};
  }
  return algorithm.empty() || name.empty()
             ? "[crv] or [alg] field is not supported for an EC key"
             : "[crv] field specified is not compatible with [alg] for an EC key";
}

Fault ReadEc(const MetadataValue& json, JwtKey& key) {
  const Curve* curve = nullptr;
  Fault fault = FindCurve(json, key.algorithm, curve);
  if (!fault.empty()) return fault;
  std::string x_text;
  std::string y_text;
  fault = Require(json, "x", "[x] field is missing for an EC key",
                  "[x] field is not string for an EC key", x_text);
  if (!fault.empty()) return fault;
  fault = Require(json, "y", "[y] field is missing for an EC key",
                  "[y] field is not string for an EC key", y_text);
  if (!fault.empty()) return fault;
  key.ec.reset(EC_KEY_new_by_curve_name(curve->nid));
  if (key.ec == nullptr) return "Jwks EC create key fail";
  const bssl::UniquePtr<BIGNUM> x = ReadNumber(x_text);
  const bssl::UniquePtr<BIGNUM> y = ReadNumber(y_text);
  if (x == nullptr || y == nullptr) return "Jwks EC [x] or [y] field is an invalid Base64.";
  if (EC_KEY_set_public_key_affine_coordinates(key.ec.get(), x.get(), y.get()) != 1) {
    return "Jwks EC [x] and [y] fields have a parse error.";
  }
  key.kind = JwtKey::Kind::kEc;
  key.ec_algorithm = curve->algorithm;
  key.ec_bytes = curve->bytes;
  return {};
}

Fault ReadOct(const MetadataValue& json, JwtKey& key) {
  if (!key.algorithm.empty() && !key.algorithm.starts_with("HS")) {
    return "[alg] does not start with [HS] for an HMAC key";
  }
  std::string text;
  const Fault fault = Require(json, "k", "[k] field is missing for an HMAC key",
                              "[k] field is not string for an HMAC key", text);
  if (!fault.empty()) return fault;
  auto secret = DecodeBase64Url(text);
  if (!secret.has_value() || secret->empty()) return "Jwks Oct key is an invalid Base64";
  key.kind = JwtKey::Kind::kOct;
  key.secret = *std::move(secret);
  return {};
}

Fault ReadOkp(const MetadataValue& json, JwtKey& key) {
  if (!key.algorithm.empty() && key.algorithm != "EdDSA") {
    return "[alg] is not [EdDSA] for an OKP key";
  }
  std::string curve;
  std::string text;
  Fault fault = Require(json, "crv", "[crv] field is missing for an OKP key",
                        "[crv] field is not string for an OKP key", curve);
  if (!fault.empty()) return fault;
  if (curve != "Ed25519") return "[crv] field is not supported for an OKP key";
  fault = Require(json, "x", "[x] field is missing for an OKP key",
                  "[x] field is not string for an OKP key", text);
  if (!fault.empty()) return fault;
  auto bytes = DecodeBase64Url(text);
  if (!bytes.has_value()) return "Jwks OKP [x] field is an invalid Base64.";
  if (bytes->size() != ED25519_PUBLIC_KEY_LEN) return "Jwks OKP [x] field is wrong length.";
  key.kind = JwtKey::Kind::kEd25519;
  key.secret = *std::move(bytes);
  return {};
}

Fault ReadKey(const MetadataValue& json, JwtKey& key) {
  std::string type;
  const Fault fault =
      Require(json, "kty", "[kty] is missing in [keys]", "[kty] is bad in [keys]", type);
  if (!fault.empty()) return fault;
  // What is no string is passed over, as in Envoy.
  ReadText(json, "kid", key.id);
  ReadText(json, "alg", key.algorithm);
  if (type == "EC") return ReadEc(json, key);
  if (type == "RSA") return ReadRsa(json, key);
  if (type == "oct") return ReadOct(json, key);
  if (type == "OKP") return ReadOkp(json, key);
  return "[kty] is not supported in [keys]";
}

absl::Status Bad(Fault fault) {
  return absl::InvalidArgumentError(absl::string_view(fault.data(), fault.size()));
}

}  // namespace

KeySet::KeySet() = default;
KeySet::~KeySet() = default;

absl::StatusOr<std::shared_ptr<const KeySet>> KeySet::Parse(std::string_view json) {
  const auto parsed = ReadJsonObject(json);
  if (!parsed.has_value()) return Bad("Jwks is an invalid JSON");
  const auto list = parsed->fields.find("keys");
  if (list == parsed->fields.end()) return Bad("Jwks does not have [keys] field");
  if (list->second.kind != MetadataValue::Kind::kList) return Bad("[keys] in Jwks is not an array");
  std::unique_ptr<KeySet> keys(new KeySet);
  Fault first_fault;
  for (const MetadataValue& item : list->second.items) {
    if (item.kind != MetadataValue::Kind::kStruct) continue;
    auto key = std::make_unique<JwtKey>();
    const Fault fault = ReadKey(item, *key);
    if (fault.empty()) {
      keys->keys_.push_back(std::move(key));
    } else if (first_fault.empty()) {
      first_fault = fault;
    }
  }
  ERR_clear_error();
  if (keys->keys_.empty()) {
    return Bad(first_fault.empty() ? FailureText(JwtFailure::kNoValidKeys) : first_fault);
  }
  return std::shared_ptr<const KeySet>(std::move(keys));
}

JwtFailure KeySet::Verify(const JwtToken& token) const {
  bool tried = false;
  for (const auto& key : keys_) {
    if (!token.key_id.empty() && !key->id.empty() && key->id != token.key_id) continue;
    if (!key->algorithm.empty() && key->algorithm != token.algorithm) continue;
    tried = true;
    const JwtFailure failure = key->Verify(token);
    if (failure != JwtFailure::kNotVerified) return failure;
  }
  return tried ? JwtFailure::kNotVerified : JwtFailure::kNoSuchKey;
}

}  // namespace remora::extensions
