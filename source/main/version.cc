#include "source/main/version.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "source/main/revision.h"  // generated

namespace remora::main {
namespace {

constexpr const char* kVersion = "0.1.0";

std::string Quote(const std::string& text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string VersionText() {
#ifdef NDEBUG
  constexpr const char* kBuild = "RELEASE";
#else
  constexpr const char* kBuild = "DEBUG";
#endif
  return absl::StrCat(REMORA_REVISION, "/", kVersion, "/" REMORA_TREE "/", kBuild, "/none");
}

std::string OptionsJson(const Options& options) {
  std::vector<std::string> fields;
  const auto text = [&](const char* name, const std::string& value) {
    fields.push_back(absl::StrCat(" \"", name, "\": ", Quote(value)));
  };
  const auto number = [&](const char* name, uint64_t value) {
    fields.push_back(absl::StrCat(" \"", name, "\": ", value));
  };
  const auto flag = [&](const char* name, bool value) {
    fields.push_back(absl::StrCat(" \"", name, "\": ", value ? "true" : "false"));
  };
  const auto duration = [&](const char* name, absl::Duration value) {
    fields.push_back(absl::StrCat(" \"", name, "\": \"", absl::ToDoubleSeconds(value), "s\""));
  };
  const auto list = [&](const char* name, const std::vector<std::string>& values) {
    std::vector<std::string> items;
    for (const std::string& value : values) items.push_back("  " + Quote(value));
    if (items.empty()) {
      fields.push_back(absl::StrCat(" \"", name, "\": []"));
      return;
    }
    fields.push_back(absl::StrCat(" \"", name, "\": [\n", absl::StrJoin(items, ",\n"), "\n ]"));
  };
  const auto joined = [](const std::vector<std::pair<std::string, std::string>>& pairs) {
    std::vector<std::string> items;
    for (const auto& [name, value] : pairs) items.push_back(absl::StrCat(name, ":", value));
    return items;
  };
  text("base_id", absl::StrCat(options.base_id));  // 64 bits: a string in JSON
  flag("use_dynamic_base_id", options.use_dynamic_base_id);
  text("base_id_path", options.base_id_path);
  number("concurrency", options.concurrency.value_or(0));
  text("config_path", options.config_path);
  text("config_yaml", options.config_yaml);
  flag("allow_unknown_static_fields", options.allow_unknown_static_fields);
  text("admin_address_path", options.admin_address_path);
  text("log_level", options.log_level);
  text("component_log_level", absl::StrJoin(joined(options.component_log_levels), ","));
  text("log_format", options.log_format);
  flag("log_format_escaped", options.log_format_escaped);
  text("log_path", options.log_path);
  if (!options.snapshot_path.empty()) {
    text("snapshot_path", options.snapshot_path);
    duration("snapshot_max_age", options.snapshot_max_age);
  }
  text("service_cluster", options.service_cluster);
  text("service_node", options.service_node);
  text("service_zone", options.service_zone);
  number("restart_epoch", options.restart_epoch);
  flag("disable_hot_restart", options.disable_hot_restart);
  text("socket_path", options.socket_path);
  number("socket_mode", options.socket_mode);
  flag("skip_hot_restart_on_no_parent", options.skip_hot_restart_on_no_parent);
  flag("skip_hot_restart_parent_stats", options.skip_hot_restart_parent_stats);
  duration("file_flush_interval", options.file_flush_interval);
  number("file_flush_min_size", options.file_flush_min_size_kb);
  duration("drain_time", options.drain_time);
  duration("parent_shutdown_time", options.parent_shutdown_time);
  text("drain_strategy",
       options.drain_strategy == DrainStrategy::kImmediate ? "Immediate" : "Gradual");
  text("local_address_ip_version",
       options.local_address_ip_version == IpVersion::kV6 ? "v6" : "v4");
  list("stats_tag", joined(options.stats_tags));
  flag("cpuset_threads", options.cpuset_threads);
  flag("enable_core_dump", options.enable_core_dump);
  flag("enable_fine_grain_logging", options.enable_fine_grain_logging);
  flag("enable_mutex_tracing", options.enable_mutex_tracing);
  flag("log_stacktrace_single_entry", options.log_stacktrace_single_entry);
  flag("skip_deprecated_logs", options.skip_deprecated_logs);
  list("disabled_extensions", options.disabled_extensions.empty()
                                  ? std::vector<std::string>()
                                  : std::vector<std::string>{options.disabled_extensions});
  flag("reject_unknown_dynamic_fields", options.reject_unknown_dynamic_fields);
  flag("ignore_unknown_dynamic_fields", options.ignore_unknown_dynamic_fields);
  text("mode", options.mode == Mode::kValidate   ? "Validate"
               : options.mode == Mode::kInitOnly ? "InitOnly"
                                                 : "Serve");
  return absl::StrCat("{\n", absl::StrJoin(fields, ",\n"), "\n}");
}

}  // namespace remora::main
