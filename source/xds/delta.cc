#include "source/xds/delta.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/rpc/status.pb.h"
#include "source/grpc/status.h"
#include "source/xds/any.h"

namespace remora::xds {

using envoy::service::discovery::v3::DeltaDiscoveryRequest;
using envoy::service::discovery::v3::DeltaDiscoveryResponse;

std::string EncodeDelta(const Request& request, std::string_view node) {
  DeltaDiscoveryRequest message;
  // Bytes that we have made ourselves, of a message that we have read.
  if (!node.empty()) message.mutable_node()->ParseFromString(std::string(node));
  message.set_type_url(std::string(TypeUrl(request.type)));
  for (const std::string& name : request.names) message.add_resource_names_subscribe(name);
  for (const std::string& name : request.dropped) message.add_resource_names_unsubscribe(name);
  auto& versions = *message.mutable_initial_resource_versions();
  for (const auto& [name, version] : request.held) versions[name] = version;
  message.set_response_nonce(request.nonce);
  if (request.error.has_value()) {
    message.mutable_error_detail()->set_code(static_cast<int>(grpc::GrpcCode::kInternal));
    message.mutable_error_detail()->set_message(*request.error);
  }
  return message.SerializeAsString();
}

absl::StatusOr<Response> DecodeDelta(std::string_view bytes, std::string_view type_url) {
  DeltaDiscoveryResponse message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("the message is no DeltaDiscoveryResponse");
  }
  Response response;
  response.type_url = std::move(*message.mutable_type_url());
  if (response.type_url.empty()) response.type_url = type_url;
  response.version = std::move(*message.mutable_system_version_info());
  response.nonce = std::move(*message.mutable_nonce());
  response.control_plane = message.control_plane().identifier();
  response.offers.reserve(static_cast<size_t>(message.resources_size()));
  for (int i = 0; i < message.resources_size(); ++i) {
    AddOffer(*message.mutable_resources(i), static_cast<size_t>(i), response);
  }
  for (std::string& name : *message.mutable_removed_resources()) {
    response.removed.push_back(std::move(name));
  }
  return response;
}

}  // namespace remora::xds
