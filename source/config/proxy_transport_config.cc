#include "source/config/proxy_transport_config.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/core/v3/proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "source/config/tls_config.h"
#include "source/net/proxy_transport.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;
using envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;

net::ProxyHeaderSettings ParseHeader(const core::ProxyProtocolConfig& proto, const FieldPath& path,
                                     Translation& translation) {
  net::ProxyHeaderSettings settings;
  settings.version = proto.version() == core::ProxyProtocolConfig::V1 ? 1 : 2;
  if (proto.has_pass_through_tlvs()) {
    const core::ProxyProtocolPassThroughTLVs& passed = proto.pass_through_tlvs();
    if (passed.match_type() == core::ProxyProtocolPassThroughTLVs::INCLUDE_ALL) {
      settings.passed.set();
    } else {
      for (const uint32_t type : passed.tlv_type()) {
        // What is more is reported by the field's rule.
        if (type < settings.passed.size()) settings.passed.set(type);
      }
    }
  }
  for (const core::TlvEntry& tlv : proto.added_tlvs()) {
    settings.added.push_back({static_cast<uint8_t>(tlv.type()), tlv.value()});
  }
  // As Envoy, which does not even look at them.
  const auto warn = [&](bool set, std::string_view field) {
    if (!set || settings.version == 2) return;
    translation.warnings.Add(path.Field(field), "version 1 has no TLVs: accepted without effect");
  };
  warn(proto.has_pass_through_tlvs(), "pass_through_tlvs");
  warn(proto.added_tlvs_size() > 0, "added_tlvs");
  return settings;
}

}  // namespace

std::shared_ptr<const net::TransportFactory> ParseClusterTransport(
    const core::TransportSocket& proto, const std::string& owner, const FieldPath& path,
    Translation& translation) {
  ProxyProtocolUpstreamTransport config;
  const FieldPath at = path.Field("typed_config");
  if (!proto.typed_config().Is<ProxyProtocolUpstreamTransport>()) {
    return ParseUpstreamTransport(proto, owner, path, translation);
  }
  if (!proto.typed_config().UnpackTo(&config)) {
    translation.errors.Add(at, "the value is damaged");
    return nullptr;
  }
  const size_t errors_before = translation.errors.size();
  net::ProxyHeaderSettings settings = ParseHeader(config.config(), at.Field("config"), translation);
  std::shared_ptr<const net::TransportFactory> inner = ParseUpstreamTransport(
      config.transport_socket(), owner, at.Field("transport_socket"), translation);
  if (translation.errors.size() != errors_before) return nullptr;
  return std::make_shared<const net::ProxyTransportFactory>(std::move(settings), std::move(inner));
}

}  // namespace remora::config
