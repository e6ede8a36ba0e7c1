#pragma once

// FindSecret: whether a message holds a key or a password itself, for places that must not have
// any.
//
// Which fields those are is said beside them in api/ (redact.h). A DataSource that names a file or
// an environment variable holds none. What cannot be read holds one for all that is known: a
// message of a type that is not linked, and fields without a name in a message that may hold keys.
// Pure; any thread. The bytes are those of a resource that was taken.

#include <string>
#include <string_view>

namespace remora::xds {

// The path of the first one; empty: there is none.
std::string FindSecret(std::string_view type_url, std::string_view bytes);

}  // namespace remora::xds
