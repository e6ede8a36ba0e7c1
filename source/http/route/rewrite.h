#pragma once

// Rewrites of a route, compiled: what becomes of a request's path and Host before it is sent on,
// and where a redirect leads.
//
// Owned by a Route; immutable, any thread. Pure: they compute texts, and who asks writes them into
// the head. Compile reports what is wrong, nothing fails later: an expression that does not match
// leaves things as they are.
// Source: Envoy source/common/router/config_impl.cc, source/common/http/utility.cc (newUri).

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/http/message.h"
#include "source/http/route/conditions.h"
#include "source/http/route/config.h"
#include "source/http/route/regex.h"

namespace remora::route {

// `field` is relative to the action: "regex_rewrite".
using RewriteReport = std::function<void(std::string_view field, std::string_view message)>;

struct PathRewrite {
  std::string prefix = {};  // counts when there is no expression; empty: nothing changes
  std::optional<RegexSubstitution> regex = {};

  bool empty() const { return prefix.empty() && !regex.has_value(); }
  // `path`: with its query, which stays. `matched`: how much of it the route's condition matched;
  // nothing when it does not match any more.
  std::optional<std::string> Apply(std::string_view path, std::optional<size_t> matched) const;
};

// Of a ForwardAction.
class Rewrites {
 public:
  // Null when there are none, or after a report.
  static std::unique_ptr<const Rewrites> Compile(const ForwardAction& config,
                                                 uint32_t max_program_size,
                                                 const RewriteReport& report);

  const PathRewrite& path() const { return path_; }
  // The new Host for this request; nothing when it stays (or is the endpoint's host name).
  std::optional<std::string> Host(const http::RequestHead& head) const;
  // The Host becomes the host name of the endpoint that is chosen.
  bool endpoint_hostname() const { return kind_ == ForwardAction::HostRewrite::kEndpointHostname; }
  bool append_x_forwarded_host() const { return append_x_forwarded_host_; }

 private:
  Rewrites() = default;

  PathRewrite path_;
  ForwardAction::HostRewrite kind_ = ForwardAction::HostRewrite::kNone;
  std::string literal_;
  std::optional<RequestField> field_;
  std::optional<RegexSubstitution> path_regex_;
  bool append_x_forwarded_host_ = false;
};

class Redirect {
 public:
  static std::unique_ptr<const Redirect> Compile(RedirectAction config, uint32_t max_program_size,
                                                 const RewriteReport& report);

  uint16_t status() const { return config_.status; }
  // The URL that the request is sent to.
  std::string Location(const http::RequestHead& head, std::optional<size_t> matched) const;

 private:
  Redirect() = default;
  std::string_view RequestHost(const http::RequestHead& head, std::string_view scheme) const;

  RedirectAction config_;
  PathRewrite path_;
};

// scheme://authority/path?query of the request.
std::string RequestUrl(const http::RequestHead& head);

}  // namespace remora::route
