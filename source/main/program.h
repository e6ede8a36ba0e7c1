#pragma once

// The program: what `remora` does with its command line, as a function, so that a binary with
// filters of one's own is a main() of one line (docs/adding_a_filter.md).
//
// Thread: main's. Returns the exit status; why it is not 0 has been said on stderr or in the log.

#include "source/config/registry.h"

namespace remora::main {

// `add_extensions` says what the binary can do: RegisterAll of source/extensions/registry.h, or a
// function that calls it and adds more. Called at most once.
int Run(int argc, char** argv, void (*add_extensions)(config::Registry&));

}  // namespace remora::main
