#pragma once

// The case of field names on the wire (NameCase): for peers that read HTTP/1 too literally.
//
// A head is written as always and its names are changed then: only configurations that ask for it
// pay. Pure functions; thread: the stream's worker. They cannot fail.
// Source: Envoy docs, "HTTP/1.1 header casing".

#include <string_view>

#include "source/buffer/buffer.h"
#include "source/http/codec.h"

namespace remora::http1 {

// Appends `head`, a whole head with lower-case names, to `output`. With `received` (another head's
// bytes) names that stand there are written as there, and others as they are; else by `name_case`.
void WriteWithNameCase(const buffer::Buffer& head, std::string_view received,
                       http::NameCase name_case, buffer::Buffer& output);

}  // namespace remora::http1
