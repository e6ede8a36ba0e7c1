#include "source/base/module.h"

#include <dlfcn.h>

#include "absl/strings/str_cat.h"

namespace remora::base {
namespace {

absl::string_view Text(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::StatusOr<void*> LoadModule(const ModuleName& name) {
  // Again it is the same one, whatever path it was loaded from: the loader goes by its name.
  void* const module = dlopen(name.file, RTLD_NOW | RTLD_LOCAL);
  void* const function = module == nullptr ? nullptr : dlsym(module, name.function);
  if (function != nullptr) return function;
  const char* const why = dlerror();
  return absl::UnavailableError(
      absl::StrCat(Text(name.feature), " needs ", name.file,
                   " of the same build beside the binary (bazel build //:", name.file, ")",
                   name.packages.empty() ? "" : ", and the packages ", Text(name.packages), ": ",
                   why == nullptr ? "not found" : why));
}

}  // namespace remora::base
