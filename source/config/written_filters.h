#pragma once

// What resources say of the HTTP filters of one filter chain, for people: JSON without secrets.
//
// Pure; main alone, since it takes whole resources apart. The result is the caller's. Nothing
// fails: what is not found stays empty.
// Source of the levels: envoy.config.route.v3 (typed_per_filter_config).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace remora::config {

// Where in a listener and its route table.
struct FilterPlace {
  std::optional<size_t> filter_chain = {};      // absent: the default one
  std::optional<size_t> virtual_host = {};      // in the route table
  std::optional<size_t> route = {};             // in the virtual host
  std::optional<size_t> weighted_cluster = {};  // in the route
};

// Where a route table says something of a filter.
enum class RouteLevel : uint8_t { kNone, kTable, kVirtualHost, kRoute, kWeightedCluster };
std::string_view RouteLevelName(RouteLevel level);

// In binary; empty: not known.
struct WrittenResources {
  std::string listener = {};  // envoy.config.listener.v3.Listener
  // envoy.config.route.v3.RouteConfiguration; empty also where the listener has it.
  std::string routes = {};
  // envoy.config.core.v3.TypedExtensionConfig of a filter that comes from a source.
  std::function<std::string(const std::string& name)> extension;
};

struct FilterWanted {
  std::string name;
  RouteLevel level = RouteLevel::kNone;
};

struct WrittenFilter {
  std::string config = {};
  std::string route_config = {};  // what the level says
};

// One for each that is wanted.
std::vector<WrittenFilter> FindWrittenFilters(const WrittenResources& resources,
                                              const FilterPlace& place,
                                              const std::vector<FilterWanted>& wanted);

}  // namespace remora::config
