#pragma once

// x-forwarded-client-cert: what the application is told of the client's certificate, and whose word
// for it is passed on.
//
// Pure functions; the stream's worker. The element about the connection's own peer is the same for
// all its requests: the session makes it once. Nothing fails.
// Source: Envoy docs, HTTP header manipulation; source/common/http/conn_manager_utility.cc.

#include <cstdint>
#include <string>
#include <string_view>

#include "source/http/header_map.h"
#include "source/net/tls_facts.h"

namespace remora::connection_manager {

// HttpConnectionManager.ForwardClientCertDetails.
enum class ClientCertificateMode : uint8_t {
  kSanitize,
  kForwardOnly,
  kAppendForward,
  kSanitizeSet,
  kAlwaysForwardOnly,
};

// HttpConnectionManager.SetCurrentClientCertDetails: what the element says besides By and Hash.
struct ClientCertificateDetails {
  bool subject = false;
  bool certificate = false;
  bool chain = false;
  bool dns = false;
  bool uri = false;
};

struct ClientCertificatePolicy {
  ClientCertificateMode mode = ClientCertificateMode::kSanitize;
  ClientCertificateDetails details;

  // The element is asked for.
  bool describes() const {
    return mode == ClientCertificateMode::kAppendForward ||
           mode == ClientCertificateMode::kSanitizeSet;
  }
};

// "By=...;Hash=...;..." about the peer of the connection.
std::string DescribeClientCertificate(const ClientCertificateDetails& details,
                                      const net::TlsFacts& tls);

// `presented`: the peer has a certificate. `element` outlives the head.
void ApplyClientCertificate(ClientCertificateMode mode, bool presented, std::string_view element,
                            http::HeaderMap& headers);

}  // namespace remora::connection_manager
