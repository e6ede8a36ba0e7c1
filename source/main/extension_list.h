#pragma once

// What `--list-extensions` prints: every extension of a binary, as the registry lists it. Pure.

#include <string>

#include "source/config/registry.h"

namespace remora::main {

// By category, one line each: stability, name, type, and the type of its per-route configuration.
std::string ExtensionsText(const config::Registry& registry);
// The same as a JSON array of objects.
std::string ExtensionsJson(const config::Registry& registry);

}  // namespace remora::main
