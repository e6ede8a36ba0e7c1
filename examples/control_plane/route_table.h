#pragma once

// RouteTable: the routes by name, all of them correct, and the only place that changes them.
//
// A change either keeps every rule, and then the version grows by one, or it is refused with the
// reason and changes nothing. Rules beyond route_table.proto's: names, (host, path) and a route's
// instances are unique; addresses are IP addresses. What is left out is filled in (host "*",
// path "/"). A plain value; one thread at a time.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "examples/control_plane/route_table.pb.h"
#include "source/config/config_error.h"

namespace remora::control_plane {

class RouteTable final {
 public:
  using Routes = std::map<std::string, v1::Route, std::less<>>;

  // All faults of a whole table, by the paths of its fields. The table is empty if there are any.
  static RouteTable Of(const v1::RouteTable& message, config::ErrorList& errors);

  const Routes& routes() const { return routes_; }
  uint64_t version() const { return version_; }
  const v1::Route* Find(std::string_view name) const;
  v1::RouteTable ToMessage() const;

  // Creates or replaces the route of that name.
  absl::Status Put(v1::Route route);
  absl::Status Remove(std::string_view name);
  // Creates or replaces the instance of that address and port.
  absl::Status PutInstance(std::string_view route, const v1::Instance& instance);
  // `endpoint`: InstanceName() of it.
  absl::Status RemoveInstance(std::string_view route, std::string_view endpoint);

 private:
  // Adds what is wrong with the route, beside those that are there.
  void Check(const v1::Route& route, const config::FieldPath& path,
             config::ErrorList& errors) const;

  Routes routes_;
  uint64_t version_ = 0;
};

// "127.0.0.1:8080", "[::1]:8080".
std::string InstanceName(const v1::Instance& instance);

}  // namespace remora::control_plane
