#include "source/config/grpc_service_config.h"

#include <string>

#include "absl/strings/ascii.h"
#include "envoy/config/core/v3/grpc_service.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"

namespace remora::config {

std::optional<grpc::Service> ParseGrpcService(const envoy::config::core::v3::GrpcService& proto,
                                              std::string_view field, ConfigContext& context) {
  // The loader has refused what is neither this nor set.
  if (!proto.has_envoy_grpc()) {
    context.AddError(field, "envoy_grpc is required");
    return std::nullopt;
  }
  const auto& target = proto.envoy_grpc();
  grpc::Service service;
  service.cluster = target.cluster_name();
  service.authority = target.authority();
  service.envoy_fields = !target.skip_envoy_headers();
  if (target.max_receive_message_length().value() > 0) {
    service.max_message_bytes = target.max_receive_message_length().value();
  }
  if (proto.has_timeout()) {
    service.timeout = ParseExtensionDuration(proto.timeout(), Concat(field, ".timeout"), context);
  }
  for (int i = 0; i < proto.initial_metadata_size(); ++i) {
    const auto& value = proto.initial_metadata(i);
    std::string name = absl::AsciiStrToLower(value.key());
    const std::string& text = value.value().empty() ? value.raw_value() : value.value();
    if (!http::IsValidHeaderName(name) || !http::IsValidHeaderValue(text)) {
      context.AddError(Concat(field, ".initial_metadata[", std::to_string(i), "]"),
                       "is no header field");
      return std::nullopt;
    }
    service.initial_metadata.emplace_back(std::move(name), text);
  }
  return service;
}

std::string NodeOf(const ConfigContext& context) {
  return context.around() == nullptr ? std::string() : context.around()->node;
}

}  // namespace remora::config
