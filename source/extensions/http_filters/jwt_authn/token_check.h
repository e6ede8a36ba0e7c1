#pragma once

// TokenCheck: whether one request meets its requirement, worked out on its head alone.
//
//   Run(requirement) --> met | refused, why | keys of a provider are needed first
//
// It changes nothing: what would follow for the request (tokens that are taken out, fields and
// metadata that are added) is a list of findings, in order, which the filter carries out once the
// answer is there. Where keys had to be fetched it runs again, with them, from the start.
//
// Owner: the filter, for one request. Thread: its worker. Source: Envoy
// source/extensions/filters/http/jwt_authn/{verifier,authenticator}.cc.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/extensions/http_filters/jwt_authn/jwt_state.h"
#include "source/extensions/http_filters/jwt_authn/settings.h"

namespace remora::extensions {

class TokenCheck {
 public:
  // What was found on the way.
  struct Finding {
    enum class Kind : uint8_t {
      kLooked,    // tokens were looked for: fields that only the filter may write go
      kVerified,  // a token of the provider is good
      kFailed,    // a requirement of the provider is not met
    };
    Kind kind = Kind::kLooked;
    const TokenPlaces* places = nullptr;              // kLooked
    const JwtProvider* provider = nullptr;            // kVerified, kFailed
    std::shared_ptr<const JwtToken> token = nullptr;  // kVerified
    FoundToken found = {};                            // kVerified
    JwtFailure failure = JwtFailure::kNone;           // kFailed
  };
  struct Outcome {
    bool waits = false;  // for the keys of needed()
    JwtFailure failure = JwtFailure::kNone;
  };

  // `now`: seconds since the Unix epoch.
  TokenCheck(const JwtSettings& settings, JwtState& state, const http::RequestHead& head,
             uint64_t now)
      : settings_(settings), state_(state), head_(head), now_(now) {}

  Outcome Run(const JwtRequirement& requirement);
  const std::vector<Finding>& findings() const { return findings_; }
  // Whose keys are to be fetched before it is run again; null: nobody's.
  const JwtProvider* needed() const { return needed_; }
  // Null: they could not be.
  void AddKeys(const JwtProvider& provider, std::shared_ptr<const KeySet> keys) {
    keys_[&provider] = std::move(keys);
  }

 private:
  Outcome Check(const JwtRequirement& requirement);
  Outcome CheckAny(const JwtRequirement& requirement);
  Outcome CheckAll(const JwtRequirement& requirement);
  Outcome CheckProvider(const JwtRequirement& requirement);
  Outcome CheckAllowed(const JwtRequirement& requirement);
  // `provider` null: the one of the token's issuer.
  Outcome CheckToken(const FoundToken& found, const JwtProvider* provider,
                     const Audiences* audiences);
  JwtFailure CheckClaims(const JwtToken& token, const JwtProvider& provider,
                         const Audiences* audiences) const;
  Outcome CheckSignature(const JwtToken& token, const JwtProvider& provider);

  const JwtSettings& settings_;
  JwtState& state_;
  const http::RequestHead& head_;
  uint64_t now_;
  const JwtProvider* needed_ = nullptr;
  std::map<const JwtProvider*, std::shared_ptr<const KeySet>> keys_;
  std::vector<Finding> findings_;
  std::vector<FoundToken> removed_;
  bool ran_ = false;  // looking again at the same tokens is not counted
};

}  // namespace remora::extensions
