#pragma once

// Question: a connection and a request that somebody wants explained, as a plain value.
//
// What is not said is as of a plain client. Thread: any; read from an admin request on main, handed
// to the worker by value. Nothing fails here: whoever fills it in has checked texts and addresses.
// Source of the terms: envoy.config.listener.v3.FilterChainMatch, RFC 9110.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "source/net/address.h"

namespace remora::explain {

struct Question {
  size_t worker = 0;  // whose view it is

  // The connection.
  std::string listener = {};  // its name, its address or its port; empty: where `destination` goes
  std::optional<net::Address> destination = {};  // before a redirection; absent: the listener's
  std::optional<net::Address> source = {};       // absent: 127.0.0.1
  bool tls = false;
  std::string server_name = {};  // SNI; empty: none
  std::vector<std::string> application_protocols = {};

  // The request.
  std::string method = "GET";
  std::string authority = {};  // empty: where the client wants to go
  std::string path = "/";
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in any case
  // Decides what is decided by chance (weights, fractions); absent: drawn as for any request.
  std::optional<uint64_t> random = {};
};

}  // namespace remora::explain
