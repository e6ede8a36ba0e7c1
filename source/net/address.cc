#include "source/net/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace remora::net {

absl::StatusOr<Address> Address::Ip(std::string_view ip, uint16_t port) {
  Address address;
  address.port_ = port;
  const std::string text(ip);
  // inet_pton would read up to a zero byte and not see what is behind it.
  if (text.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("malformed IP address: it contains a zero byte");
  }
  if (inet_pton(AF_INET, text.c_str(), address.ip_) == 1) {
    address.kind_ = Kind::kIpv4;
    return address;
  }
  if (inet_pton(AF_INET6, text.c_str(), address.ip_) == 1) {
    address.kind_ = Kind::kIpv6;
    return address;
  }
  return absl::InvalidArgumentError(absl::StrCat("malformed IP address: ", text));
}

absl::StatusOr<Address> Address::IpPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  const std::string port_text(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  uint32_t port = 0;
  // SimpleAtoi would also take signs and spaces.
  if (port_text.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(port_text, &port) || port > UINT16_MAX) {
    return absl::InvalidArgumentError("malformed port");
  }
  std::string_view ip = text.substr(0, colon);
  const bool brackets = ip.starts_with('[') && ip.ends_with(']');
  if (brackets) ip = ip.substr(1, ip.size() - 2);
  absl::StatusOr<Address> address = Ip(ip, static_cast<uint16_t>(port));
  if (address.ok() && brackets != (address->kind() == Kind::kIpv6)) {
    return absl::InvalidArgumentError("IPv6 addresses, and only they, stand in brackets");
  }
  return address;
}

Address Address::WithPort(uint16_t port) const {
  Address changed = *this;
  changed.port_ = port;
  return changed;
}

Address Address::FromIpBytes(std::string_view bytes, uint16_t port) {
  Address address;
  if (bytes.size() != 4 && bytes.size() != 16) return address;
  address.kind_ = bytes.size() == 4 ? Kind::kIpv4 : Kind::kIpv6;
  address.port_ = port;
  std::memcpy(address.ip_, bytes.data(), bytes.size());
  return address;
}

absl::StatusOr<Address> Address::Unix(std::string_view path, uint32_t mode) {
  if (path.empty() || path == "@") return absl::InvalidArgumentError("empty Unix socket path");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("Unix socket path exceeds ", sizeof(sockaddr_un::sun_path) - 1, " bytes"));
  }
  Address address;
  address.kind_ = Kind::kUnix;
  address.mode_ = mode;
  address.path_ = std::make_shared<const std::string>(path);
  return address;
}

Address Address::FromSocket(const sockaddr_storage& storage, socklen_t length) {
  Address address;
  if (storage.ss_family == AF_INET && length >= sizeof(sockaddr_in)) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    address.kind_ = Kind::kIpv4;
    address.port_ = ntohs(in.sin_port);
    std::memcpy(address.ip_, &in.sin_addr, 4);
  } else if (storage.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(storage);
    address.port_ = ntohs(in.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
      // A v4 peer of a dual-stack socket is a v4 peer.
      address.kind_ = Kind::kIpv4;
      std::memcpy(address.ip_, in.sin6_addr.s6_addr + 12, 4);
    } else {
      address.kind_ = Kind::kIpv6;
      std::memcpy(address.ip_, &in.sin6_addr, 16);
    }
  }
  return address;
}

bool Address::is_loopback() const {
  if (kind_ == Kind::kIpv4) return ip_[0] == 127;
  if (kind_ == Kind::kIpv6) {
    return IN6_IS_ADDR_LOOPBACK(reinterpret_cast<const in6_addr*>(ip_)) != 0;
  }
  return kind_ == Kind::kUnix;
}

uint16_t Address::port() const { return port_; }

int Address::family() const {
  switch (kind_) {
    case Kind::kIpv4:
      return AF_INET;
    case Kind::kIpv6:
      return AF_INET6;
    case Kind::kUnix:
      return AF_UNIX;
    case Kind::kNone:
      break;
  }
  return AF_UNSPEC;
}

size_t Address::WriteIp(char* to) const {
  if (kind_ == Kind::kIpv4) {
    // inet_ntop goes through snprintf; this is on the request path of x-forwarded-for.
    char* at = to;
    for (int i = 0; i < 4; ++i) {
      uint8_t byte = ip_[i];
      if (i > 0) *at++ = '.';
      if (byte >= 100) *at++ = static_cast<char>('0' + byte / 100);
      if (byte >= 10) *at++ = static_cast<char>('0' + byte / 10 % 10);
      *at++ = static_cast<char>('0' + byte % 10);
    }
    return static_cast<size_t>(at - to);
  }
  if (kind_ == Kind::kIpv6 && inet_ntop(AF_INET6, ip_, to, INET6_ADDRSTRLEN) != nullptr) {
    return std::strlen(to);
  }
  return 0;
}

std::string Address::IpString() const {
  if (kind_ == Kind::kUnix) return *path_;
  char text[INET6_ADDRSTRLEN];
  return std::string(text, WriteIp(text));
}

std::string Address::ToString() const {
  switch (kind_) {
    case Kind::kIpv4:
      return absl::StrCat(IpString(), ":", port_);
    case Kind::kIpv6:
      return absl::StrCat("[", IpString(), "]:", port_);
    case Kind::kUnix:
      return *path_;
    case Kind::kNone:
      break;
  }
  return "";
}

socklen_t Address::Fill(sockaddr_storage& storage) const {
  std::memset(&storage, 0, sizeof(storage));
  if (kind_ == Kind::kIpv4) {
    auto& in = reinterpret_cast<sockaddr_in&>(storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port_);
    std::memcpy(&in.sin_addr, ip_, 4);
    return sizeof(in);
  }
  if (kind_ == Kind::kIpv6) {
    auto& in = reinterpret_cast<sockaddr_in6&>(storage);
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port_);
    std::memcpy(&in.sin6_addr, ip_, 16);
    return sizeof(in);
  }
  if (kind_ == Kind::kUnix) {
    auto& un = reinterpret_cast<sockaddr_un&>(storage);
    un.sun_family = AF_UNIX;
    std::memcpy(un.sun_path, path_->data(), path_->size());
    if ((*path_)[0] == '@') un.sun_path[0] = '\0';
    const size_t end = (*path_)[0] == '@' ? path_->size() : path_->size() + 1;
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + end);
  }
  return 0;
}

bool Address::operator==(const Address& other) const {
  if (kind_ != other.kind_) return false;
  if (kind_ == Kind::kUnix) return *path_ == *other.path_;
  return port_ == other.port_ && std::memcmp(ip_, other.ip_, sizeof(ip_)) == 0;
}

}  // namespace remora::net
