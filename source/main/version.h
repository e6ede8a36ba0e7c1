#pragma once

// The version, and the command line as /server_info shows it.
// Pure functions of main, used once at start. Nothing fails: in a build that is no release, or of
// no git repository, the revision is "unknown".
//
// Format: Envoy's `--version` and envoy.admin.v3.CommandLineOptions.

#include <string>

#include "source/main/flags.h"

namespace remora::main {

// <revision>/<version>/<Clean|Modified>/<RELEASE|DEBUG>/<TLS library>, Envoy's form.
std::string VersionText();

// envoy.admin.v3.CommandLineOptions as JSON, one space a level, with all defaults as Envoy
// prints it.
std::string OptionsJson(const Options& options);

}  // namespace remora::main
