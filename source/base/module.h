#pragma once

// LoadModule: a part of the proxy that is a shared library of its own, loaded when a configuration
// asks for it.
//
// Such a module is built with this tree, exports one function and is never closed. Owner: the
// process. Thread: main, at load. It fails with what is missing. What modules are: ADR 27 and 28.

#include <string_view>

#include "absl/status/statusor.h"

namespace remora::base {

struct ModuleName {
  const char* file;          // looked for beside the binary first (RUNPATH), then as libraries are
  const char* function;      // changes with the interface
  std::string_view feature;  // in errors: what needs it
  std::string_view packages = {};  // Debian packages that it needs; empty: none
};

// The function.
absl::StatusOr<void*> LoadModule(const ModuleName& name);

}  // namespace remora::base
