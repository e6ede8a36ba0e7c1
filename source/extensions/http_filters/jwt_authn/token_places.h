#pragma once

// TokenPlaces: where in a request tokens are looked for, and whose tokens may be there.
//
// Immutable once providers are added; any thread. Every place is looked at; nothing fails: what is
// not there gives no token. Source: Envoy source/extensions/filters/http/jwt_authn/extractor.cc.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/header_id.h"
#include "source/http/message.h"

namespace remora::extensions {

struct FoundToken {
  enum class Place : uint8_t { kHeader, kParameter, kCookie };

  Place place = Place::kHeader;
  std::string_view name;  // of the field, parameter or cookie
  std::string text;
  const std::vector<std::string>* issuers = nullptr;  // an empty name among them: any

  bool MayBeOf(std::string_view issuer) const;
};

class TokenPlaces {
 public:
  struct Header {
    std::string name;    // lower-case
    std::string prefix;  // of the token; may be empty
    std::vector<std::string> issuers;
  };

  // The places of one provider's tokens; without any, those of RFC 6750.
  void Add(const std::string& issuer,
           const std::vector<std::pair<std::string, std::string>>& headers,
           const std::vector<std::string>& parameters, const std::vector<std::string>& cookies);
  // Of another set.
  void Add(const TokenPlaces& other);
  // A field that only this filter may write.
  void AddReserved(std::string header) { reserved_.push_back(std::move(header)); }

  // `removed`: tokens that were taken out since.
  std::vector<FoundToken> Find(const http::RequestHead& head,
                               const std::vector<FoundToken>& removed) const;
  const std::vector<std::string>& reserved() const { return reserved_; }

 private:
  using Issuers = std::map<std::string, std::vector<std::string>>;

  void FindInHeaders(const http::RequestHead& head, std::vector<FoundToken>& tokens) const;

  std::map<std::string, Header> headers_;  // by name and prefix
  Issuers parameters_;
  Issuers cookies_;
  std::vector<std::string> reserved_;
};

// The query parameter of that name, taken out of the path; the rest stays as it stands.
std::string WithoutParameter(std::string_view path, std::string_view name);

}  // namespace remora::extensions
