#pragma once

// RouteSlot: where the route table of a connection manager is that comes from a source: one place
// for each worker, so that each takes a new table over in its own time, between two requests.
//
// Made by the translator, shared by the connection manager's configuration and by whoever follows
// the source on main. Threads: Prepare by main before any worker has it; then each place belongs to
// its worker. A stream holds the table that it got. Nothing fails; no table yet is null.
// Requests whose virtual host the table may still get (VHDS) wait here too.

#include <memory>
#include <utility>
#include <vector>

#include "source/http/route/host_finder.h"
#include "source/http/route/route_table.h"
#include "source/http/waiting_room.h"

namespace remora::route {

class RouteSlot {
 public:
  void Prepare(size_t workers) const {
    if (places_.empty()) places_ = std::vector<Place>(workers);
  }
  std::shared_ptr<const RouteTable> Get(size_t worker) const {
    return worker < places_.size() ? places_[worker].table : nullptr;
  }
  void Put(size_t worker, std::shared_ptr<const RouteTable> table) const {
    places_[worker].table = std::move(table);
  }
  // Until the source has answered for `host`, which stays as long as the waiter. False: the table
  // has all the hosts that there are.
  bool AwaitHost(size_t worker, std::string_view host, http::Waiter& waiter) const {
    const std::shared_ptr<const RouteTable> table = Get(worker);
    if (table == nullptr || table->host_finder() == nullptr) return false;
    if (places_[worker].waiting.Add(host, waiter))
      table->host_finder()->FindHost(std::string(host));
    return true;
  }
  void OnAnswer(size_t worker, std::string_view host) const { places_[worker].waiting.Wake(host); }

 private:
  // A cache line each: workers read theirs for every request.
  struct alignas(64) Place {
    std::shared_ptr<const RouteTable> table;
    http::WaitingRoom waiting;
  };
  mutable std::vector<Place> places_;
};

}  // namespace remora::route
