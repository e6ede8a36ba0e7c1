#pragma once

// RunCommand: runs another program to its end, with a text as its standard input and what it
// prints as a value. No shell; the program gets our environment and no descriptor but its three.
//
// Blocks until the program has ended: for main, before or instead of serving. The texts are files
// in memory, so their size cannot block either side. Fails when the program cannot be started;
// what it says by its exit status is the caller's to judge. Source: posix_spawn(3),
// memfd_create(2).

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace remora::intercept {

struct CommandResult {
  int status = 0;  // The exit status; 128 + signal when a signal ended it, as shells say it.
  std::string output;
  std::string error;
};

// The program's whole path: the first of this name in the folders of PATH, /usr/sbin and /sbin,
// where a PATH of services often does not lead. Empty: there is none.
std::string FindProgram(std::string_view name);

// `arguments` begins with the program's whole path.
absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& arguments,
                                         std::string_view input);

}  // namespace remora::intercept
