#include "source/xds/sotw.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/rpc/status.pb.h"
#include "source/grpc/status.h"
#include "source/xds/any.h"
#include "source/xds/response_message.h"

namespace remora::xds {

using envoy::service::discovery::v3::DiscoveryRequest;
using envoy::service::discovery::v3::DiscoveryResponse;

std::string EncodeSotw(const Request& request, std::string_view node) {
  DiscoveryRequest message;
  message.set_version_info(request.version);
  // Bytes that we have made ourselves, of a message that we have read.
  if (!node.empty()) message.mutable_node()->ParseFromString(std::string(node));
  for (const std::string& name : request.names) message.add_resource_names(name);
  message.set_type_url(std::string(TypeUrl(request.type)));
  message.set_response_nonce(request.nonce);
  if (request.error.has_value()) {
    message.mutable_error_detail()->set_code(static_cast<int>(grpc::GrpcCode::kInternal));
    message.mutable_error_detail()->set_message(*request.error);
  }
  return message.SerializeAsString();
}

Response TakeSotw(DiscoveryResponse& message, std::string_view type_url) {
  Response response;
  response.type_url = std::move(*message.mutable_type_url());
  if (response.type_url.empty()) response.type_url = type_url;
  response.version = std::move(*message.mutable_version_info());
  response.nonce = std::move(*message.mutable_nonce());
  response.control_plane = message.control_plane().identifier();
  response.offers.reserve(static_cast<size_t>(message.resources_size()));
  for (int i = 0; i < message.resources_size(); ++i) {
    AddOffer(*message.mutable_resources(i), static_cast<size_t>(i), response);
  }
  return response;
}

absl::StatusOr<Response> DecodeSotw(std::string_view bytes, std::string_view type_url) {
  DiscoveryResponse message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("the message is no DiscoveryResponse");
  }
  return TakeSotw(message, type_url);
}

}  // namespace remora::xds
