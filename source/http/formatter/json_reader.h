#pragma once

// ReadJson: a JSON text (RFC 8259) as a value, for arguments of operators.
//
// Pure; used while a configuration is read. Nothing when the text is no JSON, goes deeper than
// kMaxJsonDepth, or has an escaped surrogate. Private to the folder.

#include <cstddef>
#include <optional>
#include <string_view>

#include "source/http/metadata.h"

namespace remora::formatter {

inline constexpr size_t kMaxJsonDepth = 16;

std::optional<http::MetadataValue> ReadJson(std::string_view text);

}  // namespace remora::formatter
