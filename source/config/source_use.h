#pragma once

// EndpointSource, RouteUse, ScopeUse, ExtensionUse: what a piece of configuration needs from
// sources of configuration, as the translators have found it.
//
// Plain values; made on main, followed by the server. A TLS context's is tls::ContextUse.

#include <memory>
#include <string>
#include <vector>

#include "source/config/config_source.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/filter_slot.h"
#include "source/http/route/route_slot.h"
#include "source/http/route/scopes.h"

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

// A connection manager whose scoped routes come from a source.
struct ScopeUse {
  ConfigSource source;        // of the scopes
  ConfigSource route_source;  // of the tables that they name
  std::string name;           // of all of them, for statistics
  std::string stat_prefix;    // the connection manager's
  std::shared_ptr<const route::ScopeSlot> slot;
  std::vector<http::FilterFactory> filters;  // that the tables are for
};

// An HTTP filter whose configuration comes from a source.
struct ExtensionUse {
  ConfigSource source;
  std::string name;                // the filter's, and what the source calls its configuration
  std::vector<std::string> types;  // full names of what it may be
  bool last = false;               // its chain ends with it: it has to be terminal
  bool warms = true;               // false: `fallback` serves until it has come
  http::FilterSlot::Version
      fallback;  // when there is no other; null: requests are answered with 500
  std::shared_ptr<const http::FilterSlot> slot;
};

}  // namespace remora::config
