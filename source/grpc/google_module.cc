#include "source/grpc/google_module.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"

namespace remora::grpc {

absl::StatusOr<GoogleOpen> LoadGoogleModule() {
  // Again it is the same one, whatever path it was loaded from: the loader goes by its name.
  void* const module = dlopen(kGoogleModule, RTLD_NOW | RTLD_LOCAL);
  void* const open = module == nullptr ? nullptr : dlsym(module, kGoogleOpen);
  if (open != nullptr) return reinterpret_cast<GoogleOpen>(open);
  const char* const why = dlerror();
  return absl::UnavailableError(absl::StrCat(
      "google_grpc needs ", kGoogleModule, " of the same build beside the binary (bazel build //:",
      kGoogleModule, "), and the packages libabsl20220623, libre2-9 and libcares2: ",
      why == nullptr ? "not found" : why));
}

}  // namespace remora::grpc
