#pragma once

// InNamespace: runs a function in a new network namespace, in a process of its own, and gives what
// it returned.
//
// The namespace has a loopback interface that is up, and nothing else; it is gone with the process.
// The tests' process itself is not touched. Empty without the right to make one (root): say so and
// leave the case out. A user namespace would give the right, but rules about users need more users
// than it has.

#include <functional>
#include <optional>
#include <string>

namespace remora::intercept {

std::optional<std::string> InNamespace(const std::function<std::string()>& function);

}  // namespace remora::intercept
