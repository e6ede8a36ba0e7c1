#pragma once

// ReadValue: one runtime value from its text, as in a file of a disk layer or in /runtime_modify.
//
// Pure, any thread, and nothing fails: a text that is neither a number, a truth value nor a
// fraction is a text. Source: Envoy reads such texts as YAML (source/common/runtime).

#include <optional>
#include <string_view>

#include "source/runtime/runtime.h"

namespace remora::runtime {

// `5`, `1.5`, `true`, `{numerator: 1, denominator: TEN_THOUSAND}`.
Value ReadValue(std::string_view text);

// Of HUNDRED, TEN_THOUSAND, MILLION.
std::optional<uint32_t> ReadDenominator(std::string_view name);

}  // namespace remora::runtime
