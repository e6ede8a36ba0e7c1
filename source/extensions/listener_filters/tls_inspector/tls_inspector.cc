#include "source/extensions/listener_filters/tls_inspector/tls_inspector.h"

#include <utility>

#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "google/protobuf/wrappers.pb.h"
#include "source/net/client_hello.h"
#include "source/tls/fingerprint.h"

namespace remora::extensions {
namespace {

using net::ClientHelloParse;

// `tls_inspector.`
struct TlsInspectorStats {
  stats::NamedCounter<"client_hello_too_large"> client_hello_too_large;  // Closed.
  stats::NamedCounter<"tls_found"> tls_found;
  stats::NamedCounter<"tls_not_found"> tls_not_found;
  stats::NamedCounter<"alpn_found"> alpn_found;
  stats::NamedCounter<"alpn_not_found"> alpn_not_found;
  stats::NamedCounter<"sni_found"> sni_found;
  stats::NamedCounter<"sni_not_found"> sni_not_found;
  // Bytes seen until it was clear.
  stats::NamedHistogram<"bytes_processed", stats::Unit::kBytes> bytes_processed;
};

class Inspector final : public net::ListenerFilter {
 public:
  Inspector(const TlsInspector::Config& config, const net::ListenerFilterSetup& setup)
      : config_(config), stats_(setup.scope.Make<TlsInspectorStats>(setup.shard)) {}

  size_t most_bytes() const override { return config_.most_bytes; }
  Answer Inspect(std::string_view bytes, bool ended, net::Findings& findings) override;

 private:
  void Keep(net::ClientHello hello, net::Findings& findings);

  TlsInspector::Config config_;
  TlsInspectorStats stats_;
};

net::ListenerFilter::Answer Inspector::Inspect(std::string_view bytes, bool,
                                               net::Findings& findings) {
  net::ClientHello hello;
  switch (net::ParseClientHello(bytes, hello, config_.ja3 || config_.ja4)) {
    case ClientHelloParse::kIncomplete:
      if (bytes.size() < config_.most_bytes) return Answer::kMore;
      [[fallthrough]];
    case ClientHelloParse::kTooLarge:
      stats_.client_hello_too_large.Inc();
      stats_.bytes_processed.Record(bytes.size());
      return Answer::kReject;
    case ClientHelloParse::kNotTls:
      stats_.tls_not_found.Inc();
      if (!config_.close_others) break;
      stats_.bytes_processed.Record(bytes.size());
      return Answer::kReject;
    case ClientHelloParse::kComplete:
      Keep(std::move(hello), findings);
      break;
  }
  stats_.bytes_processed.Record(bytes.size());
  return Answer::kContinue;
}

void Inspector::Keep(net::ClientHello hello, net::Findings& findings) {
  stats_.tls_found.Inc();
  findings.transport_protocol = "tls";
  if (config_.ja3 || config_.ja4) {
    auto fingerprints = std::make_unique<net::ClientFingerprints>();
    if (config_.ja3) fingerprints->ja3 = tls::Ja3(hello.shape);
    if (config_.ja4) fingerprints->ja4 = tls::Ja4(hello);
    findings.accepted.fingerprints = std::move(fingerprints);
  }
  if (hello.protocols.empty()) {
    stats_.alpn_not_found.Inc();
  } else {
    stats_.alpn_found.Inc();
    findings.application_protocols = std::move(hello.protocols);
  }
  if (hello.server_name.empty()) {
    stats_.sni_not_found.Inc();
  } else {
    stats_.sni_found.Inc();
    findings.accepted.server_name = std::move(hello.server_name);
  }
}

}  // namespace

std::optional<TlsInspector::Config> TlsInspector::Parse(const Proto& proto,
                                                        config::ConfigContext&) {
  Config config{proto.enable_ja3_fingerprinting().value(),
                proto.enable_ja4_fingerprinting().value(),
                proto.close_connection_on_client_hello_parsing_errors()};
  if (proto.has_max_client_hello_size()) config.most_bytes = proto.max_client_hello_size().value();
  return config;
}

std::string TlsInspector::StatScope(const Config&) { return "tls_inspector"; }

std::unique_ptr<net::ListenerFilter> TlsInspector::Create(const Config& config,
                                                          const net::ListenerFilterSetup& setup) {
  return std::make_unique<Inspector>(config, setup);
}

}  // namespace remora::extensions
