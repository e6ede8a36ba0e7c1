#pragma once

// ReadSecretFile, ReadSecret: a file that is the source of one secret (path_config_source): an
// envoy.service.discovery.v3.DiscoveryResponse in YAML or JSON with one Secret in it.
// ReadFilesAgain: the files that a secret names.
//
// Blocking file I/O: main thread, at start and when a watch says so. Nothing is started or changed.
// A fault comes back as text, with file, line and field path where there are any; what is wrong
// with the bytes of a certificate is found later. Source: Envoy
// source/extensions/config_subscription/filesystem, source/common/secret/sds_api.cc.

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/config/proto_reader.h"
#include "source/tls/secret.h"

namespace remora::config {

struct SecretFile {
  std::optional<tls::Secret> secret;  // none: `error` says why
  std::string version;                // version_info
  // The message (envoy.extensions.transport_sockets.tls.v3.Secret) in binary, for /config_dump,
  // without keys and passwords.
  std::string shown;
  std::string error;
  std::string warnings;     // empty: none
  bool unreadable = false;  // of errors: not even a document
  size_t unknown_fields = 0;
};

SecretFile ReadSecretFile(const tls::SecretSource& source, UnknownFieldPolicy unknown_fields);
// The same of what a control plane sends: a serialized Secret.
SecretFile ReadSecret(const tls::SecretSource& source, std::string_view bytes,
                      std::string_view version, UnknownFieldPolicy unknown_fields);

// The same value with the present content of its files, all of one moment: they are read until two
// rounds agree. Fails when one cannot be read or they do not come to rest.
absl::StatusOr<tls::SecretValue> ReadFilesAgain(tls::SecretValue value);

}  // namespace remora::config
