#pragma once

// Flags: the command line. Takes every flag of Envoy 1.40 under its name, so that a launcher
// written for Envoy works, and a few of our own; those that have nothing to act on here are
// accepted and listed as warnings.
//
// Written as `--name value`, `--name=value`, `-c value`, `-l value`; what follows `--` is ignored.
// All mistakes come back at once. ParseFlags is pure; the caller prints, exits (status 1 on errors)
// or runs. No protobuf, no logging: this is the first thing that runs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace remora::main {

enum class Mode { kServe, kValidate, kInitOnly };
enum class DrainStrategy { kGradual, kImmediate };
enum class IpVersion { kV4, kV6 };

struct Options {
  // Configuration.
  std::string config_path;
  std::string config_yaml;
  Mode mode = Mode::kServe;
  bool allow_unknown_static_fields = false;
  bool reject_unknown_dynamic_fields = false;
  bool ignore_unknown_dynamic_fields = false;

  // What control planes have said last, for a start without them.
  std::string snapshot_path;  // Empty: it is not kept.
  absl::Duration snapshot_max_age = absl::Hours(24);

  // What this node says of itself; fills what the configuration's `node` leaves empty.
  std::string service_cluster;
  std::string service_node;
  std::string service_zone;

  // Threads.
  std::optional<uint32_t> concurrency;  // Not given: from the cgroup and the CPU affinity.
  bool cpuset_threads = false;

  // Log.
  std::string log_level = "info";  // One of LogLevelNames().
  std::vector<std::pair<std::string, std::string>> component_log_levels;
  std::string log_format;  // Empty: the default one.
  bool log_format_escaped = false;
  std::string log_path;  // Empty: standard error.
  absl::Duration file_flush_interval = absl::Seconds(10);
  uint32_t file_flush_min_size_kb = 64;

  // Admin.
  std::string admin_address_path;
  IpVersion local_address_ip_version = IpVersion::kV4;

  // Draining.
  absl::Duration drain_time = absl::Seconds(600);
  DrainStrategy drain_strategy = DrainStrategy::kGradual;
  std::optional<absl::Duration> drain_on_sigterm;  // Not given: SIGTERM ends at once.

  // Statistics.
  std::vector<std::pair<std::string, std::string>> stats_tags;

  // Hot restart: kept for /server_info, otherwise without effect.
  uint32_t base_id = 0;
  bool use_dynamic_base_id = false;
  std::string base_id_path;
  uint32_t restart_epoch = 0;
  absl::Duration parent_shutdown_time = absl::Seconds(900);
  bool disable_hot_restart = false;
  std::string socket_path = "@envoy_domain_socket";
  uint32_t socket_mode = 0600;
  bool skip_hot_restart_on_no_parent = false;
  bool skip_hot_restart_parent_stats = false;

  // Also kept for /server_info only.
  bool enable_mutex_tracing = false;
  bool enable_fine_grain_logging = false;
  bool enable_core_dump = false;
  bool log_stacktrace_single_entry = false;
  bool skip_deprecated_logs = false;
  std::string disabled_extensions;
};

enum class FlagAction { kRun, kHelp, kVersion, kHotRestartVersion, kListExtensions };

struct ParsedFlags {
  Options options;
  FlagAction action = FlagAction::kRun;
  bool as_json = false;               // What kListExtensions prints.
  std::vector<std::string> errors;    // Empty: go on. Without meaning unless the action is kRun.
  std::vector<std::string> warnings;  // One for each flag given that has no effect.
};

// `arguments` is without the program's name.
ParsedFlags ParseFlags(const std::vector<std::string_view>& arguments);

// For a person at a terminal, at most 100 columns wide.
std::string HelpText(std::string_view program);

// The words that -l takes.
std::span<const std::string_view> LogLevelNames();

}  // namespace remora::main
