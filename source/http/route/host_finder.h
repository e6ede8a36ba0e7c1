#pragma once

// HostFinder: whom a route table asks for a virtual host that it does not have (VHDS).
//
// Made by whoever follows the table's source on main, held by the tables of that source. Threads:
// any worker's. Nothing fails: RouteSlot::OnAnswer follows.

#include <string>

namespace remora::route {

class HostFinder {
 public:
  virtual ~HostFinder() = default;
  // `host`: of a request, in lower case, with its port.
  virtual void FindHost(std::string host) const = 0;
};

}  // namespace remora::route
