#pragma once

// Who the client is: the connection's peer, or whom x-forwarded-for names when it can be trusted.
//
// Pure functions over a request's fields; thread: the stream's worker. What is no address is no
// client: nothing fails. Source: Envoy docs, "x-forwarded-for" and "trusted client address".

#include "source/http/header_map.h"
#include "source/net/address.h"

namespace remora::connection_manager {

struct ForwardedAddress {
  const net::Address* address = nullptr;  // in the arena; null: none, or not an address
  bool alone = false;                     // the field names no other
};

// The address behind `skip` others from the right of x-forwarded-for.
ForwardedAddress FindForwarded(const http::HeaderMap& headers, uint32_t skip);

// 127.0.0.1 or ::1 exactly, as Envoy has it.
bool IsExactLoopback(const net::Address& address);

}  // namespace remora::connection_manager
