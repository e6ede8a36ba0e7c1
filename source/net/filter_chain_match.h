#pragma once

// FilterChainMatch: which connections a filter chain takes. ConnectionTraits: what it is asked of.
//
// Plain values; any thread. An empty list or text is no condition. The translator has checked them:
// names have no stars inside, ports are ports. Nothing fails.
// Source: envoy.config.listener.v3.FilterChainMatch.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/net/address.h"
#include "source/net/cidr.h"

namespace remora::net {

struct FilterChainMatch {
  enum class SourceType : uint8_t { kAny, kSameIpOrLoopback, kExternal };

  uint16_t destination_port = 0;  // 0: any
  std::vector<CidrRange> prefix_ranges;
  // "www.example.com", or ".example.com" for what is written "*.example.com".
  std::vector<std::string> server_names;
  std::string transport_protocol;
  std::vector<std::string> application_protocols;
  std::vector<CidrRange> direct_source_prefix_ranges;
  SourceType source_type = SourceType::kAny;
  std::vector<CidrRange> source_prefix_ranges;
  std::vector<uint16_t> source_ports;

  bool TakesAll() const {
    return destination_port == 0 && prefix_ranges.empty() && server_names.empty() &&
           transport_protocol.empty() && application_protocols.empty() &&
           direct_source_prefix_ranges.empty() && source_type == SourceType::kAny &&
           source_prefix_ranges.empty() && source_ports.empty();
  }
};

// The addresses outlive it.
struct ConnectionTraits {
  const Address& local;          // where the client wanted to go
  const Address& remote;         // the client
  const Address& direct_remote;  // the peer itself
  std::string_view server_name;  // SNI in lower case; empty: none seen
  std::string_view transport_protocol = "raw_buffer";
  const std::vector<std::string>* application_protocols = nullptr;  // in the client's order
};

}  // namespace remora::net
