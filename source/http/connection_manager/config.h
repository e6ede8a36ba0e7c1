#pragma once

// The configuration of one HTTP connection manager, as an immutable value.
//
// Made by a translator from envoy.extensions.filters.network.http_connection_manager.v3; names and
// defaults are that message's. Shared by workers; a connection pins the one it was accepted with.
// Durations are nanoseconds, sizes bytes.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/access_log/logger.h"
#include "source/event/clock.h"
#include "source/http/codec.h"
#include "source/http/connection_manager/client_certificate.h"
#include "source/http/filter/filter.h"
#include "source/http/filter/local_reply_rules.h"
#include "source/http/http2/options.h"
#include "source/http/route/route_slot.h"
#include "source/http/route/route_table.h"
#include "source/http/route/scopes.h"
#include "source/net/cidr.h"

namespace remora::connection_manager {

enum class ServerHeader : uint8_t { kOverwrite, kAppendIfAbsent, kPassThrough };
enum class EscapedSlashes : uint8_t { kKeep, kReject, kRedirect, kForward };
enum class StripPort : uint8_t { kNo, kMatching, kAny };

// Whom a request comes from when it comes from inside.
struct InternalAddresses {
  std::vector<net::CidrRange> ranges;
  bool unix_sockets = false;

  bool Has(const net::Address& address) const;
};

// Which HTTP a listener's connections speak; kAuto: as their first bytes say.
enum class CodecType : uint8_t { kAuto, kHttp1, kHttp2 };

// What upstreams are told of the service that forwards (add_user_agent).
struct ServiceNames {
  bool told = false;
  std::string cluster;  // of the node; may be empty
  std::string node;     // its id; empty: it is not told
};

struct Config {
  std::string stat_prefix;
  CodecType codec = CodecType::kAuto;
  http2::ProtocolOptions http2;
  std::string server_name = "envoy";
  ServerHeader server_header = ServerHeader::kOverwrite;

  // 0 turns a timeout off.
  event::Duration idle_timeout = 3600 * event::kSecond;
  event::Duration stream_idle_timeout = 300 * event::kSecond;
  event::Duration delayed_close_timeout = event::kSecond;
  event::Duration request_headers_timeout = 0;
  event::Duration request_timeout = 0;
  event::Duration max_stream_duration = 0;
  event::Duration max_connection_duration = 0;
  bool http1_safe_max_connection_duration = false;
  event::Duration drain_timeout = 5 * event::kSecond;

  uint32_t max_request_header_bytes = 60 * 1024;
  uint32_t max_request_headers = 100;
  uint32_t max_requests_per_connection = 0;  // 0: no limit

  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  bool allow_absolute_url = true;
  bool enable_trailers = false;
  bool allow_chunked_length = false;
  bool keep_after_refusal = false;  // stream_error_on_invalid_http_message
  http::NameCase name_case = http::NameCase::kLower;
  http::UnderscoreNames underscore_names = http::UnderscoreNames::kAllow;

  bool use_remote_address = false;
  uint32_t xff_num_trusted_hops = 0;
  bool skip_xff_append = false;
  bool append_x_forwarded_port = false;
  std::optional<InternalAddresses> internal_addresses;  // absent: nothing is internal
  ClientCertificatePolicy client_certificate;
  std::string via;
  std::string scheme_to_overwrite;  // empty: none
  ServiceNames service_names;
  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool always_set_request_id_in_response = false;
  bool pack_trace_reason = true;

  bool normalize_path = false;
  bool merge_slashes = false;
  EscapedSlashes escaped_slashes = EscapedSlashes::kKeep;
  StripPort strip_port = StripPort::kNo;
  bool strip_trailing_host_dot = false;

  std::vector<route::Upgrade> upgrades;
  // HTTP filters of their own, by the upgrade's type; else `filters`.
  struct UpgradeFilters {
    std::string type;  // any case
    std::vector<http::FilterFactory> filters;
  };
  std::vector<UpgradeFilters> upgrade_filters;
  // Protocols that requests ask for in vain: they go on without. Null: only h2c.
  std::function<bool(std::string_view)> ignores_upgrade;
  // Expect: 100-continue and responses of status 100 and 102 to 104 are passed on; else the proxy
  // answers the former and drops the latter.
  bool proxy_100_continue = false;

  access_log::LoggerList access_log;
  // Besides at its end, a request is logged this often while it lasts (0: not), when it has come,
  // and when it becomes a tunnel.
  event::Duration access_log_flush_interval = 0;
  bool access_log_on_new_request = false;
  bool access_log_on_tunnel = false;

  std::shared_ptr<const http::LocalReplyRules> local_replies;  // null: none
  std::shared_ptr<const route::RouteTable> routes;
  // Where the table is instead when it comes from a source; else null.
  std::shared_ptr<const route::RouteSlot> route_slot;
  // Which table a request gets, where there are several; else null.
  std::shared_ptr<const route::RouteScopes> scopes;
  std::vector<http::FilterFactory> filters;  // the last one is terminal
};

}  // namespace remora::connection_manager
