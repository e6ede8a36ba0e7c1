#pragma once

// TlsInspector: recognises TLS by its ClientHello, and reads its SNI and ALPN; makes
// the fingerprints that logs ask for.
//
// Extension (see config/registry.h). Thread: a worker's. What is no ClientHello, or a broken one,
// is left to the filter chain as plain text, or ends the connection where that is asked for; one
// that is too large ends it.
// Source: Envoy source/extensions/filters/listener/tls_inspector.

#include <memory>
#include <optional>
#include <string>

#include "source/config/registry.h"
#include "source/net/client_hello.h"
#include "source/net/listener_filter.h"

namespace envoy::extensions::filters::listener::tls_inspector::v3 {
class TlsInspector;
}

namespace remora::extensions {

struct TlsInspector {
  using Proto = envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
  struct Config {
    bool ja3 = false;
    bool ja4 = false;
    bool close_others = false;  // what is no ClientHello
    size_t most_bytes = net::kMaxClientHello;
  };

  static std::optional<Config> Parse(const Proto& proto, config::ConfigContext& context);
  static std::string StatScope(const Config& config);
  static std::unique_ptr<net::ListenerFilter> Create(const Config& config,
                                                     const net::ListenerFilterSetup& setup);
};

}  // namespace remora::extensions
