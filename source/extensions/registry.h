#pragma once

// The list of what this binary can do. An ordinary function, called by main: no static
// initialisers, no link-order surprises, one screen of code. The order is that of messages that
// list extensions.
//
// Thread: main, at start. Tests and custom binaries fill a registry of their own instead.

#include "source/config/registry.h"

namespace remora::extensions {

void RegisterAll(config::Registry& registry);

}  // namespace remora::extensions
