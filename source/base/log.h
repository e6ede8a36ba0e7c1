#pragma once

// Log: the process's diagnostic log, a thin face over spdlog (writes to stderr or --log-path).
//
// Named loggers as Envoy's (`admin`, `config`, `http`, ...), each with its own level, changed at
// run time by `--log-level`, `--component-log-level` and POST /logging. Any thread may log; lines
// are short and whole. One of the two allowed mutable globals (the other is the crash handler),
// because a log line must be possible from anywhere. The macros evaluate their arguments only when
// the level is on.

#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace remora::base {

enum class LogLevel : int { kTrace, kDebug, kInfo, kWarning, kError, kCritical, kOff };

enum class Logger : int {
  kAdmin,
  kConfig,
  kConnection,
  kFilter,
  kHttp,
  kMain,
  kPool,
  kRouter,
  kStats,
  kUpstream,
  kCount
};

std::string_view LoggerName(Logger logger);
std::string_view LogLevelName(LogLevel level);
// Accepts Envoy's names: trace debug info warning|warn error critical off.
bool ParseLogLevel(std::string_view text, LogLevel& level);

// Sets up the sink. Empty `path` is stderr. `format` is spdlog's pattern (Envoy's --log-format).
absl::Status StartLog(const std::string& path, const std::string& format);
// Write line ends and other control characters within a message as C escapes
// (--log-format-escaped).
void SetLogEscaped(bool escaped);
// Opens the file of StartLog again under its name, for log rotation; nothing to do for stderr.
absl::Status ReopenLog();
LogLevel GetLogLevel(Logger logger);
void SetLogLevel(Logger logger, LogLevel level);
void SetAllLogLevels(LogLevel level);
// False when there is none of that name.
bool FindLogger(std::string_view name, Logger& logger);
// Envoy's loggers that there are none of here; launchers written for it may name them.
bool IsForeignLogger(std::string_view name);
// False when there is no logger of that name.
bool SetLogLevel(std::string_view logger, LogLevel level);

bool LogEnabled(Logger logger, LogLevel level);
void WriteLog(Logger logger, LogLevel level, std::string_view text);

}  // namespace remora::base

#define REMORA_LOG(logger, level, ...)                                                          \
  do {                                                                                          \
    if (::remora::base::LogEnabled(::remora::base::Logger::logger,                              \
                                   ::remora::base::LogLevel::level)) {                          \
      ::remora::base::WriteLog(::remora::base::Logger::logger, ::remora::base::LogLevel::level, \
                               ::absl::StrCat(__VA_ARGS__));                                    \
    }                                                                                           \
  } while (false)
