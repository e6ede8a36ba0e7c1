#include "source/main/flag_table.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "source/base/log.h"
#include "source/config/config_error.h"
#include "source/config/text.h"

namespace remora::main {
namespace {

using config::Concat;

constexpr std::string_view kNoHotRestart = "there is no hot restart";

std::string ReadNumber(std::string_view value, uint32_t& out) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size() || value.empty()) {
    return Concat("needs a whole number from 0 to 4294967295 (", value, ")");
  }
  out = number;
  return "";
}

template <auto Member>
std::string SetTrue(std::string_view, ParsedFlags& parsed) {
  parsed.options.*Member = true;
  return "";
}

template <auto Member>
std::string SetText(std::string_view value, ParsedFlags& parsed) {
  parsed.options.*Member = std::string(value);
  return "";
}

template <auto Member>
std::string SetNumber(std::string_view value, ParsedFlags& parsed) {
  return ReadNumber(value, parsed.options.*Member);
}

template <auto Member, auto Unit>
std::string SetDuration(std::string_view value, ParsedFlags& parsed) {
  uint32_t number = 0;
  std::string wrong = ReadNumber(value, number);
  if (wrong.empty()) parsed.options.*Member = Unit(static_cast<int64_t>(number));
  return wrong;
}

absl::Duration InSeconds(int64_t number) { return absl::Seconds(number); }
absl::Duration InMilliseconds(int64_t number) { return absl::Milliseconds(number); }

std::string OneOf(std::span<const std::string_view> words, std::string_view value) {
  std::string out = "needs one of";
  for (const std::string_view word : words) {
    out += Concat(word == words.front() ? " " : ", ", word);
  }
  return out + config::QuoteValue(value);
}

std::string SetConcurrency(std::string_view value, ParsedFlags& parsed) {
  uint32_t number = 0;
  std::string wrong = ReadNumber(value, number);
  if (wrong.empty()) parsed.options.concurrency = std::max(number, 1u);  // As Envoy: 0 is 1.
  return wrong;
}

constexpr std::string_view kModes[] = {"serve", "validate", "init_only"};
constexpr std::string_view kDrainStrategies[] = {"gradual", "immediate"};
constexpr std::string_view kIpVersions[] = {"v4", "v6"};

std::string SetMode(std::string_view value, ParsedFlags& parsed) {
  if (value == "serve") {
    parsed.options.mode = Mode::kServe;
  } else if (value == "validate") {
    parsed.options.mode = Mode::kValidate;
  } else if (value == "init_only") {
    parsed.options.mode = Mode::kInitOnly;
  } else {
    return OneOf(kModes, value);
  }
  return "";
}

bool IsLogLevel(std::string_view value) {
  const std::span<const std::string_view> names = LogLevelNames();
  return std::find(names.begin(), names.end(), value) != names.end();
}

std::string SetLogLevel(std::string_view value, ParsedFlags& parsed) {
  if (!IsLogLevel(value)) return OneOf(LogLevelNames(), value);
  parsed.options.log_level = std::string(value);
  return "";
}

std::string SetComponentLogLevels(std::string_view value, ParsedFlags& parsed) {
  for (const absl::string_view item : absl::StrSplit(config::ToAbsl(value), ',')) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(item, absl::MaxSplits(':', 1));
    if (pair.first.empty() || pair.second.empty()) {
      return Concat("needs pairs such as upstream:debug,config:trace", config::QuoteValue(value));
    }
    if (!IsLogLevel(pair.second)) return OneOf(LogLevelNames(), pair.second);
    base::Logger logger;
    if (base::IsForeignLogger(pair.first)) {
      parsed.warnings.push_back(
          Concat("--component-log-level ", pair.first,
                 " is accepted without effect: a logger of Envoy's that there is none of here"));
    } else if (!base::FindLogger(pair.first, logger)) {
      return Concat("names no logger: ", pair.first);
    }
    parsed.options.component_log_levels.push_back(pair);
  }
  return "";
}

std::string SetDrainStrategy(std::string_view value, ParsedFlags& parsed) {
  if (value != "gradual" && value != "immediate") return OneOf(kDrainStrategies, value);
  parsed.options.drain_strategy =
      value == "gradual" ? DrainStrategy::kGradual : DrainStrategy::kImmediate;
  return "";
}

std::string SetDrainOnSigterm(std::string_view value, ParsedFlags& parsed) {
  uint32_t number = 0;
  std::string wrong = ReadNumber(value, number);
  if (wrong.empty()) parsed.options.drain_on_sigterm = absl::Seconds(number);
  return wrong;
}

std::string SetIpVersion(std::string_view value, ParsedFlags& parsed) {
  if (value != "v4" && value != "v6") return OneOf(kIpVersions, value);
  parsed.options.local_address_ip_version = value == "v4" ? IpVersion::kV4 : IpVersion::kV6;
  return "";
}

