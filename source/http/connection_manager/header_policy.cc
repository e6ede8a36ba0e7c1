#include "source/http/connection_manager/header_policy.h"

#include <tmmintrin.h>

#include <charconv>
#include <cstring>
#include <string>

#include "source/http/connection_manager/client_address.h"

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

// `before`, `separator` and `value` as one value of the field; `value` alone where it is new.
void AppendValue(HeaderId id, std::string_view separator, std::string_view value,
                 HeaderMap& headers) {
  const std::string_view before = headers.Get(id);
  if (before.empty()) {
    headers.SetReference(id, value);
    return;
  }
  const size_t size = before.size() + separator.size() + value.size();
  char* joined = headers.arena().AllocateBytes(size);
  std::memcpy(joined, before.data(), before.size());
  std::memcpy(joined + before.size(), separator.data(), separator.size());
  std::memcpy(joined + before.size() + separator.size(), value.data(), value.size());
  headers.SetReference(id, {joined, size});
}

// Several fields of a name as one, in the place of the first.
void JoinFields(HeaderId id, HeaderMap& headers) {
  if (headers.Count(id) < 2) return;
  std::string joined;
  headers.ForEach([&](const http::HeaderEntry& entry) {
    if (entry.id != id) return;
    if (!joined.empty()) joined += ',';
    joined += entry.value();
  });
  headers.SetReference(id, headers.arena().Copy(joined));
}

// Empty for a peer without an IP.
std::string_view IpText(const net::Address& address, base::Arena& arena) {
  constexpr size_t kLongest = 46;
  if (!address.is_ip()) return {};
  char* text = arena.AllocateBytes(kLongest);
  return {text, address.WriteIp(text)};
}

void AppendForwardedFor(const Peer& peer, HeaderMap& headers) {
  const bool as_ourselves = !peer.own_ip.empty() && IsExactLoopback(peer.address);
  const std::string_view address =
      as_ourselves ? peer.own_ip : IpText(peer.address, headers.arena());
  if (address.empty()) return;  // a Unix-socket peer has no address
  AppendValue(HeaderId::kXForwardedFor, ",", address, headers);
}

void SetForwardedPort(const Peer& peer, HeaderMap& headers) {
  constexpr size_t kLongest = 5;
  if (peer.local_port == 0) return;  // a Unix socket
  char* text = headers.arena().AllocateBytes(kLongest);
  const char* const end = std::to_chars(text, text + kLongest, peer.local_port).ptr;
  headers.SetReference(HeaderId::kXForwardedPort, {text, static_cast<size_t>(end - text)});
}

struct Origin {
  const net::Address* client;
  bool may_be_internal;  // nobody else stands between it and us
};

// x-forwarded-for, -proto and -port, and whom they make the client.
Origin ApplyForwardedHeaders(const Config& config, const Peer& peer, HeaderMap& headers) {
  Origin origin{&peer.address, false};
  const std::string_view scheme = peer.tls ? "https" : "http";
  const bool forwarded = headers.Has(HeaderId::kXForwardedFor);
  if (forwarded) JoinFields(HeaderId::kXForwardedFor, headers);
  // What proxies in front said stays only when there are trusted ones.
  const bool overwrite = config.use_remote_address && config.xff_num_trusted_hops == 0;
  if (config.use_remote_address) {
    origin.may_be_internal = !forwarded;
    if (forwarded && config.xff_num_trusted_hops > 0) {
      const ForwardedAddress found = FindForwarded(headers, config.xff_num_trusted_hops - 1);
      if (found.address != nullptr) origin.client = found.address;
    }
    if (!config.skip_xff_append) AppendForwardedFor(peer, headers);
  } else if (forwarded) {
    const ForwardedAddress found = FindForwarded(headers, config.xff_num_trusted_hops);
    if (found.address != nullptr) origin = {found.address, found.alone};
  }
  if (overwrite || !headers.Has(HeaderId::kXForwardedProto)) {
    headers.SetReference(HeaderId::kXForwardedProto, scheme);
  }
  if (config.append_x_forwarded_port && (overwrite || !headers.Has(HeaderId::kXForwardedPort))) {
    SetForwardedPort(peer, headers);
  }
  return origin;
}

