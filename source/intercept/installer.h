#pragma once

// Install: brings the rules of this network namespace to what the options ask for, or says why it
// cannot; after a failure the namespace is as it was before.
//
// Reads what is installed with iptables-save, compares, and hands the difference to
// iptables-restore, which applies all of it or nothing; when IPv6 fails after IPv4 was done, IPv4
// is put back. A socket name that exists once in a namespace keeps two runs apart. Blocks; for
// main, instead of serving. Needs CAP_NET_ADMIN over the namespace and the iptables programs.

#include <string>

#include "absl/status/statusor.h"
#include "source/intercept/options.h"

namespace remora::intercept {

// What was done, one line a family, for a person. With `dry_run` the rules instead.
absl::StatusOr<std::string> Install(const Options& options);

}  // namespace remora::intercept
