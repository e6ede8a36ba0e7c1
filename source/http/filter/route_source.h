#pragma once

// RouteSource: where a stream's route table is from, for filters that wait until it has grown
// (VHDS).
//
// Owner: the server stream. Thread: its worker. Nothing fails.

#include <string_view>

#include "source/http/route/route_table.h"
#include "source/http/waiting_room.h"

namespace remora::http {

class RouteSource {
 public:
  // Asks for the virtual host of `host` (lower case, stays as long as the waiter), which is woken
  // when the source has answered. False: there are no more than the table has.
  virtual bool AwaitHost(std::string_view host, http::Waiter& waiter) = 0;
  // The newest table; those before stay as long as the stream.
  virtual const route::RouteTable* NewestRoutes() = 0;
  // The stream goes by another route now.
  virtual void OnRoute(const route::Route& route) = 0;

 protected:
  ~RouteSource() = default;
};

}  // namespace remora::http
