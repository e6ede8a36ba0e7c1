#pragma once

// WeightSource: what changes the choice between weighted clusters for a request: weights from the
// runtime, and a number from a request header field.
//
// Private to this folder. Owned by a Route; immutable, any thread. Nothing fails: what cannot be
// read leaves the configured weights and the random number.

#include <optional>
#include <string>
#include <vector>

#include "source/http/route/conditions.h"

namespace remora::route {

struct WeightSource {
  std::vector<std::string> runtime_keys = {};  // by cluster; empty: the configured weights
  std::optional<RequestField> number = {};
};

}  // namespace remora::route
