#pragma once

// Rules: role-based access control, compiled: policies of what is wanted and who wants it.
//
// Matcher is a condition on a Subject (a connection, or a request on one): a tree of and, or, not
// over single facts. Rules asks the policies in the order of their names. Immutable; any thread.
// Nothing fails: a fact that is not there (a certificate on plain text) matches nothing.
// Source: Envoy source/extensions/filters/common/rbac/{engine_impl,matchers}.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/http/route/conditions.h"
#include "source/http/route/metadata_matcher.h"
#include "source/http/stream_info.h"
#include "source/net/cidr.h"

namespace remora::rbac {

// Who wants what.
struct Subject {
  const http::ConnectionFacts& connection;
  // Of a request; null: the connection itself asks.
  const http::RequestHead* request = nullptr;
  const http::StreamInfo* info = nullptr;
};

struct Matcher {
  enum class Kind : uint8_t {
    kAny,
    kAnd,
    kOr,
    kNot,
    kDestinationIp,
    kDestinationPorts,
    kServerName,
    kHeader,
    kPath,
    kMetadata,
    kRouteMetadata,
    kAuthenticated,
    kRemoteIp,
    kConnectionRemoteIp,
    kDirectRemoteIp,
  };

  bool Matches(const Subject& subject) const;

  Kind kind = Kind::kAny;
  std::vector<Matcher> parts;           // kAnd, kOr: of these; kNot: the one
  std::optional<net::CidrRange> range;  // the kinds with an IP
  int32_t first_port = 0;               // kDestinationPorts: from here
  int32_t end_port = 0;                 // to before here
  // kServerName, kPath; kAuthenticated, where null is any peer.
  std::shared_ptr<const route::StringMatcher> text;
  std::shared_ptr<const route::HeaderMatcher> header;
  std::shared_ptr<const route::MetadataMatcher> metadata;  // kMetadata, kRouteMetadata
};

struct Policy {
  std::string name;
  Matcher permissions;
  Matcher principals;
};

class Rules {
 public:
  enum class Action : uint8_t { kAllow, kDeny, kLog };

  struct Decision {
    bool allowed = true;
    std::string_view policy;  // the first that matched; empty: none
  };

  // `policies` in the order of their names.
  Rules(Action action, std::vector<Policy> policies)
      : action_(action), policies_(std::move(policies)) {}
  Decision Decide(const Subject& subject) const;
  // Everything is allowed; whether a policy matched is a hint for logs.
  bool only_logs() const { return action_ == Action::kLog; }

 private:
  Action action_;
  std::vector<Policy> policies_;
};

// "rbac_access_denied_matched_policy[<policy>]", for logs.
std::string DenialText(std::string_view policy);

}  // namespace remora::rbac
