#pragma once

// The list of extensions: what `--list-extensions` prints, for people and for programs.
//
// It is what the registry of this binary has been filled with, in that order; nothing is listed
// here that is not added there (source/extensions/registry.cc). Pure; any thread. Nothing fails.

#include <string>

#include "source/config/registry.h"

namespace remora::main {

// By category, one line each: stability, name, type, and the type of its per-route configuration.
std::string ExtensionsText(const config::Registry& registry);
// The same as a JSON array of objects.
std::string ExtensionsJson(const config::Registry& registry);

}  // namespace remora::main
