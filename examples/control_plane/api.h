#pragma once

// Api: what the HTTP API does: a request in, an answer out, no I/O of its own.
//
//   GET    /routes                                  the table
//   GET    /routes/NAME                             one route
//   PUT    /routes/NAME                             create (201) or replace (200) it
//   DELETE /routes/NAME                             (204)
//   PUT    /routes/NAME/instances/ADDRESS:PORT      create or replace an instance
//   DELETE /routes/NAME/instances/ADDRESS:PORT      (204)
//   GET    /sidecars                                who is connected, what each has accepted
//
// Bodies are JSON. A request that is refused (400, 404, 405, 500) changes nothing and says why:
// {"reason": "..."}. One thread.

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "examples/control_plane/route_table.h"

namespace remora::control_plane {

struct ApiResponse {
  int status = 200;
  std::string body;   // empty: none
  std::string allow;  // of 405
};

class Api final {
 public:
  // A changed table, before it counts; an error keeps the one that there was.
  using Commit = std::function<absl::Status(const RouteTable& changed)>;
  using Describe = std::function<v1::Sidecars()>;

  Api(RouteTable table, Commit commit, Describe describe)
      : table_(std::move(table)), commit_(std::move(commit)), describe_(std::move(describe)) {}

  // `path` with or without a query, which means nothing.
  ApiResponse Handle(std::string_view method, std::string_view path, const std::string& body);

  const RouteTable& table() const { return table_; }

 private:
  ApiResponse HandleRoute(std::string_view method, std::string_view name, const std::string& body);
  ApiResponse HandleInstance(std::string_view method, std::string_view route,
                             std::string_view endpoint, const std::string& body);
  absl::Status Change(const std::function<absl::Status(RouteTable&)>& change);

  RouteTable table_;
  const Commit commit_;
  const Describe describe_;
};

}  // namespace remora::control_plane
