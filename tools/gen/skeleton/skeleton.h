#pragma once

// The filter of skeleton.proto: tells every client something in a field of the answer.
//
// AddSkeleton makes it known to a registry; after that, configuration finds it by the type of its
// proto. Thread: main, at start. Owner: none, it is a function. Nothing fails; mistakes of a
// configuration are found when it is loaded.

#include "source/config/registry.h"

namespace my_filters {

void AddSkeleton(remora::config::Registry& registry);

}  // namespace my_filters
