#pragma once

// The configuration of one HTTP connection manager, as an immutable value.
//
// Made by a translator from envoy.extensions.filters.network.http_connection_manager.v3; names and
// defaults are that message's. Shared by workers; a connection pins the one it was accepted with.
// Durations are nanoseconds, sizes bytes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/event/clock.h"
#include "source/http/filter/filter.h"
#include "source/http/route/route_table.h"

namespace remora::connection_manager {

enum class ServerHeader : uint8_t { kOverwrite, kAppendIfAbsent, kPassThrough };

struct Config {
  std::string stat_prefix;
  std::string server_name = "envoy";
  ServerHeader server_header = ServerHeader::kOverwrite;

  // 0 turns a timeout off.
  event::Duration idle_timeout = 3600 * event::kSecond;
  event::Duration stream_idle_timeout = 300 * event::kSecond;
  event::Duration delayed_close_timeout = event::kSecond;

  uint32_t max_request_header_bytes = 60 * 1024;
  uint32_t max_request_headers = 100;
  uint32_t max_requests_per_connection = 0;  // 0: no limit

  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  bool allow_absolute_url = true;
  bool enable_trailers = false;

  bool use_remote_address = false;
  uint32_t xff_num_trusted_hops = 0;
  bool skip_xff_append = false;
  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool always_set_request_id_in_response = false;

  std::shared_ptr<const route::RouteTable> routes;
  std::vector<http::FilterFactory> filters;  // the last one is terminal
};

}  // namespace remora::connection_manager
