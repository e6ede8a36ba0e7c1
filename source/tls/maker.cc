#include "source/tls/maker.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <ctime>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/base/log.h"
#include "source/net/address.h"
#include "source/tls/factory.h"

namespace remora::tls {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// What a peer sent may hold anything.
std::string Shown(std::string_view text) {
  return text.empty() ? "-" : absl::CHexEscape(ToAbsl(text));
}

std::string Names(const net::CertificateFacts* facts) {
  if (facts == nullptr) return "-";
  std::vector<std::string> names = facts->uri_sans;
  names.insert(names.end(), facts->dns_sans.begin(), facts->dns_sans.end());
  if (names.empty()) names.push_back(facts->subject);
  return absl::CHexEscape(absl::StrJoin(names, ","));
}

}  // namespace

std::unique_ptr<net::TransportMaker> Factory::ForWorker(stats::Scope& scope,
                                                        stats::Shard& shard) const {
  return std::make_unique<Maker>(source_, scope, shard);
}

Maker::Maker(std::shared_ptr<const ContextSource> source, stats::Scope& scope, stats::Shard& shard)
    : source_(std::move(source)),
      stats_(scope, shard),
      not_ready_(source_->server()
                     ? stats::Counter(scope.Make<ServerFactoryCounters>(shard).secrets_not_ready)
                     : stats::Counter(scope.Make<ClientFactoryCounters>(shard).secrets_not_ready)) {
}

std::unique_ptr<net::TransportSocket> Maker::Make(const net::TransportOptions& options) {
  std::shared_ptr<const Context> context = source_->Get();
  if (context == nullptr) {
    not_ready_.Inc();
    return nullptr;
  }
  if (!context->server()) return MakeClient(std::move(context), options);
  auto transport = std::make_unique<Transport>(
      std::move(context), stats_, *this,
      options.peer != nullptr ? options.peer->ToString() : std::string(), std::string());
  if (!transport->Prepare()) return nullptr;
  return transport;
}

std::unique_ptr<net::TransportSocket> Maker::MakeClient(std::shared_ptr<const Context> context,
                                                        const net::TransportOptions& options) {
  const ClientSettings& settings = context->client_settings();
  std::string sni = settings.sni;
  if (!options.server_name.empty()) {
    sni = options.server_name;
  } else if (settings.auto_host_sni && !options.hostname.empty()) {
    sni = options.hostname;
  }
  const std::string peer = options.peer != nullptr ? options.peer->ToString() : std::string();
  std::string key;
  if (settings.max_session_keys > 0) key = absl::StrCat(peer, "|", sni);
  auto transport = std::make_unique<Transport>(std::move(context), stats_, *this, peer, key);
  if (!transport->Prepare()) return nullptr;
  Handshake& handshake = transport->handshake();
  if (options.subject_names != nullptr) {
    handshake.names.assign(options.subject_names->begin(), options.subject_names->end());
  } else if (settings.auto_sni_san_validation && !sni.empty()) {
    handshake.names = {sni};
  }
  if (!sni.empty() && !SSL_set_tlsext_host_name(transport->ssl(), sni.c_str())) {
    ERR_clear_error();
    REMORA_LOG(kConnection, kWarning, "TLS to ", peer, ": no valid server name: ", Shown(sni));
    return nullptr;
  }
  if (!transport->context().has_alpn() && !options.application_protocols.empty()) {
    const absl::StatusOr<std::string> wire = AlpnWire({std::string(options.application_protocols)});
    if (wire.ok()) {
      SSL_set_alpn_protos(transport->ssl(), reinterpret_cast<const uint8_t*>(wire->data()),
                          wire->size());
    }
  }
  OfferSession(*transport, key);
  return transport;
}

void Maker::OfferSession(Transport& transport, const std::string& key) {
  if (sessions_of_.get() != &transport.context()) {
    sessions_.clear();
    return;
  }
  const auto found = sessions_.find(key);
  if (found == sessions_.end() || found->second.empty()) return;
  SSL_SESSION* session = found->second.back().get();
  SSL_set_session(transport.ssl(), session);
  // Of TLS 1.3: one that is used twice lets an observer link the two connections.
  if (SSL_SESSION_should_be_single_use(session)) found->second.pop_back();
}

void Maker::KeepSession(const std::string& key, std::shared_ptr<const Context> context,
                        SessionPtr session) {
  if (context != source_->Get()) return;  // it came from before a rotation
  if (sessions_of_ != context || sessions_.size() >= kMaxHosts) sessions_.clear();
  sessions_of_ = std::move(context);
  std::deque<SessionPtr>& kept = sessions_[key];
  kept.push_back(std::move(session));
  if (kept.size() > sessions_of_->client_settings().max_session_keys) kept.pop_front();
}

void Maker::OnHandshake(const Transport& transport) {
  const SslCounters& counters = stats_.counters();
  counters.handshake.Inc();
  if (transport.resumed()) counters.session_reused.Inc();
  if (SSL_get0_peer_certificates(transport.ssl()) == nullptr) counters.no_certificate.Inc();
  stats_.Count("ciphers", transport.cipher());
  stats_.Count("versions", transport.version());
  if (!transport.group().empty()) stats_.Count("curves", transport.group());
  const uint16_t algorithm = SSL_get_peer_signature_algorithm(transport.ssl());
  if (algorithm == 0) return;
  const char* name = SSL_get_signature_algorithm_name(algorithm, /*include_curve=*/1);
  if (name != nullptr) stats_.Count("sigalgs", name);
}

void Maker::OnFailure(const Transport& transport, const std::string& peer) {
  if (!base::LogEnabled(base::Logger::kConnection, base::LogLevel::kInfo)) return;
  const int64_t second = std::time(nullptr);
  if (second == last_log_second_) {
    ++not_logged_;
    return;
  }
  last_log_second_ = second;
  const std::vector<std::string>& expected = transport.handshake().names;
  REMORA_LOG(kConnection, kInfo, "TLS handshake with ", peer.empty() ? "-" : peer,
             " failed: ", ToAbsl(transport.failure()), "; server name ",
             Shown(transport.server_name()), ", protocol ", Shown(transport.application_protocol()),
             ", its names ", Names(transport.peer()), expected.empty() ? "" : ", expected ",
             absl::StrJoin(expected, ","), ", our names ", Names(transport.local()),
             not_logged_ > 0 ? absl::StrCat(" (", not_logged_, " more not shown)") : "");
  not_logged_ = 0;
}

}  // namespace remora::tls
