#include "source/http/connection_manager/header_policy.h"

#include <tmmintrin.h>

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
    HeaderId::kXEnvoyDecoratorOperation,    HeaderId::kXEnvoyDownstreamServiceCluster,
    HeaderId::kXEnvoyDownstreamServiceNode, HeaderId::kXEnvoyOriginalPath,
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
  headers.SetReference(HeaderId::kXForwardedFor, {joined, before.size() + 1 + address.size()});
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
  // forward_client_cert_details SANITIZE, the only mode so far: a client's word for its certificate
  // is never passed on.
  headers.Remove(HeaderId::kXForwardedClientCert);
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
  constexpr size_t kSize = 36;
  // RFC 9562 section 5.4: version 4 in the high half of byte 6, variant 10 on top of byte 8.
  const uint64_t first = (random.Next() & 0xff0fffffffffffffull) | 0x0040000000000000ull;
  const uint64_t second = (random.Next() & 0xffffffffffffff3full) | 0x80;
  // 16 bytes to 32 hex digits by table look-up in a register (SSSE3, part of x86-64-v2).
  const __m128i bytes = _mm_set_epi64x(static_cast<int64_t>(second), static_cast<int64_t>(first));
  const __m128i low_mask = _mm_set1_epi8(15);
  const __m128i digits =
      _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f');
  const __m128i high = _mm_and_si128(_mm_srli_epi64(bytes, 4), low_mask);
  const __m128i low = _mm_and_si128(bytes, low_mask);
  alignas(16) char hex[32];
  _mm_store_si128(reinterpret_cast<__m128i*>(hex),
                  _mm_shuffle_epi8(digits, _mm_unpacklo_epi8(high, low)));
  _mm_store_si128(reinterpret_cast<__m128i*>(hex + 16),
                  _mm_shuffle_epi8(digits, _mm_unpackhi_epi8(high, low)));
  char* text = arena.AllocateBytes(kSize);
  std::memcpy(text, hex, 8);
  text[8] = '-';
  std::memcpy(text + 9, hex + 8, 4);
  text[13] = '-';
  std::memcpy(text + 14, hex + 12, 4);
  text[18] = '-';
  std::memcpy(text + 19, hex + 16, 4);
  text[23] = '-';
  std::memcpy(text + 24, hex + 20, 12);
  return {text, kSize};
}

}  // namespace remora::connection_manager
