#pragma once

// The PROXY protocol's header, version 1 (text) and 2 (binary): who the client of a connection is,
// said by the load balancer in front.
//
// Pure functions over the bytes of a connection from its beginning; any thread. A header that does
// not add up is kMalformed; nothing is guessed. Source: HAProxy doc/proxy-protocol.txt; where it
// leaves a choice, Envoy source/extensions/filters/listener/proxy_protocol/proxy_protocol.cc.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/net/address.h"

namespace remora::net {

// The longest header there can be: a version 2 header with its 16-bit length.
inline constexpr size_t kMaxProxyHeader = 16 + 65535;

// A type-length-value of a version 2 header.
struct ProxyTlv {
  uint8_t type = 0;
  std::string_view value;
};

struct ProxyHeader {
  int version = 0;  // 1 or 2, as soon as it is known
  size_t size = 0;  // of the header, in bytes
  // The load balancer's own connection (a health check): there is nobody behind it.
  bool local = false;
  Address source;
  Address destination;
  std::vector<ProxyTlv> tlvs;  // views into the bytes
};

enum class ProxyHeaderParse : uint8_t {
  kComplete,
  kIncomplete,  // so far it may be one; header.size: how many bytes are needed, 0: not known
  kAbsent,      // the connection begins with something else
  kMalformed,
};

ProxyHeaderParse ParseProxyHeader(std::string_view bytes, ProxyHeader& header);

// The headers that are sent. A `source` that is no IP, or of another kind than `destination`, is
// not said ("UNKNOWN", LOCAL).
std::string WriteProxyHeaderV1(const Address& source, const Address& destination);
// Empty when the TLVs do not fit.
std::string WriteProxyHeaderV2(const Address& source, const Address& destination,
                               const std::vector<ProxyTlv>& tlvs);

}  // namespace remora::net
