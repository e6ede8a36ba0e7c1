#include "source/tls/secret.h"

namespace remora::tls {
namespace {

void Collect(Certificate& value, std::vector<Bytes*>& all) {
  all = {&value.chain, &value.private_key, &value.pkcs12, &value.password, &value.ocsp_staple};
}

void Collect(Validation& value, std::vector<Bytes*>& all) {
  all = {&value.trusted_ca, &value.crl};
  for (TrustDomain& domain : value.trust_domains) all.push_back(&domain.bundle);
}

void Collect(TicketKeys& value, std::vector<Bytes*>& all) {
  for (Bytes& key : value.keys) all.push_back(&key);
}

void Collect(GenericSecret& value, std::vector<Bytes*>& all) { all = {&value.secret}; }

template <typename T>
void Append(const std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

std::string_view KindName(const SecretValue& value) {
  static constexpr std::string_view kNames[] = {"tls_certificate", "validation_context",
                                                "session_ticket_keys", "generic_secret"};
  return kNames[value.index()];
}

std::vector<Bytes*> AllBytes(SecretValue& value) {
  std::vector<Bytes*> all;
  std::visit([&all](auto& of) { Collect(of, all); }, value);
  return all;
}

const std::vector<std::string>& WatchedDirectories(const SecretValue& value) {
  return std::visit(
      [](const auto& of) -> const std::vector<std::string>& { return of.watched_directories; },
      value);
}

Validation MergeValidation(const Validation& defaults, const Validation& over) {
  Validation merged = defaults;
  if (!over.trusted_ca.empty()) merged.trusted_ca = over.trusted_ca;
  if (!over.crl.empty()) merged.crl = over.crl;
  merged.system_roots |= over.system_roots;
  merged.crl_leaf_only |= over.crl_leaf_only;
  Append(over.subject_alt_names, merged.subject_alt_names);
  Append(over.spki_pins, merged.spki_pins);
  Append(over.certificate_hashes, merged.certificate_hashes);
  merged.allow_expired |= over.allow_expired;
  merged.accept_untrusted |= over.accept_untrusted;
  if (over.max_depth.has_value()) merged.max_depth = over.max_depth;
  if (!over.trust_domains.empty()) merged.trust_domains = over.trust_domains;
  Append(over.watched_directories, merged.watched_directories);
  return merged;
}

}  // namespace remora::tls
