#pragma once

// Address: an IPv4 or IPv6 address with port, or a Unix-socket path. A plain value, any thread.
//
// Parsing never resolves names: a host name is an error (names are the business of DNS clusters).
// Failures are Status with the text that was wrong. Copies share a Unix path and are cheap.
// Source: the kernel's sockaddr types; printed forms are Envoy's.

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

namespace remora::net {

class Address {
 public:
  enum class Kind : uint8_t { kNone, kIpv4, kIpv6, kUnix };

  Address() = default;
  // "127.0.0.1", "::1" (without brackets) and a port.
  static absl::StatusOr<Address> Ip(std::string_view ip, uint16_t port);
  // "127.0.0.1:80", "[::1]:80".
  static absl::StatusOr<Address> IpPort(std::string_view text);
  // The same with another port. IPs only.
  Address WithPort(uint16_t port) const;
  // In network order, 4 or 16 bytes; kNone for another number of them.
  static Address FromIpBytes(std::string_view bytes, uint16_t port);
  // A path, or "@name" for the abstract namespace. `mode` 0 leaves the file's mode alone.
  static absl::StatusOr<Address> Unix(std::string_view path, uint32_t mode = 0);
  // From what the kernel returned; unknown families and unnamed Unix peers give kNone.
  static Address FromSocket(const sockaddr_storage& storage, socklen_t length);

  Kind kind() const { return kind_; }
  bool is_ip() const { return kind_ == Kind::kIpv4 || kind_ == Kind::kIpv6; }
  bool is_loopback() const;
  // In network order: 4 or 16 bytes; empty when it is no IP.
  std::string_view ip_bytes() const {
    const size_t size = kind_ == Kind::kIpv4 ? 4 : kind_ == Kind::kIpv6 ? 16 : 0;
    return {reinterpret_cast<const char*>(ip_), size};
  }
  uint16_t port() const;
  uint32_t mode() const { return mode_; }
  const std::string& path() const { return *path_; }

  // "127.0.0.1:80", "[::1]:80", "/path": Envoy's form in /listeners and stats.
  std::string ToString() const;
  // The IP alone, or the path.
  std::string IpString() const;
  // Writes IpString() to `to` (46 bytes are enough for an IP) and returns its length. IPs only.
  size_t WriteIp(char* to) const;

  socklen_t Fill(sockaddr_storage& storage) const;
  int family() const;
  bool operator==(const Address& other) const;
  template <typename H>
  friend H AbslHashValue(H state, const Address& address) {
    return address.kind_ == Kind::kUnix
               ? H::combine(std::move(state), *address.path_)
               : H::combine_contiguous(H::combine(std::move(state), address.kind_, address.port_),
                                       address.ip_, sizeof(address.ip_));
  }

 private:
  Kind kind_ = Kind::kNone;
  uint16_t port_ = 0;
  uint32_t mode_ = 0;
  uint8_t ip_[16] = {};  // network order; the first four for IPv4
  std::shared_ptr<const std::string> path_;
};

}  // namespace remora::net
