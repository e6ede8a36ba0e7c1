#pragma once

// Translator of envoy.config.bootstrap.v3.LayeredRuntime: the few runtime values that have an
// effect here, taken from the static layers.
//
// Pure. Keys without effect are reported to Translation::warnings, one each. Values that Envoy
// refuses (null, lists) are errors; values that it cannot use as a number are passed over, as
// there. Source: Envoy source/common/runtime/runtime_impl.cc.

#include "source/config/core_config.h"

namespace envoy::config::bootstrap::v3 {
class LayeredRuntime;
}

namespace remora::config {

// Sets Translation::max_regex_program_size.
void ParseRuntime(const envoy::config::bootstrap::v3::LayeredRuntime& proto, const FieldPath& path,
                  Translation& translation);

}  // namespace remora::config
