#include "source/http/router/route_action.h"

#include <string>
#include <utility>

#include "source/http/formatter/format.h"
#include "source/http/formatter/template.h"
#include "source/http/route/header_changes.h"
#include "source/http/route/rewrite.h"

namespace remora::router {

using http::HeaderId;

namespace {

// 201 and 3xx name another URL (RFC 9110 section 10.2.2), but 304 names none.
bool HasLocation(uint16_t status) {
  return status == 201 || (status >= 300 && status < 400 && status != 304);
}

// Appends the Host that came to x-forwarded-host, unless it is the last there already.
void AppendForwardedHost(http::RequestHead& head) {
  if (head.authority.empty()) return;
  const std::string_view before = head.headers.Get(HeaderId::kXForwardedHost);
  const size_t comma = before.rfind(',');
  if (!before.empty() && before.substr(comma + 1) == head.authority) return;
  std::string hosts(before);
  if (!hosts.empty()) hosts += ',';
  hosts += head.authority;
  head.headers.Set(HeaderId::kXForwardedHost, hosts);
}

void SetHost(const route::Rewrites& rewrites, std::string_view host, bool add_original_host,
             http::RequestHead& head) {
  if (!http::IsValidHeaderValue(host)) return;
  if (rewrites.append_x_forwarded_host()) AppendForwardedHost(head);
  if (add_original_host) head.headers.Set(HeaderId::kXEnvoyOriginalHost, head.authority);
  head.authority = head.arena().Copy(host);
}

}  // namespace

std::optional<http::LocalReply> OwnReply(const http::FilterContext& context,
                                         const http::RequestHead& head) {
  const route::Route& route = *context.route();
  http::LocalReply reply;
  reply.details = "direct_response";
  std::string location;
  if (const route::Redirect* redirect = route.redirect(); redirect != nullptr) {
    reply.status = redirect->status();
    // CONNECT without a path has no URL.
    if (!head.path.empty()) location = redirect->Location(head, route.MatchedSize(head.path));
  } else if (const route::DirectResponseAction* direct = route.direct_response()) {
    reply.status = static_cast<uint16_t>(direct->status);
    if (direct->body_format == nullptr) {
      reply.body = direct->body;
    } else {
      direct->body_format->AppendTo(
          reply.body,
          {.info = context.stream_info(), .request = &head, .local_reply_body = direct->body});
      reply.content_type = direct->content_type;
    }
    if (HasLocation(reply.status) && !head.path.empty()) location = route::RequestUrl(head);
  } else {
    return std::nullopt;
  }
  if (!location.empty()) reply.headers.emplace_back(HeaderId::kLocation, std::move(location));
  return reply;
}

void internal::ChangeRequest(const http::FilterContext& context, bool add_envoy_headers,
                             http::RequestHead& head) {
  const route::ClusterChoice& cluster = *context.match().cluster;
  if (cluster.request_headers != nullptr) {
    cluster.request_headers->Apply(head.headers, {.info = context.stream_info(), .request = &head});
  }
  if (!cluster.host_rewrite.empty()) head.authority = cluster.host_rewrite;
  const route::Route& route = *context.route();
  const route::Rewrites* rewrites = route.rewrites();
  if (rewrites == nullptr) return;
  if (const std::optional<std::string> host = rewrites->Host(head); host.has_value()) {
    SetHost(*rewrites, *host, add_envoy_headers, head);
  }
  if (rewrites->path().empty()) return;
  const std::optional<std::string> path =
      rewrites->path().Apply(head.path, route.MatchedSize(head.path));
  // As Envoy: also when the rewrite leaves it as it is.
  if (add_envoy_headers) head.headers.Set(HeaderId::kXEnvoyOriginalPath, head.path);
  if (path.has_value()) head.path = head.arena().Copy(*path);
}

void internal::ChangeHost(const route::Rewrites& rewrites, std::string_view hostname,
                          bool add_original_host, http::RequestHead& head) {
  // Another try to the same host changes nothing.
  if (!add_original_host && hostname == head.authority) return;
  if (rewrites.endpoint_hostname() && !hostname.empty()) {
    SetHost(rewrites, hostname, add_original_host, head);
  }
}

void internal::ChangeResponse(const http::FilterContext& context, http::ResponseHead& head) {
  http::StreamInfo& info = context.stream_info();
  info.response_code = head.status;
  context.match().response_headers()->Apply(
      head.headers, {.info = info, .request = context.request_head(), .response = &head});
}

uint16_t ClusterNotFoundStatus(const route::Route& route) {
  return route.forward() != nullptr ? route.forward()->cluster_not_found_status : 503;
}

}  // namespace remora::router
