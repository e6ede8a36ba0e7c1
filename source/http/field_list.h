#pragma once

// Fields whose value is a comma-separated list (RFC 9110 section 5.6.1), on one line or several.
//
// Pure; any thread, but JoinedField, which may write into the map's arena: its stream's worker.
// Nothing fails. Elements are cut at every comma: lists of quoted strings are not read with this.

#include <string_view>

#include "source/http/header_map.h"

namespace remora::http {

// Without spaces and tabs around it.
std::string_view TrimField(std::string_view text);

// Cuts the next element off `list`; may be empty.
std::string_view NextElement(std::string_view& list);

// Whether the lower-case `token` is an element of the list.
bool ListHasToken(std::string_view list, std::string_view token);

// All values of that field as one list; empty when there is none.
std::string_view JoinedField(const HeaderMap& headers, HeaderId id);

}  // namespace remora::http
