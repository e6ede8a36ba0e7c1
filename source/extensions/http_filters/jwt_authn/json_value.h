#pragma once

// JSON as a value: what a token and a set of keys are written in.
//
// RFC 8259, strictly: no comments, no trailing text, UTF-8 only. A name that is there twice, and
// more than 100 levels, are refused, as by Envoy's parser: what two readers could understand
// differently is no token. Pure; any thread. nullopt: it is no such JSON object.

#include <optional>
#include <string_view>

#include "source/http/metadata.h"

namespace remora::extensions {

std::optional<http::MetadataValue> ReadJsonObject(std::string_view text);

}  // namespace remora::extensions
