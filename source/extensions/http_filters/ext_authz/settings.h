#pragma once

// ExtAuthzSettings: the configuration of the external authorization filter; ExtAuthzRoute: what one
// level of a route table says about it.
//
// Made by ParseExtAuthz and ParseExtAuthzRoute from envoy.extensions.filters.http.ext_authz.v3, on
// main; immutable, shared by every worker. Faults go to the context.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "source/config/registry.h"
#include "source/extensions/http_filters/ext_authz/http_service.h"
#include "source/grpc/stream.h"
#include "source/http/route/conditions.h"
#include "source/http/route/metadata_matcher.h"
#include "source/runtime/runtime.h"

namespace envoy::extensions::filters::http::ext_authz::v3 {
class ExtAuthz;
class ExtAuthzPerRoute;
}  // namespace envoy::extensions::filters::http::ext_authz::v3

namespace remora::extensions {

// How much of a request's body is collected for the service.
struct BodyLimit {
  uint64_t max_bytes = 0;
  bool partial = false;  // of a longer one so much is enough
};

// What the service is told besides what it is always told.
struct CheckContent {
  // Of the request's fields; nothing: all.
  NameMatchers allowed;
  NameMatchers disallowed;
  std::vector<std::string> metadata;  // names of dynamic metadata
  std::vector<std::string> route_metadata;
  std::map<std::string, std::string> labels;  // of the destination
  bool raw_fields = false;
  bool body_as_bytes = false;
  bool peer_certificate = false;
  bool tls_session = false;

  // Whether it is told the request's field of that name.
  bool Tells(std::string_view name) const;
};

// Who is asked.
using CheckService = std::variant<grpc::Service, HttpService>;

struct ExtAuthzSettings {
  static constexpr event::Duration kDefaultTimeout = 200 * event::kMillisecond;
  static constexpr uint16_t kForbidden = 403;

  CheckService service;
  CheckContent content;
  std::optional<BodyLimit> body;  // absent: no body is collected
  std::string stat_prefix;
  std::optional<runtime::FractionSetting> enabled;         // absent: always
  std::optional<route::MetadataMatcher> enabled_metadata;  // absent: always
  std::optional<runtime::FlagSetting> deny_at_disable;     // absent: no
  uint16_t status_on_error = kForbidden;
  uint64_t max_denied_body = 0;  // 0: no limit
  bool allow_on_failure = false;
  bool tell_failure = false;  // to the upstream
  bool reroute = false;
  bool validate = false;
  bool charge_cluster = true;
  bool take_metadata = true;
};

struct ExtAuthzRoute {
  bool disabled = false;
  bool without_body = false;
  std::optional<BodyLimit> body;  // in place of the filter's
  std::map<std::string, std::string> context_extensions;
  std::optional<CheckService> service;  // in place of the filter's
};

// nullopt after an error.
std::optional<ExtAuthzSettings> ParseExtAuthz(
    const envoy::extensions::filters::http::ext_authz::v3::ExtAuthz& proto,
    config::ConfigContext& context);
std::optional<ExtAuthzRoute> ParseExtAuthzRoute(
    const envoy::extensions::filters::http::ext_authz::v3::ExtAuthzPerRoute& proto,
    config::ConfigContext& context);

}  // namespace remora::extensions
