#pragma once

// Translator of typed_per_filter_config: what HTTP filters do differently in a part of a route
// table. The value's type decides which extension parses it; the key names the filter of the chain.
//
// Pure; faults go to Translation::errors, keys that name no filter of the chain to its warnings (as
// in Envoy they are not an error). What is returned is safe to hand to the filters of that name:
// its type is theirs.
// Source: Envoy source/common/router/per_filter_config.cc.

#include <string>
#include <vector>

#include "google/protobuf/map.h"
#include "source/config/core_config.h"
#include "source/http/filter/filter.h"
#include "source/http/route/config.h"

namespace remora::config {

using FilterConfigMap = google::protobuf::Map<std::string, google::protobuf::Any>;

// In the order of the keys. `filters`: the chain whose requests the route table serves.
route::FilterOverrides ParseFilterOverrides(const FilterConfigMap& protos,
                                            const std::vector<http::FilterFactory>& filters,
                                            const FieldPath& path, Translation& translation);

}  // namespace remora::config
