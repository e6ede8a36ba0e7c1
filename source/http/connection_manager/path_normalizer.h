#pragma once

// Paths in the form that routes and filters compare: what Envoy's normalize_path, merge_slashes and
// path_with_escaped_slashes_action do to the part of a target before `?`.
//
// Pure functions; any thread. They return the text as it came when nothing changes, else a text in
// the arena. Source: RFC 3986 section 6.2.2 and 5.2.4, in the variant of Chromium's URL
// canonicaliser, which Envoy uses: `\` counts as `/`, only unreserved characters are unescaped,
// hex digits keep their case.

#include <optional>
#include <string_view>

#include "source/base/arena.h"

namespace remora::connection_manager {

// Dots resolved, unreserved characters unescaped, others that a path should not hold escaped.
// Nothing when the path holds an escaped NUL. `path` has no query.
std::optional<std::string_view> NormalizePath(std::string_view path, base::Arena& arena);

// "//" to "/".
std::string_view MergeSlashes(std::string_view path, base::Arena& arena);

// %2F to "/" and %5C to "\", in both cases.
std::string_view UnescapeSlashes(std::string_view path, base::Arena& arena);

}  // namespace remora::connection_manager