// tag:value; the tag of letters and digits, the value without a dot.
std::string AddStatsTag(std::string_view value, ParsedFlags& parsed) {
  const size_t colon = value.find(':');
  const std::string_view tag = value.substr(0, colon);
  const bool good_tag = !tag.empty() && std::all_of(tag.begin(), tag.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c));
  });
  if (colon == std::string_view::npos || !good_tag ||
      value.find('.', colon) != std::string_view::npos) {
    return Concat("needs TAG:VALUE, letters and digits before the colon, no dot after it",
                  config::QuoteValue(value));
  }
  for (const auto& [other, text] : parsed.options.stats_tags) {
    if (other == tag) return Concat("gives the tag \"", tag, "\" twice");
  }
  parsed.options.stats_tags.emplace_back(tag, value.substr(colon + 1));
  return "";
}

// Octal, as chmod takes it.
std::string SetSocketMode(std::string_view value, ParsedFlags& parsed) {
  uint32_t mode = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), mode, 8);
  if (error != std::errc() || end != value.data() + value.size() || mode > 0777) {
    return Concat("needs an octal number up to 777", config::QuoteValue(value));
  }
  parsed.options.socket_mode = mode;
  return "";
}

template <FlagAction Action>
std::string SetAction(std::string_view, ParsedFlags& parsed) {
  if (parsed.action == FlagAction::kRun) parsed.action = Action;
  return "";
}

constexpr std::string_view kListFormats[] = {"text", "json"};

std::string ListExtensions(std::string_view value, ParsedFlags& parsed) {
  if (!value.empty() && value != "text" && value != "json") return OneOf(kListFormats, value);
  parsed.as_json = value == "json";
  return SetAction<FlagAction::kListExtensions>(value, parsed);
}

using G = FlagGroup;
using O = Options;

