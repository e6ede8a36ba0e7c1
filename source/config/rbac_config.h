#pragma once

// Translator of envoy.config.rbac.v3: access rules, for every extension that has them.
//
// Pure; main thread, at load. Faults go to the context, with `field` as the place. The rules own
// all they need; the proto can go. Owner of what is returned: the extension's configuration, shared
// by all workers. Rules of connections may not ask for what only requests have.

#include <cstdint>
#include <memory>
#include <string_view>

#include "source/config/registry.h"
#include "source/rbac/rules.h"

namespace envoy::config::rbac::v3 {
class RBAC;
}

namespace remora::config {

// Whom the rules are asked about.
enum class RbacOf : uint8_t { kConnections, kRequests };

// Null after an error.
std::shared_ptr<const rbac::Rules> ParseRbac(const envoy::config::rbac::v3::RBAC& proto, RbacOf of,
                                             std::string_view field, ConfigContext& context);

}  // namespace remora::config
