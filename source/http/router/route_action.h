#pragma once

// What a route does to a message besides choosing a cluster: answers of its own (redirect, direct
// response), header changes, rewrites of path and Host.
//
// Called by RouterFilter, on the stream's worker: OwnReply before the cluster is chosen,
// FinalizeRequest before the request is sent, RewriteHost once the endpoint is known,
// FinalizeResponse when the upstream's head is there. A route that asks for none of it costs one
// test each. New texts live in the message's arena. Nothing here fails.
//
// Order, as Envoy 1.40 has it: header changes (which see the request as it came), Host of the
// weighted cluster, Host of the route, path.

#include <optional>
#include <string_view>

#include "source/http/filter/filter_context.h"
#include "source/http/filter/local_reply.h"
#include "source/http/message.h"

namespace remora::router {

// The answer of a route that does not forward.
std::optional<http::LocalReply> OwnReply(const http::FilterContext& context,
                                         const http::RequestHead& head);

namespace internal {
void ChangeRequest(const http::FilterContext& context, bool add_envoy_headers,
                   http::RequestHead& head);
void ChangeResponse(const http::FilterContext& context, http::ResponseHead& head);
void ChangeHost(const route::Rewrites& rewrites, std::string_view hostname, bool add_original_host,
                http::RequestHead& head);
}  // namespace internal

// `add_envoy_headers`: x-envoy-original-path and x-envoy-original-host.
inline void FinalizeRequest(const http::FilterContext& context, bool add_envoy_headers,
                            http::RequestHead& head) {
  const route::ClusterChoice* cluster = context.match().cluster;
  if (cluster != nullptr && cluster->changes_request) [[unlikely]] {
    internal::ChangeRequest(context, add_envoy_headers, head);
  }
}

// auto_host_rewrite. `hostname`: of the endpoint that was chosen; empty: it has none. With
// `add_original_host` the Host until now goes into x-envoy-original-host: not for a later attempt.
inline void RewriteHost(const http::FilterContext& context, std::string_view hostname,
                        bool add_original_host, http::RequestHead& head) {
  const route::ClusterChoice* cluster = context.match().cluster;
  if (cluster == nullptr || !cluster->changes_request) [[likely]]
    return;
  const route::Rewrites* rewrites = context.route()->rewrites();
  if (rewrites != nullptr) internal::ChangeHost(*rewrites, hostname, add_original_host, head);
}

inline void FinalizeResponse(const http::FilterContext& context, http::ResponseHead& head) {
  if (context.match().response_headers() != nullptr) [[unlikely]] {
    internal::ChangeResponse(context, head);
  }
}

// Status of the answer when the route's cluster does not exist.
uint16_t ClusterNotFoundStatus(const route::Route& route);

}  // namespace remora::router
