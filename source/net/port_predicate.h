#pragma once

// PortPredicate: a condition on the port that a connection goes to.
//
// A plain value, made by the listener's translator; any thread. An address without a port meets no
// range. The empty predicate holds for nothing. Asking it cannot fail and allocates nothing.
// Source: envoy.config.listener.v3.ListenerFilterChainMatchPredicate.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "source/net/address.h"

namespace remora::net {

struct PortPredicate {
  enum class Kind : uint8_t { kNever, kAlways, kAny, kAll, kNot, kRange };

  Kind kind = Kind::kNever;
  std::vector<PortPredicate> parts;  // kAny, kAll: of these; kNot: the one
  int32_t first = 0;                 // kRange: from here
  int32_t end = 0;                   // to before here

  bool Holds(const Address& address) const {
    const auto holds = [&address](const PortPredicate& part) { return part.Holds(address); };
    switch (kind) {
      case Kind::kAlways:
        return true;
      case Kind::kAny:
        return std::any_of(parts.begin(), parts.end(), holds);
      case Kind::kAll:
        return std::all_of(parts.begin(), parts.end(), holds);
      case Kind::kNot:
        return !parts.front().Holds(address);
      case Kind::kRange:
        return address.is_ip() && address.port() >= first && address.port() < end;
      case Kind::kNever:
        break;
    }
    return false;
  }
};

}  // namespace remora::net
