#pragma once

// FindGoogleModule: the module of the gRPC library, from where this build has it; source/ finds it
// by its name from then on. Throws when it cannot be loaded.

#include <dlfcn.h>

#include <stdexcept>

namespace remora::grpc {

inline void FindGoogleModule() {
  if (dlopen("source/google_grpc/libremora_google_grpc.so", RTLD_NOW | RTLD_LOCAL) == nullptr) {
    throw std::runtime_error(dlerror());
  }
}

}  // namespace remora::grpc
