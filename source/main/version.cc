#include "source/main/version.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace remora::main {
namespace {

constexpr const char* kVersion = "0.1.0";
#ifndef REMORA_REVISION
#define REMORA_REVISION "unknown"
#endif

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
  return absl::StrCat(REMORA_REVISION, "/", kVersion, "/Clean/", kBuild, "/none");
}

std::string OptionsJson(const Options& options) {
  std::vector<std::string> fields;
  const auto text = [&](const char* name, const std::string& value) {
    if (!value.empty()) fields.push_back(absl::StrCat(" \"", name, "\": ", Quote(value)));
  };
  const auto number = [&](const char* name, uint64_t value) {
    if (value != 0) fields.push_back(absl::StrCat(" \"", name, "\": ", value));
  };
  const auto flag = [&](const char* name, bool value) {
    if (value) fields.push_back(absl::StrCat(" \"", name, "\": true"));
  };
  number("base_id", options.base_id);
  number("concurrency", options.concurrency.value_or(0));
  text("config_path", options.config_path);
  text("config_yaml", options.config_yaml);
  flag("allow_unknown_static_fields", options.allow_unknown_static_fields);
  text("admin_address_path", options.admin_address_path);
  text("log_level", options.log_level);
  text("log_format", options.log_format);
  text("log_path", options.log_path);
  text("service_cluster", options.service_cluster);
  text("service_node", options.service_node);
  text("service_zone", options.service_zone);
  number("restart_epoch", options.restart_epoch);
  flag("disable_hot_restart", options.disable_hot_restart);
  flag("reject_unknown_dynamic_fields", options.reject_unknown_dynamic_fields);
  flag("ignore_unknown_dynamic_fields", options.ignore_unknown_dynamic_fields);
  if (options.mode == Mode::kValidate) fields.push_back(" \"mode\": \"Validate\"");
  if (options.mode == Mode::kInitOnly) fields.push_back(" \"mode\": \"InitOnly\"");
  if (fields.empty()) return "{}";
  return absl::StrCat("{\n", absl::StrJoin(fields, ",\n"), "\n}");
}

}  // namespace remora::main
