#include "source/http/connection_manager/header_policy.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace remora::connection_manager {

using http::HeaderId;
using http::HeaderIdSet;
using http::HeaderMap;
using http::LocalReply;
using http::RequestHead;
using http::ResponseHead;

namespace {

// Envoy strips these from requests that do not come from an internal address; without
// internal_address_config nothing is internal.
constexpr HeaderIdSet kInternalOnly = {
    HeaderId::kXEnvoyInternal,
    HeaderId::kXEnvoyRetriableStatusCodes,
    HeaderId::kXEnvoyRetriableHeaderNames,
    HeaderId::kXEnvoyRetryOn,
    HeaderId::kXEnvoyRetryGrpcOn,
    HeaderId::kXEnvoyMaxRetries,
    HeaderId::kXEnvoyUpstreamAltStatName,
    HeaderId::kXEnvoyUpstreamRqTimeoutMs,
    HeaderId::kXEnvoyUpstreamRqPerTryTimeoutMs,
    HeaderId::kXEnvoyUpstreamRqTimeoutAltResponse,
    HeaderId::kXEnvoyExpectedRqTimeoutMs,
    HeaderId::kXEnvoyForceTrace,
    HeaderId::kXEnvoyIpTags,
    HeaderId::kXEnvoyOriginalUrl,
    HeaderId::kXEnvoyHedgeOnPerTryTimeout,
};

// And these from requests at the edge: external ones, when the peer's address is the client's.
constexpr HeaderIdSet kEdgeStripped = {
    HeaderId::kXEnvoyDecoratorOperation,      HeaderId::kXEnvoyDownstreamServiceCluster,
    HeaderId::kXEnvoyDownstreamServiceNode,   HeaderId::kXEnvoyOriginalPath,
    HeaderId::kXEnvoyOriginalHost,
};

void AppendForwardedFor(const Peer& peer, HeaderMap& headers) {
  const std::string_view address = peer.forwarded_for();
  if (address.empty()) return;  // a Unix-socket peer has no address
  const std::string_view before = headers.Get(HeaderId::kXForwardedFor);
  base::Arena& arena = headers.arena();
  if (before.empty()) {
    headers.SetReference(HeaderId::kXForwardedFor, arena.Copy(address));
    return;
  }
  char* joined = arena.AllocateBytes(before.size() + 1 + address.size());
  std::memcpy(joined, before.data(), before.size());
  joined[before.size()] = ',';
  std::memcpy(joined + before.size() + 1, address.data(), address.size());
  headers.SetReference(HeaderId::kXForwardedFor,
                       {joined, before.size() + 1 + address.size()});
}

void ApplyForwardedHeaders(const Config& config, const Peer& peer, HeaderMap& headers) {
  const std::string_view scheme = peer.tls ? "https" : "http";
  if (config.use_remote_address) {
    if (!config.skip_xff_append) AppendForwardedFor(peer, headers);
    // With trusted hops in front, what they said stays.
    if (config.xff_num_trusted_hops == 0 || !headers.Has(HeaderId::kXForwardedProto)) {
      headers.SetReference(HeaderId::kXForwardedProto, scheme);
    }
  } else if (!headers.Has(HeaderId::kXForwardedProto)) {
    headers.SetReference(HeaderId::kXForwardedProto, scheme);
  }
}

LocalReply Refuse(uint16_t status, std::string_view details) {
  LocalReply reply;
  reply.status = status;
  reply.details = details;
  return reply;
}

}  // namespace

Peer::Peer(const net::Address& remote, std::string_view own) : own_ip(own) {
  if (!remote.is_ip()) return;
  text_size = static_cast<uint8_t>(remote.WriteIp(text));
  is_loopback = !own.empty() && (ip() == "127.0.0.1" || ip() == "::1");
}

std::optional<LocalReply> CheckRequest(const RequestHead& head) {
  if (head.authority.empty()) return Refuse(400, "missing_host_header");
  if (head.framing == http::Framing::kTunnel) return Refuse(403, "upgrade_failed");
  if (head.path.empty()) return Refuse(404, "missing_path_rejected");
  if (head.path[0] != '/' && head.path != "*") return Refuse(404, "absolute_path_rejected");
  if (std::memchr(head.path.data(), '#', head.path.size()) != nullptr) {
    return Refuse(400, "path_normalization_failed");
  }
  return std::nullopt;
}

void ApplyRequestPolicy(const Config& config, const Peer& peer, base::Random& random,
                        RequestHead& head) {
  HeaderMap& headers = head.headers;
  if (headers.Count(HeaderId::kReferer) > 1) headers.Remove(HeaderId::kReferer);
  ApplyForwardedHeaders(config, peer, headers);
  if (head.scheme.empty()) {
    const std::string_view forwarded = headers.Get(HeaderId::kXForwardedProto);
    head.scheme = forwarded == "http" || forwarded == "https" ? forwarded
                  : peer.tls                                  ? std::string_view("https")
                                                              : std::string_view("http");
  }
  headers.RemoveAnyOf(kInternalOnly);
  const bool edge = config.use_remote_address;
  if (edge) {
    headers.RemoveAnyOf(kEdgeStripped);
    if (peer.text_size > 0 && config.xff_num_trusted_hops == 0) {
      headers.SetReference(HeaderId::kXEnvoyExternalAddress, headers.arena().Copy(peer.ip()));
    }
  }
  if (config.generate_request_id) {
    const bool replace = edge && !config.preserve_external_request_id;
    if (replace || !headers.Has(HeaderId::kXRequestId)) {
      headers.SetReference(HeaderId::kXRequestId, MakeRequestId(random, head.arena()));
    }
  }
}

void ApplyResponsePolicy(const Config& config, const RequestHead* request, std::string_view date,
                         ResponseHead& head) {
  HeaderMap& headers = head.headers;
  if (!headers.Has(HeaderId::kDate)) {
    headers.AddReference(HeaderId::kDate, head.arena().Copy(date));
  }
  switch (config.server_header) {
    case ServerHeader::kOverwrite:
      headers.SetReference(HeaderId::kServer, config.server_name);
      break;
    case ServerHeader::kAppendIfAbsent:
      if (!headers.Has(HeaderId::kServer)) {
        headers.AddReference(HeaderId::kServer, config.server_name);
      }
      break;
    case ServerHeader::kPassThrough:
      break;
  }
  if (config.always_set_request_id_in_response && request != nullptr) {
    const std::string_view id = request->headers.Get(HeaderId::kXRequestId);
    if (!id.empty()) headers.SetReference(HeaderId::kXRequestId, id);
  }
}

std::string_view MakeRequestId(base::Random& random, base::Arena& arena) {
  static constexpr char kHex[] = "0123456789abcdef";
  constexpr size_t kSize = 36;
  // RFC 9562 section 5.4: version 4 in the third group, variant 10 in the fourth.
  const uint64_t high = (random.Next() & 0xffffffffffff0fffull) | 0x4000;
  const uint64_t low = (random.Next() & 0x3fffffffffffffffull) | 0x8000000000000000ull;
  char* text = arena.AllocateBytes(kSize);
  char* at = text;
  const auto write = [&at](uint64_t bits, int from, int to) {
    for (int shift = from; shift >= to; shift -= 4) *at++ = kHex[(bits >> shift) & 15];
  };
  write(high, 60, 32);
  *at++ = '-';
  write(high, 28, 16);
  *at++ = '-';
  write(high, 12, 0);
  *at++ = '-';
  write(low, 60, 48);
  *at++ = '-';
  write(low, 44, 0);
  return {text, kSize};
}

}  // namespace remora::connection_manager
