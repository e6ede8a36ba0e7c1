#pragma once

// KeySet: public keys (a JSON Web Key Set), and the check of a token's signature against them.
//
// Immutable; any thread. A key that is not understood is left out; a set without any is an error.
// A token's algorithm has to fit the kind of the key, whatever the token says; "none" is no
// algorithm. Source: RFC 7517, RFC 7518, RFC 8037; github.com/google/jwt_verify_lib jwks.cc,
// verify.cc.

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/extensions/http_filters/jwt_authn/failure.h"
#include "source/extensions/http_filters/jwt_authn/token.h"

namespace remora::extensions {

class JwtKey;

class KeySet {
 public:
  static absl::StatusOr<std::shared_ptr<const KeySet>> Parse(std::string_view json);
  ~KeySet();
  KeySet(const KeySet&) = delete;
  KeySet& operator=(const KeySet&) = delete;

  JwtFailure Verify(const JwtToken& token) const;

 private:
  KeySet();
  std::vector<std::unique_ptr<const JwtKey>> keys_;
};

}  // namespace remora::extensions
