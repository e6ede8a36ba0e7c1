#include "source/http/connection_manager/client_address.h"

#include "source/http/connection_manager/config.h"

namespace remora::connection_manager {

using http::HeaderId;

bool InternalAddresses::Has(const net::Address& address) const {
  if (address.kind() == net::Address::Kind::kUnix) return unix_sockets;
  for (const net::CidrRange& range : ranges) {
    if (range.Contains(address)) return true;
  }
  return false;
}

ForwardedAddress FindForwarded(const http::HeaderMap& headers, uint32_t skip) {
  std::string_view list = headers.Get(HeaderId::kXForwardedFor);
  if (list.empty()) return {};
  for (uint32_t i = 0; i < skip; ++i) {
    const size_t comma = list.rfind(',');
    if (comma == std::string_view::npos) return {};
    list = list.substr(0, comma);
  }
  const size_t comma = list.rfind(',');
  std::string_view text = comma == std::string_view::npos ? list : list.substr(comma + 1);
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  const absl::StatusOr<net::Address> address = net::Address::Ip(text, 0);
  if (!address.ok()) return {};
  return {headers.arena().New<net::Address>(*address),
          comma == std::string_view::npos && skip == 0};
}

bool IsExactLoopback(const net::Address& address) {
  using namespace std::string_view_literals;
  const std::string_view bytes = address.ip_bytes();
  return bytes == "\x7f\0\0\x01"sv || bytes == "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"sv;
}

}  // namespace remora::connection_manager
