#pragma once

// Configuration text in, values as text out: what the tests of translators compare.
//
// Printed() gives a line for each part of the bootstrap's value, or, when there are faults, a line
// for each of them ("line: path: message"), then the warnings. With it comes a registry of
// extensions made for tests: a terminal filter of type Router, a filter of type Buffer whose
// configuration on a route is BufferPerRoute, and one without any (HeaderMutation).

#include <string>
#include <string_view>

#include "source/config/bootstrap_config.h"

namespace remora::config {

Registry TestRegistry();

LoadedBootstrap Load(std::string_view yaml);
std::string Printed(std::string_view yaml);

// A bootstrap with one listener, one route to cluster `c0` and that cluster; `{{name}}` in a text
// is replaced by a part that a test wants to vary. Every part has a default.
struct Parts {
  std::string admin = "";                       // at the top level
  std::string listener = "";                    // lines in the listener
  std::string chain = "";                       // lines in the filter chain
  std::string manager = "";                     // lines in the connection manager
  std::string routes = "";                      // lines in the route configuration
  std::string host = "";                        // lines in the virtual host
  std::string match = "prefix: /";              // flow map
  std::string action = "route: {cluster: c0}";  // in the route
  std::string route = "";                       // further lines of the route
  std::string filters = "[{{router}}]";         // flow list
  std::string address = "{socket_address: {address: 127.0.0.1, port_value: 8080}}";
  std::string cluster = "";  // lines in the cluster
  std::string endpoint = "{socket_address: {address: 127.0.0.1, port_value: 8001}}";
};
std::string Bootstrap(const Parts& parts);

// Faults and warnings without their positions, one a line; empty when there are none.
std::string Faults(const Parts& parts);
std::string Warnings(const Parts& parts);
// The value of the only route table.
std::shared_ptr<const route::RouteTable> Routes(const Parts& parts);

}  // namespace remora::config
