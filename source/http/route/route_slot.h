#pragma once

// RouteSlot: where the route table of a connection manager is that comes from a source: one place
// for each worker, so that each takes a new table over in its own time, between two requests.
//
// Made by the translator, shared by the connection manager's configuration and by whoever follows
// the source on main. Threads: Prepare by main before any worker has it; then each place belongs to
// its worker. A stream holds the table that it got. Nothing fails; no table yet is null.

#include <memory>
#include <utility>
#include <vector>

#include "source/http/route/route_table.h"

namespace remora::route {

class RouteSlot {
 public:
  void Prepare(size_t workers) const {
    if (places_.empty()) places_.resize(workers);
  }
  std::shared_ptr<const RouteTable> Get(size_t worker) const {
    return worker < places_.size() ? places_[worker].table : nullptr;
  }
  void Put(size_t worker, std::shared_ptr<const RouteTable> table) const {
    places_[worker].table = std::move(table);
  }

 private:
  // A cache line each: workers read theirs for every request.
  struct alignas(64) Place {
    std::shared_ptr<const RouteTable> table;
  };
  mutable std::vector<Place> places_;
};

}  // namespace remora::route
