#pragma once

// Translator of envoy.config.rbac.v3: access rules, for every extension that has them.
//
// Pure; main thread, at load. Faults go to the context, with `field` as the place. The rules own
// all they need; the proto can go. Owner of what is returned: the extension's configuration, shared
// by all workers. What needs HTTP (header, url_path) is not in the API yet.

#include <memory>
#include <string_view>

#include "source/config/registry.h"
#include "source/rbac/rules.h"

namespace envoy::config::rbac::v3 {
class RBAC;
}

namespace remora::config {

// Null after an error.
std::shared_ptr<const rbac::Rules> ParseRbac(const envoy::config::rbac::v3::RBAC& proto,
                                             std::string_view field, ConfigContext& context);

}  // namespace remora::config
