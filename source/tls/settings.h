#pragma once

// ServerSettings, ClientSettings: what a DownstreamTlsContext and an UpstreamTlsContext say besides
// secrets, as plain values.
//
// Made by the TLS translator on main, read by the context builder and kept in the context. Defaults
// are Envoy's. Nothing fails: names of ciphers, curves and algorithms are checked when a context is
// built. Source: envoy.extensions.transport_sockets.tls.v3.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/net/cidr.h"

namespace remora::tls {

enum class Version : uint8_t { kAuto, kTls10, kTls11, kTls12, kTls13 };

// TlsKeyLog: session keys are appended to a file that Wireshark reads. Only for finding faults.
struct KeyLogSettings {
  std::string path;
  // Empty: every address.
  std::vector<net::CidrRange> local_ranges;
  std::vector<net::CidrRange> remote_ranges;
};

struct CommonSettings {
  Version minimum = Version::kAuto;
  Version maximum = Version::kAuto;
  std::vector<std::string> cipher_suites;         // of TLS 1.2 and below; empty: the default
  std::vector<std::string> curves;                // empty: the default
  std::vector<std::string> signature_algorithms;  // empty: the library's
  // One entry may hold several, separated by commas, as in Envoy.
  std::vector<std::string> alpn;
  std::optional<KeyLogSettings> key_log;
};

enum class OcspPolicy : uint8_t { kLenient, kStrict, kMust };

struct ServerSettings : CommonSettings {
  bool require_client_certificate = false;
  bool require_sni = false;
  bool stateless_resumption = true;  // session tickets
  bool stateful_resumption = true;   // session identifiers of TLS 1.2
  std::optional<uint32_t> session_timeout_seconds;
  OcspPolicy ocsp_policy = OcspPolicy::kLenient;
  bool full_scan_on_sni_mismatch = false;
  bool prefer_client_ciphers = false;
};

struct ClientSettings : CommonSettings {
  std::string sni;
  bool auto_host_sni = false;            // the host's name instead, where it has one
  bool auto_sni_san_validation = false;  // the certificate must be for the SNI that was sent
  bool allow_renegotiation = false;
  uint32_t max_session_keys = 1;  // sessions kept of a host, by each worker; 0: none
  bool enforce_rsa_key_usage = false;
};

}  // namespace remora::tls
