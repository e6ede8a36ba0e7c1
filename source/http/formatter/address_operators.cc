#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "source/http/authority.h"
#include "source/http/formatter/operator_table.h"
#include "source/net/address.h"

namespace remora::formatter {
namespace {

using net::Address;
using GetAddress = const Address* (*)(const http::StreamInfo& info);

const Address* DownstreamLocal(const http::StreamInfo& info) {
  return info.connection == nullptr ? nullptr : info.connection->FindLocal();
}
const Address* DownstreamDirect(const http::StreamInfo& info) {
  return info.connection == nullptr ? nullptr : info.connection->direct_remote;
}
const Address* DownstreamRemote(const http::StreamInfo& info) {
  return info.downstream_remote != nullptr ? info.downstream_remote : DownstreamDirect(info);
}
const Address* UpstreamRemote(const http::StreamInfo& info) { return info.upstream_remote; }
const Address* UpstreamLocal(const http::StreamInfo& info) { return info.upstream_local; }

constexpr size_t kMaxIp = 46;

void AppendIp(const Address& address, std::string& out) {
  char text[kMaxIp];
  out.append(text, address.WriteIp(text));
}

bool Exists(const Address* address) {
  return address != nullptr && address->kind() != Address::Kind::kNone;
}

template <GetAddress kGet>
bool AppendAddress(const Operator&, const Exchange& exchange, std::string& out) {
  const Address* address = kGet(exchange.info);
  if (!Exists(address)) return false;
  if (!address->is_ip()) {
    out += address->path();
    return true;
  }
  const bool v6 = address->kind() == Address::Kind::kIpv6;
  if (v6) out += '[';
  AppendIp(*address, out);
  if (v6) out += ']';
  out += ':';
  AppendNumber(address->port(), out);
  return true;
}

// The network of `bits` bits that the address is in.
void AppendNetwork(const Address& address, unsigned bits, std::string& out) {
  sockaddr_storage storage;
  const socklen_t size = address.Fill(storage);
  const bool v6 = address.kind() == Address::Kind::kIpv6;
  uint8_t* bytes =
      v6 ? reinterpret_cast<sockaddr_in6&>(storage).sin6_addr.s6_addr
         : reinterpret_cast<uint8_t*>(&reinterpret_cast<sockaddr_in&>(storage).sin_addr);
  const unsigned width = v6 ? 128 : 32;
  bits = std::min(bits, width);
  for (unsigned i = 0; i < width / 8; ++i) {
    const unsigned kept = bits > i * 8 ? std::min(bits - i * 8, 8u) : 0;
    bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  AppendIp(Address::FromSocket(storage, size), out);
  out += '/';
  AppendNumber(bits, out);
}

template <GetAddress kGet>
bool AppendWithoutPort(const Operator& self, const Exchange& exchange, std::string& out) {
  const Address* address = kGet(exchange.info);
  if (!Exists(address)) return false;
  if (!address->is_ip()) {
    out += address->path();
  } else if (self.mask != 0) {
    AppendNetwork(*address, self.mask - 1u, out);
  } else {
    AppendIp(*address, out);
  }
  return true;
}

absl::Status PrepareMask(std::string_view arguments, Operator& self) {
  if (arguments.empty()) return absl::OkStatus();
  uint32_t bits;
  if (!absl::SimpleAtoi(ToAbsl(arguments), &bits) || bits > 128) {
    return absl::InvalidArgumentError(
        absl::StrCat("Invalid mask prefix length: ", ToAbsl(arguments), "."));
  }
  self.mask = static_cast<uint8_t>(bits + 1);
  return absl::OkStatus();
}

template <GetAddress kGet>
bool AppendPort(const Operator&, const Exchange& exchange, std::string& out) {
  const Address* address = kGet(exchange.info);
  if (!Exists(address) || !address->is_ip()) return false;
  AppendNumber(address->port(), out);
  return true;
}

// Envoy's internal listeners alone have one.
bool AppendEndpointId(const Operator&, const Exchange&, std::string&) { return true; }

bool AppendHost(const Operator&, const Exchange& exchange, std::string& out) {
  out += exchange.info.upstream_host;
  return !exchange.info.upstream_host.empty();
}

std::string_view HostName(const http::StreamInfo& info) {
  return info.upstream_host_name.empty() ? info.upstream_host : info.upstream_host_name;
}
bool AppendHostName(const Operator&, const Exchange& exchange, std::string& out) {
  out += HostName(exchange.info);
  return !HostName(exchange.info).empty();
}
bool AppendHostNameWithoutPort(const Operator&, const Exchange& exchange, std::string& out) {
  out += http::HostOf(HostName(exchange.info));
  return !HostName(exchange.info).empty();
}

}  // namespace

std::span<const OperatorEntry> AddressOperators() {
  using enum Arguments;
  static constexpr OperatorEntry kTable[] = {
      {"UPSTREAM_HOST", kNone, &AppendHost},
      {"UPSTREAM_HOST_NAME", kNone, &AppendHostName},
      {"UPSTREAM_HOST_NAME_WITHOUT_PORT", kNone, &AppendHostNameWithoutPort},
      {"UPSTREAM_REMOTE_ADDRESS", kNone, &AppendAddress<&UpstreamRemote>},
      {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", kOptional, &AppendWithoutPort<&UpstreamRemote>,
       false, false, &PrepareMask},
      {"UPSTREAM_REMOTE_PORT", kNone, &AppendPort<&UpstreamRemote>, true},
      {"UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", kNone, &AppendEndpointId},
      {"UPSTREAM_LOCAL_ADDRESS", kNone, &AppendAddress<&UpstreamLocal>},
      {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", kOptional, &AppendWithoutPort<&UpstreamLocal>, false,
       false, &PrepareMask},
      {"UPSTREAM_LOCAL_PORT", kNone, &AppendPort<&UpstreamLocal>, true},
      {"DOWNSTREAM_LOCAL_ADDRESS", kNone, &AppendAddress<&DownstreamLocal>},
      {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", kOptional, &AppendWithoutPort<&DownstreamLocal>,
       false, false, &PrepareMask},
      {"DOWNSTREAM_LOCAL_PORT", kNone, &AppendPort<&DownstreamLocal>, true},
      {"DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID", kNone, &AppendEndpointId},
      {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS", kNone, &AppendAddress<&DownstreamLocal>},
      {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", kOptional,
       &AppendWithoutPort<&DownstreamLocal>, false, false, &PrepareMask},
      {"DOWNSTREAM_DIRECT_LOCAL_PORT", kNone, &AppendPort<&DownstreamLocal>, true},
      {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID", kNone, &AppendEndpointId},
      {"DOWNSTREAM_REMOTE_ADDRESS", kNone, &AppendAddress<&DownstreamRemote>},
      {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", kOptional, &AppendWithoutPort<&DownstreamRemote>,
       false, false, &PrepareMask},
      {"DOWNSTREAM_REMOTE_PORT", kNone, &AppendPort<&DownstreamRemote>, true},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", kNone, &AppendAddress<&DownstreamDirect>},
      {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", kOptional,
       &AppendWithoutPort<&DownstreamDirect>, false, false, &PrepareMask},
      {"DOWNSTREAM_DIRECT_REMOTE_PORT", kNone, &AppendPort<&DownstreamDirect>, true},
  };
  return kTable;
}

}  // namespace remora::formatter
