#pragma once

// ParseMutations: the proto's lists of changes to values. Pure; every fault goes to the context
// with its field's path. What Envoy refuses is refused with its text; besides, what Remora cannot
// do: removing a part of the request or status line, and operators that it does not know (yet).
// Thread: main, at start. The values own everything they need; the proto can go.
// Source: Envoy source/common/http/header_mutation.cc, and its texts as measured.

#include "source/config/registry.h"
#include "source/extensions/http_filters/header_mutation/mutations.h"

namespace envoy::extensions::filters::http::header_mutation::v3 {
class Mutations;
}  // namespace envoy::extensions::filters::http::header_mutation::v3

namespace remora::extensions {

// `path`: of the message within the extension's message.
Mutations ParseMutations(
    const envoy::extensions::filters::http::header_mutation::v3::Mutations& proto,
    std::string_view path, config::ConfigContext& context);

}  // namespace remora::extensions
