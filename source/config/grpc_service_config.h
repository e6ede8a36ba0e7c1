#pragma once

// Translator of envoy.config.core.v3.GrpcService: a service that is called over gRPC.
//
// For extensions that call one. Pure; main thread, at load; what is made is the caller's. Faults
// go to the context, with `field` as the place. A cluster that is not there is none of them, as in
// Envoy: calls then end with UNAVAILABLE.

#include <optional>
#include <string_view>

#include "source/config/registry.h"
#include "source/grpc/stream.h"

namespace envoy::config::core::v3 {
class GrpcService;
}

namespace remora::config {

// nullopt after an error.
std::optional<grpc::Service> ParseGrpcService(const envoy::config::core::v3::GrpcService& proto,
                                              std::string_view field, ConfigContext& context);

// The process as services are told of it: a serialized envoy.config.core.v3.Node.
std::string NodeOf(const ConfigContext& context);

}  // namespace remora::config
