#pragma once

// FindModule: loads a module of the proxy (source/base/module.h) from where this build has it;
// source/ finds it by its name from then on. Throws when it cannot be loaded.

#include <dlfcn.h>

#include <stdexcept>

namespace remora::fakes {

inline void* FindModule(const char* path) {
  void* const module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) throw std::runtime_error(dlerror());
  return module;
}

}  // namespace remora::fakes