void ApplyScheme(const Config& config, const Peer& peer, RequestHead& head) {
  if (!config.scheme_to_overwrite.empty()) {
    head.scheme = config.scheme_to_overwrite;
    head.headers.SetReference(HeaderId::kXForwardedProto, head.scheme);
    return;
  }
  if (!head.scheme.empty()) return;
  const std::string_view forwarded = head.headers.Get(HeaderId::kXForwardedProto);
  head.scheme = forwarded == "http" || forwarded == "https" ? forwarded
                : peer.tls                                  ? std::string_view("https")
                                                            : std::string_view("http");
}

// An outsider's word for how a request was traced is not ours: "not traced" is char 14 of a UUID.
void ClearTraceReason(HeaderMap& headers) {
  constexpr size_t kUuidSize = 36;
  constexpr size_t kReasonAt = 14;
  const std::string_view id = headers.Get(HeaderId::kXRequestId);
  if (id.size() != kUuidSize || id[kReasonAt] == '4') return;
  char* copy = headers.arena().AllocateBytes(kUuidSize);
  std::memcpy(copy, id.data(), kUuidSize);
  copy[kReasonAt] = '4';
  headers.SetReference(HeaderId::kXRequestId, {copy, kUuidSize});
}

void ApplyRequestId(const Config& config, bool edge, base::Random& random, RequestHead& head) {
  if (!config.generate_request_id) return;
  const bool replace = edge && !config.preserve_external_request_id;
  if (replace || !head.headers.Has(HeaderId::kXRequestId)) {
    head.headers.SetReference(HeaderId::kXRequestId, MakeRequestId(random, head.arena()));
  } else if (edge && config.pack_trace_reason) {
    ClearTraceReason(head.headers);
  }
}

// Envoy docs: HTTP connection manager, x-envoy-downstream-service-cluster, user-agent.
void ApplyServiceNames(const ServiceNames& names, HeaderMap& headers) {
  headers.SetReference(HeaderId::kXEnvoyDownstreamServiceCluster, names.cluster);
  if (headers.Get(HeaderId::kUserAgent).empty()) {
    headers.SetReference(HeaderId::kUserAgent, names.cluster);
  }
  if (!names.node.empty()) {
    headers.SetReference(HeaderId::kXEnvoyDownstreamServiceNode, names.node);
  }
}

LocalReply Refuse(uint16_t status, std::string_view details) {
  LocalReply reply;
  reply.status = status;
  reply.details = details;
  return reply;
}

}  // namespace

std::optional<LocalReply> CheckRequest(const RequestHead& head) {
  if (head.authority.empty()) return Refuse(400, "missing_host_header");
  // CONNECT has none.
  if (head.path.empty() && head.method_id == http::Method::kConnect) return std::nullopt;
  if (head.path.empty()) return Refuse(404, "missing_path_rejected");
  if (head.path[0] != '/' && head.path != "*") return Refuse(404, "absolute_path_rejected");
  return std::nullopt;
}

const net::Address* ApplyRequestPolicy(const Config& config, const route::RouteTable* routes,
                                       const Peer& peer, base::Random& random, RequestHead& head) {
  HeaderMap& headers = head.headers;
  if (headers.Count(HeaderId::kReferer) > 1) headers.Remove(HeaderId::kReferer);
  const Origin origin = ApplyForwardedHeaders(config, peer, headers);
  ApplyScheme(config, peer, head);
  const bool internal = origin.may_be_internal && config.internal_addresses.has_value() &&
                        config.internal_addresses->Has(*origin.client);
  const bool edge = config.use_remote_address && !internal;
  if (internal) {
    headers.SetReference(HeaderId::kXEnvoyInternal, "true");
  } else {
    headers.RemoveAnyOf(kInternalOnly);
    if (routes != nullptr) {
      for (const std::string& name : routes->internal_only_headers()) headers.Remove(name);
    }
  }
  ApplyClientCertificate(config.client_certificate.mode, peer.presented_certificate,
                         peer.certificate_element, headers);
  if (edge) headers.RemoveAnyOf(kEdgeStripped);
  if (config.service_names.told) [[unlikely]]
    ApplyServiceNames(config.service_names, headers);
  if (!config.via.empty()) AppendValue(HeaderId::kVia, ", ", config.via, headers);
  if (edge && origin.client->is_ip()) {
    headers.SetReference(HeaderId::kXEnvoyExternalAddress, IpText(*origin.client, head.arena()));
  }
  ApplyRequestId(config, edge, random, head);
  return origin.client;
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
  if (!config.via.empty()) AppendValue(HeaderId::kVia, ", ", config.via, headers);
  if (request == nullptr) return;
  if (config.always_set_request_id_in_response ||
      request->headers.Has(HeaderId::kXEnvoyForceTrace)) {
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