constexpr Flag kFlags[] = {
    {"config-path", 'c', "FILE", G::kConfiguration, "bootstrap: .yaml, .yml or else JSON",
     SetText<&O::config_path>},
    {"config-yaml", 0, "TEXT", G::kConfiguration, "YAML, merged over the file",
     SetText<&O::config_yaml>},
    {"mode", 0, "MODE", G::kConfiguration,
     "serve (default), validate or init_only (start up, then exit)", SetMode},
    {"allow-unknown-static-fields", 0, "", G::kConfiguration,
     "only warn about unknown fields of the bootstrap", SetTrue<&O::allow_unknown_static_fields>},
    {"allow-unknown-fields", 0, "", G::kConfiguration, "the same, by its old name",
     SetTrue<&O::allow_unknown_static_fields>},
    {"reject-unknown-dynamic-fields", 0, "", G::kConfiguration,
     "refuse updates that have unknown fields", SetTrue<&O::reject_unknown_dynamic_fields>},
    {"ignore-unknown-dynamic-fields", 0, "", G::kConfiguration,
     "do not even warn about unknown fields of updates",
     SetTrue<&O::ignore_unknown_dynamic_fields>},
    {"snapshot-path", 0, "FILE", G::kConfiguration,
     "keep what control planes said last, for starts without them", SetText<&O::snapshot_path>},
    {"snapshot-max-age-s", 0, "N", G::kConfiguration,
     "how old that may be (default 86400; 0: any age)",
     SetDuration<&O::snapshot_max_age, InSeconds>},

    {"service-cluster", 0, "NAME", G::kNode, "the service cluster that this node belongs to",
     SetText<&O::service_cluster>},
    {"service-node", 0, "NAME", G::kNode, "this node's id", SetText<&O::service_node>},
    {"service-zone", 0, "NAME", G::kNode, "the zone that this node runs in",
     SetText<&O::service_zone>},

    {"concurrency", 0, "N", G::kThreads,
     "number of workers (default: the CPUs that this process may use)", SetConcurrency},
    {"cpuset-threads", 0, "", G::kThreads,
     "as many workers as the CPU affinity allows, whatever the quota", SetTrue<&O::cpuset_threads>},

    {"log-level", 'l', "LEVEL", G::kLog,
     "trace, debug, info (default), warning, error, critical, off", SetLogLevel},
    {"component-log-level", 0, "PAIRS", G::kLog, "for example upstream:debug,config:trace",
     SetComponentLogLevels},
    {"log-path", 0, "FILE", G::kLog, "log to this file instead of standard error",
     SetText<&O::log_path>},
    {"log-format", 0, "PATTERN", G::kLog, "a line of the log, in spdlog's syntax",
     SetText<&O::log_format>},
    {"log-format-escaped", 0, "", G::kLog, "write line ends within a message as \\n",
     SetTrue<&O::log_format_escaped>},
    {"file-flush-interval-msec", 0, "N", G::kLog, "how often files are flushed (default 10000)",
     SetDuration<&O::file_flush_interval, InMilliseconds>},
    {"file-flush-min-size-kb", 0, "N", G::kLog, "how much is buffered at most (default 64)",
     SetNumber<&O::file_flush_min_size_kb>},
    {"enable-fine-grain-logging", 0, "", G::kLog, "a log level for every source file",
     SetTrue<&O::enable_fine_grain_logging>, "levels are set for components"},
    {"log-stacktrace-single-entry", 0, "", G::kLog, "a stack trace as one message",
     SetTrue<&O::log_stacktrace_single_entry>, "stack traces are not logged"},
    {"skip-deprecated-logs", 0, "", G::kLog, "do not log deprecated fields",
     SetTrue<&O::skip_deprecated_logs>, "deprecated fields are not logged"},

    {"admin-address-path", 0, "FILE", G::kAdmin, "write the address of the admin listener there",
     SetText<&O::admin_address_path>},
    {"local-address-ip-version", 0, "V", G::kAdmin,
     "own address in x-forwarded-for: v4 (default) or v6", SetIpVersion},
    {"stats-tag", 0, "TAG:VALUE", G::kAdmin, "a tag of every statistic; may be repeated",
     AddStatsTag, "statistics have no tags yet", true},

    {"drain-time-s", 0, "N", G::kDrain, "how long draining may take (default 600)",
     SetDuration<&O::drain_time, InSeconds>},
    {"drain-strategy", 0, "S", G::kDrain, "gradual (default) or immediate", SetDrainStrategy},
    {"drain-on-sigterm-s", 0, "N", G::kDrain,
     "SIGTERM: stop accepting, end when all is answered, or after N", SetDrainOnSigterm},

    {"disable-hot-restart", 0, "", G::kHotRestart, "there is none anyway",
     SetTrue<&O::disable_hot_restart>},
    {"base-id", 0, "N", G::kHotRestart, "tells instances on one host apart", SetNumber<&O::base_id>,
     kNoHotRestart},
    {"use-dynamic-base-id", 0, "", G::kHotRestart, "choose the base id",
     SetTrue<&O::use_dynamic_base_id>, kNoHotRestart},
    {"base-id-path", 0, "FILE", G::kHotRestart, "where to write the base id",
     SetText<&O::base_id_path>, kNoHotRestart},
    {"restart-epoch", 0, "N", G::kHotRestart, "how many restarts there were before",
     SetNumber<&O::restart_epoch>, kNoHotRestart},
    {"parent-shutdown-time-s", 0, "N", G::kHotRestart, "when the old instance ends (default 900)",
     SetDuration<&O::parent_shutdown_time, InSeconds>, kNoHotRestart},
    {"socket-path", 0, "PATH", G::kHotRestart, "socket between old and new instance",
     SetText<&O::socket_path>, kNoHotRestart},
    {"socket-mode", 0, "MODE", G::kHotRestart, "its permissions, octal", SetSocketMode,
     kNoHotRestart},
    {"skip-hot-restart-on-no-parent", 0, "", G::kHotRestart, "start even without an old instance",
     SetTrue<&O::skip_hot_restart_on_no_parent>, kNoHotRestart},
    {"skip-hot-restart-parent-stats", 0, "", G::kHotRestart, "take over no statistics",
     SetTrue<&O::skip_hot_restart_parent_stats>, kNoHotRestart},
    {"hot-restart-version", 0, "", G::kHotRestart, "print \"disabled\" and exit",
     SetAction<FlagAction::kHotRestartVersion>},

    {"disable-extensions", 0, "NAMES", G::kOther, "extensions to do without",
     SetText<&O::disabled_extensions>, "an extension that is not configured does nothing"},
    {"enable-mutex-tracing", 0, "", G::kOther, "measure lock contention",
     SetTrue<&O::enable_mutex_tracing>, "the request path takes no locks"},
    {"enable-core-dump", 0, "", G::kOther, "allow core dumps", SetTrue<&O::enable_core_dump>,
     "set the limit with ulimit -c"},
    {"list-extensions", 0, "json", G::kOther,
     "print what this binary can be configured with, and exit", ListExtensions, "", false, true},
    {"version", 0, "", G::kOther, "print the version and exit", SetAction<FlagAction::kVersion>},
    {"help", 'h', "", G::kOther, "print this and exit", SetAction<FlagAction::kHelp>},
};

}  // namespace

std::span<const Flag> FlagTable() { return kFlags; }

std::string_view GroupTitle(FlagGroup group) {
  switch (group) {
    case FlagGroup::kConfiguration:
      return "Configuration";
    case FlagGroup::kNode:
      return "Node";
    case FlagGroup::kThreads:
      return "Threads";
    case FlagGroup::kLog:
      return "Log and files";
    case FlagGroup::kAdmin:
      return "Admin and statistics";
    case FlagGroup::kDrain:
      return "Draining";
    case FlagGroup::kHotRestart:
      return "Hot restart";
    case FlagGroup::kOther:
      return "Other";
  }
  return "";
}

std::span<const std::string_view> LogLevelNames() {
  static constexpr std::string_view kNames[] = {"trace", "debug", "info",     "warning",
                                                "warn",  "error", "critical", "off"};
  return kNames;
}

}  // namespace remora::main
