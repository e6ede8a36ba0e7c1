#pragma once

// GoogleModule: the shared library with the gRPC library in it, found beside the binary or where
// the system's libraries are.
//
// It is loaded by the first who asks and stays for the life of the process: what the loader knows
// of it is the only state. Main thread. Fails when it is not there; the message says how to get it.
// Why it is a library of its own: docs/adr/0027-google-grpc-in-a-module.md.

#include "absl/status/statusor.h"
#include "source/grpc/google_call.h"

namespace remora::grpc {

absl::StatusOr<GoogleOpen> LoadGoogleModule();

}  // namespace remora::grpc
