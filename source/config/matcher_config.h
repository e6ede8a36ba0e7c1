#pragma once

// Translators of envoy.type.matcher.v3: conditions on strings, as the route table's value and as a
// predicate for statistics' names.
//
// Pure; faults go to Translation::errors. A route table checks its own expressions when it is
// built, so ParseStringMatch does not; ParseStatPredicate compiles and checks. A predicate may be
// called from any thread.

#include <functional>
#include <string_view>

#include "source/config/core_config.h"
#include "source/http/route/config.h"

namespace envoy::type::matcher::v3 {
class StringMatcher;
}

namespace remora::config {

route::StringMatch ParseStringMatch(const envoy::type::matcher::v3::StringMatcher& proto,
                                    const FieldPath& path, Translation& translation);

// Null after an error.
std::function<bool(std::string_view)> ParseStatPredicate(
    const envoy::type::matcher::v3::StringMatcher& proto, const FieldPath& path,
    Translation& translation);

}  // namespace remora::config
