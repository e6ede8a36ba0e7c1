#pragma once

// EndpointSource, RouteUse: what a piece of configuration needs from sources of configuration, as
// the translators have found it.
//
// Plain values; made on main, followed by the server. A TLS context's is tls::ContextUse.

#include <memory>
#include <string>
#include <vector>

#include "source/config/config_source.h"
#include "source/http/filter/filter.h"
#include "source/http/route/route_slot.h"

namespace remora::config {

// Where the endpoints of an EDS cluster come from.
struct EndpointSource {
  ConfigSource source;
  std::string service_name;  // what the source calls them

  bool operator==(const EndpointSource&) const = default;
};

// A connection manager whose route table comes from a source.
struct RouteUse {
  ConfigSource source;
  std::string name;         // what the source calls the table
  std::string stat_prefix;  // the connection manager's
  std::shared_ptr<const route::RouteSlot> slot;
  std::vector<http::FilterFactory> filters;  // that the table is for
};

}  // namespace remora::config
