#include "source/config/secret_file.h"

#include <utility>

#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "source/config/load_bootstrap.h"
#include "source/config/read_file.h"
#include "source/config/redact.h"
#include "source/config/secret_config.h"
#include "source/config/text.h"
#include "source/config/unknown_fields.h"
#include "source/config/validate_rules.h"

namespace remora::config {
namespace {

using envoy::service::discovery::v3::DiscoveryResponse;
using SecretProto = envoy::extensions::transport_sockets::tls::v3::Secret;

// Envoy's kMaxBindRetries.
constexpr int kMaxRounds = 10;

// The one Secret of a response; false after an error.
bool FindSecret(const DiscoveryResponse& response, const tls::SecretSource& source,
                const FieldPath& resources, ErrorList& errors, SecretProto& out) {
  if (response.resources_size() != 1) {
    errors.Add(resources,
               response.resources().empty()
                   ? Concat("Missing SDS resources for ", source.name, " in onConfigUpdate()")
                   : Concat("Unexpected SDS secrets length: ", response.resources_size()));
    return false;
  }
  if (!response.resources(0).UnpackTo(&out)) {
    errors.Add(resources.Index(0), Concat("Unable to unpack as ", SecretProto().GetTypeName()));
    return false;
  }
  if (out.name() == source.name) return true;
  const FieldPath item = resources.Index(0);
  errors.Add(item.Field("name"),
             Concat("Unexpected SDS secret (expecting ", source.name, "): ", out.name()));
  return false;
}

// All errors in one line of the log.
std::string OneLine(const ErrorList& errors) {
  std::string text = errors.ToString();
  while (text.ends_with('\n')) text.pop_back();
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', end)) {
    text.replace(end, 1, "; ");
  }
  return text;
}

bool IsUnreadable(const ErrorList& errors) {
  // What stands for the document as a whole has no path.
  return !errors.empty() && errors.errors().front().path.empty();
}

absl::Status ReadFiles(tls::SecretValue& value) {
  for (tls::Bytes* bytes : tls::AllBytes(value)) {
    if (bytes->path.empty()) continue;
    absl::StatusOr<std::string> content = ReadFile(bytes->path, kMaxSecretSize);
    if (!content.ok()) return content.status();
    if (*content != bytes->content.str()) bytes->content = *std::move(content);
  }
  return absl::OkStatus();
}

// With the content of its files; nullopt after an error.
std::optional<tls::Secret> Translate(const SecretProto& proto, const FieldPath& path,
                                     ErrorList& errors, ErrorList& warnings) {
  const Registry none;
  Translation translation{none, errors, warnings};
  std::optional<tls::Secret> secret = ParseSecret(proto, path, translation);
  if (!secret.has_value()) return std::nullopt;
  absl::StatusOr<tls::SecretValue> value = ReadFilesAgain(std::move(secret->value));
  if (!value.ok()) {
    errors.Add(path, std::string(value.status().message()));
    return std::nullopt;
  }
  secret->value = *std::move(value);
  return secret;
}

}  // namespace

SecretFile ReadSecretFile(const tls::SecretSource& source, UnknownFieldPolicy unknown_fields) {
  SecretFile file;
  DiscoveryResponse response;
  LoadOptions options;
  options.path = source.path;
  options.read.unknown_fields = unknown_fields;
  LoadResult read = LoadMessage(options, response);
  file.unknown_fields = read.unknown_fields;
  file.version = response.version_info();
  SecretProto proto;
  const FieldPath root;
  const FieldPath resources = root.Field("resources");
  if (read.ok() && FindSecret(response, source, resources, read.errors, proto)) {
    file.secret = Translate(proto, resources.Index(0), read.errors, read.warnings);
  }
  read.positions.Finish(read.warnings, LoadResult::kMaxReported);
  file.warnings = OneLine(read.warnings);
  if (!read.errors.empty()) {
    file.secret.reset();
    read.positions.Finish(read.errors, LoadResult::kMaxReported);
    file.unreadable = IsUnreadable(read.errors);
    file.error = OneLine(read.errors);
    return file;
  }
  Redact(proto);
  file.shown = proto.SerializeAsString();
  return file;
}

SecretFile ReadSecret(const tls::SecretSource& source, std::string_view bytes,
                      std::string_view version, UnknownFieldPolicy unknown_fields) {
  SecretFile file;
  file.version = version;
  ErrorList errors;
  ErrorList warnings;
  SecretProto proto;
  const FieldPath root;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    errors.Add(root, Concat("Unable to unpack as ", proto.GetTypeName()));
  } else if (proto.name() != source.name) {
    errors.Add(root.Field("name"),
               Concat("Unexpected SDS secret (expecting ", source.name, "): ", proto.name()));
  } else {
    file.unknown_fields = FindUnknownFields(proto, unknown_fields, errors, warnings);
    ValidateRules(proto, {}, errors, warnings);
    if (errors.empty()) file.secret = Translate(proto, root, errors, warnings);
  }
  file.warnings = OneLine(warnings);
  file.error = OneLine(errors);
  if (!file.secret.has_value()) return file;
  Redact(proto);
  file.shown = proto.SerializeAsString();
  return file;
}

absl::StatusOr<tls::SecretValue> ReadFilesAgain(tls::SecretValue value) {
  if (tls::FilesOf(value).empty()) return value;
  absl::Status status = ReadFiles(value);
  for (int i = 0; i < kMaxRounds && status.ok(); ++i) {
    const tls::SecretValue before = value;
    status = ReadFiles(value);
    if (status.ok() && value == before) return value;
  }
  if (!status.ok()) return status;
  return absl::UnavailableError(Concat("Unable to atomically refresh secrets due to > ", kMaxRounds,
                                       " non-atomic rotations observed"));
}

}  // namespace remora::config
