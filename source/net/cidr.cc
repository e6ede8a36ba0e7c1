#include "source/net/cidr.h"

#include <algorithm>
#include <cstring>

namespace remora::net {

CidrRange::CidrRange(const Address& address, uint32_t prefix_length)
    : address_(address),
      bits_(std::min(prefix_length, static_cast<uint32_t>(address.ip_bytes().size()) * 8)) {}

bool CidrRange::Contains(const Address& address) const {
  if (!address.is_ip() || address.kind() != address_.kind()) return false;
  const std::string_view ours = address_.ip_bytes();
  const std::string_view theirs = address.ip_bytes();
  const size_t whole = bits_ / 8;
  if (std::memcmp(ours.data(), theirs.data(), whole) != 0) return false;
  const uint32_t rest = bits_ % 8;
  if (rest == 0) return true;
  const unsigned differ = static_cast<uint8_t>(ours[whole]) ^ static_cast<uint8_t>(theirs[whole]);
  return differ >> (8 - rest) == 0;
}

}  // namespace remora::net
