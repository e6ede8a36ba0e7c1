#pragma once

// Translator of envoy.config.core.v3.GrpcService: a service that is called over gRPC.
//
// For extensions that call one. Pure; main thread, at load; what is made is the caller's. Faults
// go to the context, with `field` as the place. A cluster that is not there is none of them, as in
// Envoy: calls then end with UNAVAILABLE. The module of the gRPC library has to be there where it
// is asked for, and is loaded.

#include <optional>
#include <string_view>

#include "source/config/registry.h"
#include "source/grpc/stream.h"

namespace envoy::config::core::v3 {
class GrpcService;
}

namespace remora::config {

// Whether the user of a service can call one by the gRPC library.
enum class GoogleGrpc { kRefused, kAllowed };

// nullopt after an error.
std::optional<grpc::Service> ParseGrpcService(const envoy::config::core::v3::GrpcService& proto,
                                              std::string_view field, ConfigContext& context,
                                              GoogleGrpc google = GoogleGrpc::kRefused);

// The process as services are told of it: a serialized envoy.config.core.v3.Node.
std::string NodeOf(const ConfigContext& context);

}  // namespace remora::config
