#include "source/extensions/http_filters/jwt_authn/token_check.h"

#include <algorithm>
#include <utility>

namespace remora::extensions {
namespace {

using Kind = JwtRequirement::Kind;
using Outcome = TokenCheck::Outcome;

// Of what was not met in an "any", what says most: a wrong token rather than none.
int Weight(JwtFailure failure) {
  if (failure == JwtFailure::kMissing) return 0;
  return failure == JwtFailure::kUnknownIssuer ? 1 : 2;
}

}  // namespace

Outcome TokenCheck::Run(const JwtRequirement& requirement) {
  needed_ = nullptr;
  findings_.clear();
  removed_.clear();
  const Outcome outcome = Check(requirement);
  ran_ = true;
  return outcome;
}

Outcome TokenCheck::Check(const JwtRequirement& requirement) {
  switch (requirement.kind) {
    case Kind::kNone:
      break;
    case Kind::kProvider:
      return CheckProvider(requirement);
    case Kind::kAny:
      return CheckAny(requirement);
    case Kind::kAll:
      return CheckAll(requirement);
    case Kind::kAllowMissing:
    case Kind::kAllowMissingOrFailed:
      return CheckAllowed(requirement);
  }
  return {};
}

Outcome TokenCheck::CheckAny(const JwtRequirement& requirement) {
  Outcome result{false, JwtFailure::kMissing};
  for (const JwtRequirement& part : requirement.parts) {
    const Outcome outcome = Check(part);
    if (outcome.waits) {
      result.waits = true;
    } else if (outcome.failure == JwtFailure::kNone) {
      return outcome;
    } else if (Weight(outcome.failure) >= Weight(result.failure)) {
      result.failure = outcome.failure;
    }
  }
  return result;
}

Outcome TokenCheck::CheckAll(const JwtRequirement& requirement) {
  Outcome result;
  for (const JwtRequirement& part : requirement.parts) {
    const Outcome outcome = Check(part);
    if (outcome.waits) {
      result.waits = true;
    } else if (outcome.failure != JwtFailure::kNone) {
      return outcome;
    }
  }
  return result;
}

// All tokens have to be good: whoever is behind us may take either for the one that is.
Outcome TokenCheck::CheckProvider(const JwtRequirement& requirement) {
  const JwtProvider& provider = settings_.providers[requirement.provider];
  std::vector<FoundToken> tokens = provider.places.Find(head_, removed_);
  findings_.push_back({Finding::Kind::kLooked, &provider.places});
  Outcome outcome{false, tokens.empty() ? JwtFailure::kMissing : JwtFailure::kNone};
  for (; !tokens.empty(); tokens.pop_back()) {
    outcome = CheckToken(tokens.back(), &provider,
                         requirement.audiences.has_value() ? &*requirement.audiences : nullptr);
    if (outcome.waits || outcome.failure != JwtFailure::kNone) break;
  }
  if (!outcome.waits && outcome.failure != JwtFailure::kNone) {
    findings_.push_back({Finding::Kind::kFailed, nullptr, &provider, nullptr, {}, outcome.failure});
  }
  return outcome;
}

// Every token is looked at; what the last one says counts, as in Envoy.
Outcome TokenCheck::CheckAllowed(const JwtRequirement& requirement) {
  std::vector<FoundToken> tokens = requirement.places->Find(head_, removed_);
  findings_.push_back({Finding::Kind::kLooked, requirement.places.get()});
  Outcome outcome;
  for (; !tokens.empty(); tokens.pop_back()) {
    outcome = CheckToken(tokens.back(), nullptr, nullptr);
    if (outcome.waits) return outcome;
  }
  if (requirement.kind == Kind::kAllowMissingOrFailed) outcome.failure = JwtFailure::kNone;
  return outcome;
}

Outcome TokenCheck::CheckToken(const FoundToken& found, const JwtProvider* provider,
                               const Audiences* audiences) {
  const bool named = provider != nullptr;
  std::shared_ptr<const JwtToken> token =
      named ? state_.FindCached(*provider, found.text, /*counts=*/!ran_) : nullptr;
  const bool cached = token != nullptr;
  if (!cached) {
    auto read = std::make_unique<JwtToken>();
    const JwtFailure failure = ReadToken(found.text, *read);
    if (failure != JwtFailure::kNone) return {false, failure};
    token = std::move(read);
  }
  if (!found.MayBeOf(token->issuer)) return {false, JwtFailure::kUnknownIssuer};
  if (!named) provider = settings_.FindByIssuer(token->issuer);
  if (provider == nullptr) return {false, JwtFailure::kUnknownIssuer};
  const JwtFailure failure = CheckClaims(*token, *provider, audiences);
  if (failure != JwtFailure::kNone) return {false, failure};
  if (!cached) {
    const Outcome outcome = CheckSignature(*token, *provider);
    if (outcome.waits || outcome.failure != JwtFailure::kNone) return outcome;
    if (named) state_.Remember(*provider, found.text, token);
  }
  findings_.push_back(
      {Finding::Kind::kVerified, nullptr, provider, std::move(token), found, JwtFailure::kNone});
  if (!provider->forward) removed_.push_back(found);
  return {};
}

JwtFailure TokenCheck::CheckClaims(const JwtToken& token, const JwtProvider& provider,
                                   const Audiences* audiences) const {
  const uint64_t skew = provider.clock_skew;
  if (now_ + skew < token.not_before) return JwtFailure::kNotYetValid;
  if (token.expires != 0 && now_ > skew && now_ - skew > token.expires) {
    return JwtFailure::kExpired;
  }
  if (provider.max_lifetime.has_value()) {
    // The rest of its life, in whole seconds as the token has them.
    const auto allowed = static_cast<uint64_t>(*provider.max_lifetime / event::kSecond);
    if (!token.has_expiry ||
        (token.expires > now_ && token.expires - now_ >= std::max<uint64_t>(allowed, 1))) {
      return JwtFailure::kNotVerified;
    }
  } else if (provider.require_expiration && !token.has_expiry) {
    return JwtFailure::kNotVerified;
  }
  if (provider.subjects != nullptr && !provider.subjects->Matches(token.subject)) {
    return JwtFailure::kNotVerified;
  }
  const Audiences& accepted = audiences != nullptr ? *audiences : provider.audiences;
  return accepted.Accept(token.audiences) ? JwtFailure::kNone : JwtFailure::kAudienceNotAllowed;
}

Outcome TokenCheck::CheckSignature(const JwtToken& token, const JwtProvider& provider) {
  if (provider.keys != nullptr) return {false, provider.keys->Verify(token)};
  const auto given = keys_.find(&provider);
  const std::shared_ptr<const KeySet> keys =
      given != keys_.end() ? given->second : state_.FreshKeys(provider);
  if (keys != nullptr) return {false, keys->Verify(token)};
  if (given != keys_.end()) return {false, JwtFailure::kFetchFailed};
  if (needed_ == nullptr) needed_ = &provider;
  return {true, JwtFailure::kNone};
}

}  // namespace remora::extensions
