#pragma once

// Which metrics exist at all: bootstrap stats_config.stats_matcher as a plain value.
// Asked once per metric, when it is registered, with its full name. A rejected metric is never
// shown and its handles write to a sink. Called under the Store's mutex from any thread: the
// predicates must be pure.
// Nothing in it fails.

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace remora::stats {

struct Matcher {
  enum class Mode : uint8_t {
    kAcceptAll,
    kRejectAll,
    kInclusion,  // only what a predicate accepts
    kExclusion,  // all but what a predicate accepts
  };

  bool Accepts(std::string_view name) const {
    if (mode == Mode::kAcceptAll) return true;
    if (mode == Mode::kRejectAll) return false;
    const bool listed = std::any_of(predicates.begin(), predicates.end(),
                                    [name](const auto& predicate) { return predicate(name); });
    return listed == (mode == Mode::kInclusion);
  }

  Mode mode = Mode::kAcceptAll;
  std::vector<std::function<bool(std::string_view)>> predicates;
};

}  // namespace remora::stats
