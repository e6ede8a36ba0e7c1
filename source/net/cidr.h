#pragma once

// CidrRange: the addresses that begin with the same bits (envoy.config.core.v3.CidrRange).
//
// A plain value; any thread. A prefix longer than the address means the address alone, as in Envoy.
// Nothing fails: parsing the address is Address::Ip's business.

#include <cstdint>

#include "source/net/address.h"

namespace remora::net {

class CidrRange {
 public:
  // `address` is an IP.
  CidrRange(const Address& address, uint32_t prefix_length);
  bool Contains(const Address& address) const;
  const Address& address() const { return address_; }
  uint32_t prefix_length() const { return bits_; }

 private:
  Address address_;
  uint32_t bits_;
};

}  // namespace remora::net
