#pragma once

// ConfigDumper: the configuration as it was loaded, for the admin interface: /config_dump and the
// node of /server_info.
//
// Owns the bootstrap's message (no protobuf in this header). Thread: main. Output is
// envoy.admin.v3.ConfigDump as JSON: pretty-printed, snake_case names, defaults left out.
// Dump fails with Envoy's texts: NotFound for a `resource` that is not there (404), InvalidArgument
// for other wrong parameters (400).
// Source: Envoy source/server/admin/config_dump_handler.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}

namespace remora::config {

// Parameters of /config_dump; empty ones count as absent.
struct ConfigDumpQuery {
  std::string resource = {};    // name of a repeated field of a section
  std::string mask = {};        // field mask, comma-separated paths
  std::string name_regex = {};  // RE2, has to match a resource's whole name
  bool include_eds = false;
};

// A secret of a source, as it is now.
struct ShownSecret {
  std::string name;
  std::string version;
  int64_t updated_at = 0;  // ns since the epoch
  // envoy.extensions.transport_sockets.tls.v3.Secret in binary; empty: it has not come yet.
  std::string message;
};

// One version of a resource of a source, as it came.
struct ResourceVersion {
  std::string version;
  std::string message;     // in binary
  int64_t updated_at = 0;  // ns since the epoch
};

// Why the last version of a resource was refused.
struct ResourceRefusal {
  ResourceVersion tried;
  std::string details;
};

// What is known of one resource.
struct ShownResource {
  // What its source says of it to this process.
  enum class Standing : uint8_t {
    kTold,
    kRequested,  // nothing: what is in use is a snapshot's
    kMissing,    // that there is none
  };

  std::string name;
  std::optional<ResourceVersion> active = {};
  std::optional<ResourceVersion> warming = {};
  std::optional<ResourceVersion> draining = {};
  std::optional<ResourceRefusal> refused = {};  // later than all of them
  Standing standing = Standing::kTold;
};

// Those of all sources.
struct ShownResources {
  std::vector<ShownSecret> secrets = {};
  std::string clusters_version = {};  // the last one of the source
  std::vector<ShownResource> clusters = {};
  std::vector<ShownResource> extensions = {};
  std::vector<ShownResource> endpoints = {};
  std::string listeners_version = {};
  std::vector<ShownResource> listeners = {};
  std::vector<ShownResource> routes = {};
};

class ConfigDumper final {
 public:
  // `wall_now`: when the configuration was loaded, ns since the epoch.
  ConfigDumper(envoy::config::bootstrap::v3::Bootstrap bootstrap, int64_t wall_now);
  ~ConfigDumper();
  ConfigDumper(const ConfigDumper&) = delete;
  ConfigDumper& operator=(const ConfigDumper&) = delete;

  // Keys and passwords are left out.
  absl::StatusOr<std::string> Dump(const ConfigDumpQuery& query,
                                   const ShownResources& resources = {}) const;

  // A listener of the bootstrap in binary; empty when there is none.
  std::string StaticListener(std::string_view name) const;

  // envoy.config.core.v3.Node as JSON, one space a level.
  std::string NodeJson() const;

 private:
  struct Loaded;
  std::unique_ptr<const Loaded> loaded_;
};

}  // namespace remora::config
