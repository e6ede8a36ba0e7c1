// flags -> log -> configuration -> server; or `intercept`, which ends at once.

#include "source/main/program.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/log.h"
#include "source/config/bootstrap_config.h"
#include "source/filter_test/filter_test.h"
#include "source/intercept/installer.h"
#include "source/intercept/options.h"
#include "source/main/extension_list.h"
#include "source/main/flags.h"
#include "source/main/version.h"
#include "source/server/concurrency.h"
#include "source/server/server.h"

namespace remora::main {
namespace {

// stdout is where launchers look for --version and --help; everything else is the log.
void Print(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
}

bool StartLogging(const Options& options) {
  base::LogLevel level = base::LogLevel::kInfo;
  base::ParseLogLevel(options.log_level, level);  // the flag parser has checked it
  base::SetAllLogLevels(level);
  for (const auto& [logger, name] : options.component_log_levels) {
    if (base::ParseLogLevel(name, level)) base::SetLogLevel(logger, level);
  }
  base::SetLogEscaped(options.log_format_escaped);
  const absl::Status status = base::StartLog(options.log_path, options.log_format);
  if (status.ok()) return true;
  Print(stderr, "error: " + std::string(status.message()) + "\n");
  return false;
}

// application_log_config, known once the configuration is.
bool ApplyLogFormat(const Options& options, const std::string& format) {
  if (format.empty()) return true;
  if (!options.log_format.empty()) {
    Print(stderr,
          "error: Only one of application_log_config or CLI option --log-format can be set.\n");
    return false;
  }
  const absl::Status status = base::StartLog(options.log_path, format);
  if (!status.ok()) Print(stderr, "error: " + std::string(status.message()) + "\n");
  return status.ok();
}

config::LoadedBootstrap Load(const Options& options, const config::Registry& registry,
                             event::Clock& clock) {
  config::LoadOptions load;
  load.path = options.config_path;
  load.yaml = options.config_yaml;
  load.read.unknown_fields = options.allow_unknown_static_fields
                                 ? config::UnknownFieldPolicy::kWarn
                                 : config::UnknownFieldPolicy::kReject;
  return config::LoadBootstrap(
      std::move(load), {options.service_node, options.service_cluster, options.service_zone},
      registry, clock.WallNow());
}

void LogWarnings(const config::LoadedBootstrap& loaded) {
  for (const config::ConfigError& warning : loaded.warnings.errors()) {
    REMORA_LOG(kConfig, kWarning, warning.ToString());
  }
}

size_t Concurrency(const Options& options) {
  if (options.concurrency.has_value() && *options.concurrency > 0) return *options.concurrency;
  return options.cpuset_threads ? server::AffinityConcurrency() : server::DefaultConcurrency();
}

config::UnknownFieldPolicy DynamicUnknownFields(const Options& options) {
  if (options.reject_unknown_dynamic_fields) return config::UnknownFieldPolicy::kReject;
  return options.ignore_unknown_dynamic_fields ? config::UnknownFieldPolicy::kIgnore
                                               : config::UnknownFieldPolicy::kWarn;
}

// Marks of the linker: the program's headers, tables and code lie between them, all of it read
// only.
extern "C" const char __executable_start;  // NOLINT(readability-identifier-naming)
extern "C" const char etext;               // NOLINT(readability-identifier-naming)

// Most code has run once, to read the configuration, and its pages stay mapped: they are two thirds
// of what a sidecar holds. They are clean, so they can go; the kernel maps again what is used.
void UnmapReadPages() {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(&__executable_start) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(&etext) / page * page;
  if (begin >= end) return;
  if (madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) != 0) {
    REMORA_LOG(kMain, kDebug, "the pages of the program stay mapped: ", errno);
  }
}

int Serve(const Options& options, config::LoadedBootstrap loaded, event::Clock& clock) {
  server::ServerOptions server_options;
  server_options.concurrency = Concurrency(options);
  server_options.own_ip_v6 = options.local_address_ip_version == IpVersion::kV6;
  server_options.restart_epoch = options.restart_epoch;
  server_options.static_unknown_fields = loaded.unknown_fields;
  server_options.dynamic_unknown_fields = DynamicUnknownFields(options);
  server_options.admin_address_path = options.admin_address_path;
  server_options.drain.time = absl::ToInt64Nanoseconds(options.drain_time);
  server_options.drain.immediate = options.drain_strategy == DrainStrategy::kImmediate;
  if (options.drain_on_sigterm.has_value()) {
    server_options.drain.on_sigterm = absl::ToInt64Nanoseconds(*options.drain_on_sigterm);
  }
  server_options.logs.flush_interval = absl::ToInt64Nanoseconds(options.file_flush_interval);
  server_options.logs.flush_bytes = options.file_flush_min_size_kb * size_t{1024};
  server_options.snapshot.path = options.snapshot_path;
  server_options.snapshot.max_age = absl::ToInt64Nanoseconds(options.snapshot_max_age);
  server_options.version = VersionText();
  server_options.command_line_options = OptionsJson(options);
  server_options.dumper = std::move(loaded.dumper);
  // What parsing has used goes back to the system before serving starts.
  malloc_trim(0);

  server::Server server(*std::move(loaded.config), std::move(server_options), clock);
  const absl::Status status = server.Initialize(options.mode == Mode::kServe);
  if (!status.ok()) {
    REMORA_LOG(kMain, kCritical, std::string(status.message()));
    return 1;
  }
  if (options.mode == Mode::kInitOnly) return 0;
  UnmapReadPages();
  return server.Run();
}

int FailFlags(const std::vector<std::string>& errors, std::string_view help) {
  for (const std::string& error : errors) Print(stderr, "error: " + error + "\n");
  Print(stderr, "try " + std::string(help) + "\n");
  return 1;
}

// `remora intercept`: `arguments` is what follows that word.
int Intercept(const std::vector<std::string_view>& arguments, std::string_view program) {
  const intercept::ParsedOptions parsed =
      intercept::ParseOptions(arguments, intercept::SystemNames());
  if (parsed.options.help) {
    Print(stdout, intercept::HelpText(program));
    return 0;
  }
  if (!parsed.errors.empty()) return FailFlags(parsed.errors, "intercept --help");
  const absl::StatusOr<std::string> report = intercept::Install(parsed.options);
  if (!report.ok()) {
    Print(stderr, "error: " + std::string(report.status().message()) + "\n");
    return 1;
  }
  Print(stdout, *report);
  return 0;
}

// `remora filter-test`: `arguments` is what follows that word.
int FilterTest(const std::vector<std::string_view>& arguments, std::string_view program) {
  if (arguments.size() < 2 || arguments.front() == "--help" || arguments.front() == "-h") {
    const bool asked =
        !arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h");
    Print(asked ? stdout : stderr, filter_test::HelpText(program));
    return asked ? 0 : 1;
  }
  const filter_test::Verdict verdict = filter_test::RunCases(
      std::string(arguments.front()), {arguments.begin() + 1, arguments.end()});
  Print(stdout, verdict.report);
  return verdict.passed ? 0 : 1;
}

int ListExtensions(bool as_json, void (*add_extensions)(config::Registry&)) {
  config::Registry registry;
  add_extensions(registry);
  Print(stdout, as_json ? ExtensionsJson(registry) : ExtensionsText(registry));
  return 0;
}

int RunServer(const std::vector<std::string_view>& arguments, std::string_view program,
              void (*add_extensions)(config::Registry&)) {
  ParsedFlags flags = ParseFlags(arguments);
  switch (flags.action) {
    case FlagAction::kHelp:
      Print(stdout, HelpText(program));
      return 0;
    case FlagAction::kVersion:
      Print(stdout, std::string(program) + "  version: " + VersionText() + "\n");
      return 0;
    case FlagAction::kHotRestartVersion:
      Print(stdout, "disabled\n");
      return 0;
    case FlagAction::kListExtensions:
      if (!flags.errors.empty()) break;
      return ListExtensions(flags.as_json, add_extensions);
    case FlagAction::kRun:
      break;
  }
  if (!flags.errors.empty()) return FailFlags(flags.errors, "--help");
  const Options& options = flags.options;
  server::Signals::Block();
  if (!StartLogging(options)) return 1;
  for (const std::string& warning : flags.warnings) REMORA_LOG(kMain, kWarning, warning);

  event::RealClock clock;
  // Resources of sources are read by it as long as the server lives.
  config::Registry registry;
  add_extensions(registry);
  config::LoadedBootstrap loaded = Load(options, registry, clock);
  if (!loaded.config.has_value()) {
    Print(stderr, loaded.errors.ToString());
    return 1;
  }
  if (!ApplyLogFormat(options, loaded.config->log_format)) return 1;
  LogWarnings(loaded);
  if (options.mode == Mode::kValidate) {
    Print(stdout, "configuration '" + options.config_path + "' OK\n");
    return 0;
  }
  return Serve(options, std::move(loaded), clock);
}

}  // namespace

int Run(int argc, char** argv, void (*add_extensions)(config::Registry&)) {
  const std::vector<std::string_view> arguments(argv + std::min(argc, 1), argv + argc);
  std::string_view program = argc > 0 ? argv[0] : "remora";
  program = program.substr(program.rfind('/') + 1);
  if (!arguments.empty() && arguments.front() == "intercept") {
    return Intercept({arguments.begin() + 1, arguments.end()}, program);
  }
  if (!arguments.empty() && arguments.front() == "filter-test") {
    return FilterTest({arguments.begin() + 1, arguments.end()}, program);
  }
  return RunServer(arguments, program, add_extensions);
}

}  // namespace remora::main
