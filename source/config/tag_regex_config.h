#pragma once

// The expressions of stats_tags, compiled into what stats::TagRule calls.
//
// RE2 where it can; where it cannot (look-ahead, which control planes do write) std::regex, which
// is what Envoy has. std::regex throws and its stack grows with the text, so this is one of the two
// files compiled with exceptions, and names longer than a limit are then not matched.
// Pure; what comes back may be called from any thread.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "source/stats/tag_extractor.h"

namespace remora::config {

using TagMatcher = std::function<std::optional<stats::TagMatch>(std::string_view)>;

// InvalidArgument, in Envoy's words, when the expression cannot be compiled.
absl::StatusOr<TagMatcher> CompileTagRegex(const std::string& regex);

}  // namespace remora::config
