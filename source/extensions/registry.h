#pragma once

// The list of what this binary can do. An ordinary function, called by main: no static initialisers,
// no link-order surprises, one screen of code.

#include "source/config/registry.h"

namespace remora::extensions {

void RegisterAll(config::Registry& registry);

}  // namespace remora::extensions
