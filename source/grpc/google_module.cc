#include "source/grpc/google_module.h"

#include "source/base/module.h"

namespace remora::grpc {

absl::StatusOr<GoogleOpen> LoadGoogleModule() {
  const absl::StatusOr<void*> open = base::LoadModule(
      {kGoogleModule, kGoogleOpen, "google_grpc", "libabsl20220623, libre2-9 and libcares2"});
  if (!open.ok()) return open.status();
  return reinterpret_cast<GoogleOpen>(*open);
}

}  // namespace remora::grpc
