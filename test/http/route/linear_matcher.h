#pragma once

// The plain matcher that RouteTable is compared with: reads the configuration itself, in order, one
// condition after the other, with strings copied freely. Shares no code with source/http/route but
// the configuration's types.

#include <cstdint>
#include <string>

#include "source/http/message.h"
#include "source/http/route/config.h"

namespace remora::route {

// What a search finds, in words: "host 0 route 3 cluster a overrides f=1 g=2", "host 0 no route",
// "no host". Configs of overrides are std::string.
std::string MatchLinearly(const RouteTableConfig& config, const http::RequestHead& head,
                          uint64_t random, const runtime::Snapshot* runtime);

// The same words for overrides that RouteTable found: sorted by filter name; "" when null.
std::string OverridesText(const FilterOverrides* overrides);

}  // namespace remora::route
