#pragma once

// FindGoogleModule: the module of the gRPC library, from where this build has it.

#include "test/fakes/module.h"

namespace remora::grpc {

inline void FindGoogleModule() { fakes::FindModule("source/google_grpc/libremora_google_grpc.so"); }

}  // namespace remora::grpc
