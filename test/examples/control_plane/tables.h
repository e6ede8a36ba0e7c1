#pragma once

// Route tables and snapshots of a few words, for the tests of this folder.

#include <stdexcept>
#include <string>

#include "examples/control_plane/route_table.h"
#include "examples/control_plane/snapshot.h"
#include "examples/control_plane/table_text.h"

namespace remora::control_plane {

// A message of YAML; throws what is wrong.
template <class Message>
Message MessageOf(const std::string& yaml) {
  Message message;
  const absl::Status status = ReadBody(yaml, message);
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
  return message;
}

inline RouteTable TableOf(const std::string& yaml) {
  config::ErrorList errors;
  RouteTable table = RouteTable::Of(MessageOf<v1::RouteTable>(yaml), errors);
  if (!errors.empty()) throw std::runtime_error(errors.ToString());
  return table;
}

inline Snapshot SnapshotOf(const RouteTable& table) {
  return BuildSnapshot(table, *net::Address::Ip("127.0.0.1", 10000));
}
inline Snapshot SnapshotOf(const std::string& yaml) { return SnapshotOf(TableOf(yaml)); }

inline const char kTwoRoutes[] =
    "{routes: [{name: shop, host: shop.example, path: /, instances: [{address: 127.0.0.1, port: "
    "81}, {address: 127.0.0.1, port: 82, weight: 3}]}, {name: cart, host: shop.example, path: "
    "/cart, instances: [{address: \"::1\", port: 83}]}]}";

}  // namespace remora::control_plane
