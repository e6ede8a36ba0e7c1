#include "examples/control_plane/route_table.h"

#include <set>
#include <utility>

#include "source/config/text.h"
#include "source/config/validate_rules.h"
#include "source/net/address.h"

namespace remora::control_plane {
namespace {

using config::Concat;
using config::ErrorList;
using config::FieldPath;

absl::Status NoRoute(std::string_view name) {
  return absl::NotFoundError(Concat("there is no route \"", name, "\""));
}

absl::Status ToStatus(const ErrorList& errors) {
  if (errors.empty()) return absl::OkStatus();
  std::string text;
  for (const config::ConfigError& error : errors.errors()) {
    text += (text.empty() ? "" : "; ") + error.ToString();
  }
  return absl::InvalidArgumentError(text);
}

v1::Route Completed(v1::Route route) {
  if (route.host().empty()) route.set_host("*");
  if (route.path().empty()) route.set_path("/");
  return route;
}

void CheckInstances(const v1::Route& route, const FieldPath& path, ErrorList& errors) {
  std::set<std::string> seen;
  for (int i = 0; i < route.instances_size(); ++i) {
    const v1::Instance& instance = route.instances(i);
    const FieldPath list = path.Field("instances");
    const FieldPath here = list.Index(static_cast<size_t>(i));
    if (!net::Address::Ip(instance.address(), static_cast<uint16_t>(instance.port())).ok()) {
      errors.Add(here.Field("address"),
                 Concat("\"", instance.address(), "\" is not an IP address"));
    } else if (!seen.insert(InstanceName(instance)).second) {
      errors.Add(here, Concat(InstanceName(instance), " is an instance of this route already"));
    }
  }
}

}  // namespace

std::string InstanceName(const v1::Instance& instance) {
  const auto address = net::Address::Ip(instance.address(), static_cast<uint16_t>(instance.port()));
  return address.ok() ? address->ToString() : Concat(instance.address(), ":", instance.port());
}

void RouteTable::Check(const v1::Route& route, const FieldPath& path, ErrorList& errors) const {
  if (route.name().empty()) errors.Add(path.Field("name"), "is required");
  for (const auto& [name, other] : routes_) {
    if (name == route.name() || other.host() != route.host() || other.path() != route.path()) {
      continue;
    }
    errors.Add(path.Field("path"), Concat("route \"", name, "\" has host \"", route.host(),
                                          "\" and path \"", route.path(), "\" already"));
  }
  CheckInstances(route, path, errors);
}

RouteTable RouteTable::Of(const v1::RouteTable& message, ErrorList& errors) {
  RouteTable table;
  const FieldPath root;
  const FieldPath list = root.Field("routes");
  for (int i = 0; i < message.routes_size(); ++i) {
    const FieldPath path = list.Index(static_cast<size_t>(i));
    v1::Route route = Completed(message.routes(i));
    if (table.routes_.contains(route.name())) {
      errors.Add(path.Field("name"), Concat("there are two routes \"", route.name(), "\""));
      continue;
    }
    table.Check(route, path, errors);
    std::string name = route.name();
    table.routes_.emplace(std::move(name), std::move(route));
  }
  return errors.empty() ? table : RouteTable();
}

const v1::Route* RouteTable::Find(std::string_view name) const {
  const auto found = routes_.find(name);
  return found == routes_.end() ? nullptr : &found->second;
}

v1::RouteTable RouteTable::ToMessage() const {
  v1::RouteTable message;
  for (const auto& [name, route] : routes_) *message.add_routes() = route;
  return message;
}

absl::Status RouteTable::Put(v1::Route route) {
  route = Completed(std::move(route));
  ErrorList errors;
  ErrorList warnings;
  config::ValidateRules(route, {}, errors, warnings);
  Check(route, FieldPath(), errors);
  if (!errors.empty()) return ToStatus(errors);
  std::string name = route.name();
  routes_.insert_or_assign(std::move(name), std::move(route));
  ++version_;
  return absl::OkStatus();
}

absl::Status RouteTable::Remove(std::string_view name) {
  const auto found = routes_.find(name);
  if (found == routes_.end()) return NoRoute(name);
  routes_.erase(found);
  ++version_;
  return absl::OkStatus();
}

absl::Status RouteTable::PutInstance(std::string_view route, const v1::Instance& instance) {
  const v1::Route* const found = Find(route);
  if (found == nullptr) return NoRoute(route);
  v1::Route changed = *found;
  for (v1::Instance& there : *changed.mutable_instances()) {
    if (InstanceName(there) != InstanceName(instance)) continue;
    there = instance;
    return Put(std::move(changed));
  }
  *changed.add_instances() = instance;
  return Put(std::move(changed));
}

absl::Status RouteTable::RemoveInstance(std::string_view route, std::string_view endpoint) {
  const v1::Route* const found = Find(route);
  if (found == nullptr) return NoRoute(route);
  v1::Route changed = *found;
  for (int i = 0; i < changed.instances_size(); ++i) {
    if (InstanceName(changed.instances(i)) != endpoint) continue;
    changed.mutable_instances()->DeleteSubrange(i, 1);
    return Put(std::move(changed));
  }
  return absl::NotFoundError(Concat("route \"", route, "\" has no instance ", endpoint));
}

}  // namespace remora::control_plane
