#pragma once

// NameCheck: the subject alternative names that a peer's certificate must have one of.
//
// Compiled from SubjectAltNameMatch values on main, immutable afterwards; any thread. A DNS name
// that the configuration states exactly also fits a certificate's wildcard (`*.b` for `a.b`), as in
// Envoy. Names are compared as counted bytes; one with a zero byte matches nothing. Compile fails
// when a regular expression does not. Source: Envoy
// source/common/tls/cert_validator/san_matcher.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "source/tls/certificate_facts.h"
#include "source/tls/secret.h"

namespace re2 {
class RE2;
}

namespace remora::tls {

// RFC 6125: case does not matter, a `*` stands for the whole first label.
bool DnsNameFits(std::string_view name, std::string_view pattern);

class NameCheck {
 public:
  static absl::StatusOr<NameCheck> Compile(const std::vector<SubjectAltNameMatch>& matches);

  bool empty() const { return rules_.empty(); }
  // One of `names` fits one of the rules.
  bool Holds(const std::vector<SubjectAltName>& names) const;

 private:
  struct Rule {
    SubjectAltNameMatch match;  // its text in lower case when case does not matter
    std::shared_ptr<const re2::RE2> regex;
  };
  static bool Fits(const Rule& rule, std::string_view value);

  std::vector<Rule> rules_;
};

}  // namespace remora::tls
