#pragma once

// Header policy: what the connection manager does to the heads of requests and responses, in
// Envoy's order (envoy docs: HTTP header manipulation, HTTP header sanitizing). Pure functions over
// a head, the configuration and the connection's facts.
// Thread: the stream's worker. A refusal is a value that the caller sends; nothing else can fail.
// What is added is put into the head's arena.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "source/base/random.h"
#include "source/http/connection_manager/config.h"
#include "source/http/filter/local_reply.h"
#include "source/http/message.h"
#include "source/net/address.h"

namespace remora::connection_manager {

// What the policy needs to know of the connection.
struct Peer {
  const net::Address& address;
  // The machine's own address, which stands in x-forwarded-for for a client on exactly 127.0.0.1 or
  // ::1, as in Envoy (127.0.0.2 stands for itself). Empty: not known.
  std::string_view own_ip = {};
  uint16_t local_port = 0;  // where append_x_forwarded_port asks for it
  bool tls = false;
  bool presented_certificate = false;         // the client has shown one
  std::string_view certificate_element = {};  // see client_certificate.h; outlives the head
};

// A reason to refuse a request before any filter sees it, or nothing.
std::optional<http::LocalReply> CheckRequest(const http::RequestHead& head);

// Changes the request for the filters: x-forwarded-*, x-envoy-*, x-request-id, via, scheme. Returns
// the client's address: the peer's, or one in the head's arena. `routes`: null: there are none.
const net::Address* ApplyRequestPolicy(const Config& config, const route::RouteTable* routes,
                                       const Peer& peer, base::Random& random,
                                       http::RequestHead& head);

// Changes the response for the client: date, server, via, x-request-id. `date` is the Date value of
// now.
void ApplyResponsePolicy(const Config& config, const http::RequestHead* request,
                         std::string_view date, http::ResponseHead& head);

// A random UUID (version 4) in its text form, in the arena.
std::string_view MakeRequestId(base::Random& random, base::Arena& arena);

}  // namespace remora::connection_manager
