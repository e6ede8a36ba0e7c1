#pragma once

// ParseBootstrap and LoadBootstrap: from the bootstrap's message, or from its file, to plain
// values.
//
// LoadBootstrap is what main calls, on the main thread at start: it reads, checks and translates,
// and answers with the values or with every fault found, positioned and in file order. Nothing is
// started. ParseBootstrap is the translator alone; its errors carry paths but no positions.
// Pure but for the files that the configuration names (direct response bodies).

#include <memory>
#include <optional>
#include <string>

#include "source/config/bootstrap.h"
#include "source/config/config_dump.h"
#include "source/config/config_error.h"
#include "source/config/load_bootstrap.h"
#include "source/config/registry.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace remora::config {

// nullopt when anything was added to `errors`.
std::optional<BootstrapConfig> ParseBootstrap(const envoy::config::bootstrap::v3::Bootstrap& proto,
                                              const Registry& registry, ErrorList& errors,
                                              ErrorList& warnings);

// --service-node, --service-cluster, --service-zone: they count where the file says nothing.
struct NodeFlags {
  std::string id;
  std::string cluster;
  std::string zone;
};

struct LoadedBootstrap {
  std::optional<BootstrapConfig> config;  // none: `errors` say why
  ErrorList errors;
  ErrorList warnings;
  size_t unknown_fields = 0;
  // The message as loaded, for /config_dump and /server_info. Null without `config`.
  std::unique_ptr<ConfigDumper> dumper;
};

// Extension types for "did you mean" are taken from the registry. `wall_now`: ns since the epoch.
LoadedBootstrap LoadBootstrap(LoadOptions options, const NodeFlags& node, const Registry& registry,
                              int64_t wall_now);

}  // namespace remora::config
