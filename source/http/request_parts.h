#pragma once

// The parts of a request line under the names that services know them by: `:path`, `:method`,
// `:scheme`, `:authority` (also `host`), for filters that let others change a request.
//
// Pure but for the head that is changed, whose arena keeps the new text; any thread. What is not
// valid on the wire is refused, and the head stays as it was.

#include <string_view>

#include "source/http/message.h"

namespace remora::http {

bool IsRequestPart(std::string_view name);

// False: the value is not valid for that part, or the name is that of none.
bool SetRequestPart(std::string_view name, std::string_view value, RequestHead& head);

}  // namespace remora::http
