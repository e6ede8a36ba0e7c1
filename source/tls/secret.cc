#include "source/tls/secret.h"

#include <type_traits>

namespace remora::tls {
namespace {

// `All` takes pointers to the bytes, which are const if the value is.
template <typename All>
void Collect(auto& value, All& all) {
  using Value = std::remove_cvref_t<decltype(value)>;
  if constexpr (std::is_same_v<Value, Certificate>) {
    all = {&value.chain, &value.private_key, &value.pkcs12, &value.password, &value.ocsp_staple};
  } else if constexpr (std::is_same_v<Value, Validation>) {
    all = {&value.trusted_ca, &value.crl};
    for (auto& domain : value.trust_domains) all.push_back(&domain.bundle);
  } else if constexpr (std::is_same_v<Value, TicketKeys>) {
    for (auto& key : value.keys) all.push_back(&key);
  } else {
    all = {&value.secret};
  }
}

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

std::vector<std::string> FilesOf(const SecretValue& value) {
  std::vector<const Bytes*> all;
  std::visit([&all](const auto& of) { Collect(of, all); }, value);
  std::vector<std::string> files;
  for (const Bytes* bytes : all) {
    if (!bytes->path.empty()) files.push_back(bytes->path);
  }
  return files;
}

const std::vector<std::string>& WatchedDirectories(const SecretValue& value) {
  return std::visit(
      [](const auto& of) -> const std::vector<std::string>& { return of.watched_directories; },
      value);
}

Validation MergeValidation(const Validation& defaults, const Validation& over) {
  Validation merged = defaults;
  merged.name = over.name;
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
