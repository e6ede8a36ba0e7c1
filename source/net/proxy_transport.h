#pragma once

// ProxyTransport: a transport socket that says a PROXY header before its inner transport begins:
// envoy.transport_sockets.upstream_proxy_protocol.
//
// Owner: one Connection to a host. Thread: its worker. The header goes out when the connection is
// there, before a TLS handshake; what the socket does not take at once counts as a handshake, so
// that nothing can overtake it. Without a Passage there is no client to name: version 1 names the
// two ends of the connection itself, version 2 says LOCAL.
//
// Failures: those of the socket, from Read. TLVs for which the header has no room are left out and
// counted. Sources: the PROXY protocol specification; Envoy
// source/extensions/transport_sockets/proxy_protocol/proxy_protocol.cc.

#include <bitset>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/net/downstream_session.h"
#include "source/net/transport_factory.h"
#include "source/net/transport_socket.h"

namespace remora::net {

// What a header says, as configured.
struct ProxyHeaderSettings {
  int version = 1;
  std::bitset<256> passed;           // types of the downstream connection's TLVs
  std::vector<ConnectionTlv> added;  // in front of them, in the place of those of the same types
};

// `passage`: null: there is none. `lost` becomes true when a TLV found no room.
std::string MakeProxyHeader(const ProxyHeaderSettings& settings, const Passage* passage, int fd,
                            bool& lost);

class ProxyTransportFactory final : public TransportFactory {
 public:
  // `inner`: null: plain text.
  ProxyTransportFactory(ProxyHeaderSettings settings, std::shared_ptr<const TransportFactory> inner)
      : settings_(std::move(settings)), inner_(std::move(inner)) {}

  std::unique_ptr<TransportMaker> ForWorker(stats::Scope& scope,
                                            stats::Shard& shard) const override;
  bool shows_client() const override { return true; }

 private:
  ProxyHeaderSettings settings_;
  std::shared_ptr<const TransportFactory> inner_;
};

}  // namespace remora::net
