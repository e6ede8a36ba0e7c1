#pragma once

// The parts of a request that are no fields: what scripts, modules and services read and change,
// and the names by which some of them do.
//
// Pure functions on a head of its caller's, whose arena keeps what is new; the thread is the
// stream's. A value that cannot stand in a request line, or that would make it another request than
// it says, is refused: nobody smuggles by it. Source: RFC 9110 section 7.1, RFC 9112 section 3.

#include <cstdint>
#include <optional>
#include <string_view>

#include "source/http/message.h"

namespace remora::http {

enum class RequestPart : uint8_t { kMethod, kScheme, kAuthority, kPath };

// Of `:method`, `:scheme`, `:authority` (or `host`) and `:path`; nothing: it is the name of none.
std::optional<RequestPart> FindRequestPart(std::string_view name);

std::string_view GetPart(const RequestHead& head, RequestPart part);
bool IsValidPart(RequestPart part, std::string_view value);
// False: the value is not valid, and nothing has changed.
bool SetPart(RequestHead& head, RequestPart part, std::string_view value);

}  // namespace remora::http
