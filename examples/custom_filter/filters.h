#pragma once

// The filters of this binary: each adds itself to a registry. Thread: main, at start.

#include "source/config/registry.h"

namespace example {

void AddKeyAuth(remora::config::Registry& registry);       // key_auth.proto
void AddReplaceText(remora::config::Registry& registry);   // replace_text.proto
void AddTenantLookup(remora::config::Registry& registry);  // tenant_lookup.proto

}  // namespace example
