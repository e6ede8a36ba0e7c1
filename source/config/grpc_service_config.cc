#include "source/config/grpc_service_config.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"
#include "source/grpc/google_module.h"

namespace remora::config {
namespace {

namespace core = envoy::config::core::v3;
using grpc::GoogleTarget;
using Google = core::GrpcService::GoogleGrpc;

constexpr uint64_t kMaxPemSize = 1024 * 1024;

void ParseCluster(const core::GrpcService::EnvoyGrpc& proto, grpc::Service& service) {
  service.cluster = proto.cluster_name();
  service.authority = proto.authority();
  service.envoy_fields = !proto.skip_envoy_headers();
  if (proto.max_receive_message_length().value() > 0) {
    service.max_message_bytes = proto.max_receive_message_length().value();
  }
}

void ParseTls(const Google::SslCredentials& proto, const std::string& field, ConfigContext& context,
              GoogleTarget& target) {
  const auto pem = [&](bool there, const core::DataSource& source, std::string_view name) {
    if (!there) return std::string();
    return ParseExtensionDataSource(source, kMaxPemSize, Concat(field, ".", name), context);
  };
  target.root_certs = pem(proto.has_root_certs(), proto.root_certs(), "root_certs");
  target.private_key = pem(proto.has_private_key(), proto.private_key(), "private_key");
  target.cert_chain = pem(proto.has_cert_chain(), proto.cert_chain(), "cert_chain");
  if (proto.has_private_key() != proto.has_cert_chain()) {
    context.AddError(field, "private_key and cert_chain go together");
  }
}

void ParseCredentials(const Google::ChannelCredentials& proto, const std::string& field,
                      ConfigContext& context, GoogleTarget& target) {
  switch (proto.credential_specifier_case()) {
    case Google::ChannelCredentials::kSslCredentials:
      target.credentials = GoogleTarget::Credentials::kTls;
      return ParseTls(proto.ssl_credentials(), Concat(field, ".ssl_credentials"), context, target);
    case Google::ChannelCredentials::kGoogleDefault:
      target.credentials = GoogleTarget::Credentials::kGoogleDefault;
      return;
    case Google::ChannelCredentials::kLocalCredentials:
      target.credentials = GoogleTarget::Credentials::kLocal;
      return;
    case Google::ChannelCredentials::CREDENTIAL_SPECIFIER_NOT_SET:
      return;
  }
}

void ParseArguments(const Google::ChannelArgs& proto, const std::string& field,
                    ConfigContext& context, GoogleTarget& target) {
  for (const auto& [name, value] : proto.args()) {
    if (value.value_specifier_case() == Google::ChannelArgs::Value::kStringValue) {
      target.channel_args.emplace_back(name, value.string_value());
    } else if (std::in_range<int32_t>(value.int_value())) {
      target.channel_args.emplace_back(name, value.int_value());
    } else {
      context.AddError(Concat(field, ".args[", name, "]"), "is no number of 32 bits");
    }
  }
  // The order of a map is none, and equal targets are to be equal.
  std::sort(target.channel_args.begin(), target.channel_args.end());
}

GoogleTarget ParseTarget(const Google& proto, const std::string& field, ConfigContext& context) {
  GoogleTarget target;
  target.uri = proto.target_uri();
  target.stat_prefix = proto.stat_prefix();
  if (proto.has_per_stream_buffer_limit_bytes()) {
    target.buffer_limit = std::max(1U, proto.per_stream_buffer_limit_bytes().value());
  }
  ParseCredentials(proto.channel_credentials(), Concat(field, ".channel_credentials"), context,
                   target);
  ParseArguments(proto.channel_args(), Concat(field, ".channel_args"), context, target);
  return target;
}

bool CheckGoogleGrpc(GoogleGrpc google, const std::string& field, ConfigContext& context) {
  if (google == GoogleGrpc::kRefused) {
    context.AddError(field,
                     "not supported: only sources of configuration can be called so; use "
                     "envoy_grpc");
    return false;
  }
  const absl::Status module = grpc::LoadGoogleModule().status();
  if (!module.ok()) context.AddError(field, std::string(module.message()));
  return module.ok();
}

// What the gRPC library takes: it ends the process at anything else.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Custom-Metadata.
bool IsGrpcMetadata(const std::string& name, const std::string& value) {
  const auto in_name = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  const auto in_value = [](char c) { return c >= ' ' && c <= '~'; };
  return std::all_of(name.begin(), name.end(), in_name) &&
         (name.ends_with("-bin") || std::all_of(value.begin(), value.end(), in_value));
}

bool ParseMetadata(const core::GrpcService& proto, std::string_view field, ConfigContext& context,
                   grpc::Service& service) {
  for (int i = 0; i < proto.initial_metadata_size(); ++i) {
    const auto& value = proto.initial_metadata(i);
    std::string name = absl::AsciiStrToLower(value.key());
    const std::string& text = value.value().empty() ? value.raw_value() : value.value();
    if (!http::IsValidHeaderName(name) || !http::IsValidHeaderValue(text)) {
      context.AddError(Concat(field, ".initial_metadata[", std::to_string(i), "]"),
                       "is no header field");
      return false;
    }
    if (service.google.has_value() && !IsGrpcMetadata(name, text)) {
      context.AddError(Concat(field, ".initial_metadata[", std::to_string(i), "]"),
                       "is no metadata of gRPC: letters, digits, - _ . and visible ASCII");
      return false;
    }
    service.initial_metadata.emplace_back(std::move(name), text);
  }
  return true;
}

}  // namespace

std::optional<grpc::Service> ParseGrpcService(const core::GrpcService& proto,
                                              std::string_view field, ConfigContext& context,
                                              GoogleGrpc google) {
  grpc::Service service;
  switch (proto.target_specifier_case()) {
    case core::GrpcService::kEnvoyGrpc:
      ParseCluster(proto.envoy_grpc(), service);
      break;
    case core::GrpcService::kGoogleGrpc: {
      const std::string target = Concat(field, ".google_grpc");
      if (!CheckGoogleGrpc(google, target, context)) return std::nullopt;
      service.google = ParseTarget(proto.google_grpc(), target, context);
      break;
    }
    case core::GrpcService::TARGET_SPECIFIER_NOT_SET:
      // A rule has told, but in what an extension reads by itself.
      context.AddError(field, "envoy_grpc is required");
      return std::nullopt;
  }
  if (proto.has_timeout()) {
    service.timeout = ParseExtensionDuration(proto.timeout(), Concat(field, ".timeout"), context);
  }
  if (!ParseMetadata(proto, field, context, service)) return std::nullopt;
  return service;
}

std::string NodeOf(const ConfigContext& context) {
  return context.around() == nullptr ? std::string() : context.around()->node;
}

}  // namespace remora::config
