#pragma once

// The filter of skeleton.proto. Thread: main, at start.

#include "source/config/registry.h"

namespace my_filters {

void AddSkeleton(remora::config::Registry& registry);

}  // namespace my_filters
