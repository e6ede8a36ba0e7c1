#include "source/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

#include "absl/strings/escaping.h"
#include "source/base/check.h"

namespace remora::base {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Logger::kCount)> kLoggerNames = {
    "admin", "config", "connection", "filter", "http",
    "main",  "pool",   "router",     "stats",  "upstream"};
// Those of Envoy 1.40 (source/common/common/logger.h) that are not among them, sorted.
constexpr std::string_view kForeignLoggers[] = {"a2a",
                                                "ai_protocol_manager",
                                                "alternate_protocols_cache",
                                                "assert",
                                                "aws",
                                                "backtrace",
                                                "basic_auth",
                                                "cache_filter",
                                                "client",
                                                "compression",
                                                "conn_handler",
                                                "credential_injector",
                                                "decompression",
                                                "dns",
                                                "dubbo",
                                                "dynamic_modules",
                                                "envoy_bug",
                                                "ext_authz",
                                                "ext_proc",
                                                "file",
                                                "forward_proxy",
                                                "geolocation",
                                                "golang",
                                                "grpc",
                                                "happy_eyeballs",
                                                "hc",
                                                "health_checker",
                                                "http2",
                                                "hystrix",
                                                "init",
                                                "io",
                                                "ip_tagging",
                                                "json_rpc",
                                                "jwt",
                                                "kafka",
                                                "key_value_store",
                                                "local_rate_limit",
                                                "lua",
                                                "matcher",
                                                "mcp",
                                                "misc",
                                                "mongo",
                                                "multi_connection",
                                                "notification",
                                                "oauth2",
                                                "quic",
                                                "quic_stream",
                                                "rate_limit_quota",
                                                "rbac",
                                                "rds",
                                                "redis",
                                                "rocketmq",
                                                "runtime",
                                                "secret",
                                                "sse",
                                                "stats_sinks",
                                                "tap",
                                                "testing",
                                                "thrift",
                                                "tracing",
                                                "udp",
                                                "wasm",
                                                "websocket"};
constexpr std::array<std::string_view, 7> kLevelNames = {"trace", "debug",    "info", "warning",
                                                         "error", "critical", "off"};
// Envoy's default format.
constexpr const char* kDefaultFormat = "[%Y-%m-%d %T.%e][%t][%l][%n] [%g:%#] %v";
constexpr const char* kShortFormat = "[%Y-%m-%d %T.%e][%t][%l][%n] %v";

struct LogState {
  std::array<std::atomic<int>, static_cast<size_t>(Logger::kCount)> levels;
  std::mutex mutex;
  std::string path;
  std::string format = kShortFormat;
  std::atomic<bool> escaped{false};
  std::shared_ptr<spdlog::logger> sink;
};

LogState& State() {
  static LogState* state = [] {
    auto* created = new LogState;
    for (auto& level : created->levels) level.store(static_cast<int>(LogLevel::kInfo));
    return created;
  }();
  return *state;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(static_cast<int>(level));
}

// `%j`: the message as the inside of a JSON string. `%_`: its line ends escaped.
class EscapedMessage final : public spdlog::custom_flag_formatter {
 public:
  explicit EscapedMessage(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    static constexpr char kHex[] = "0123456789abcdef";
    for (const char c : message.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n') {
        Append("\\n", out);
      } else if (json_ && (c == '"' || c == '\\')) {
        out.push_back('\\');
        out.push_back(c);
      } else if (json_ && byte < 0x20) {
        Append("\\u00", out);
        out.push_back(kHex[byte >> 4]);
        out.push_back(kHex[byte & 15]);
      } else {
        out.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<EscapedMessage>(json_);
  }

 private:
  static void Append(std::string_view text, spdlog::memory_buf_t& out) {
    out.append(text.data(), text.data() + text.size());
  }

  bool json_;
};

std::unique_ptr<spdlog::formatter> MakeFormatter(const std::string& pattern) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<EscapedMessage>('j', true);
  formatter->add_flag<EscapedMessage>('_', false);
  formatter->set_pattern(pattern);
  return formatter;
}

absl::Status Open(LogState& state) {
  spdlog::sink_ptr sink;
  if (state.path.empty()) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    // spdlog reports a failed open by aborting without exceptions: try it ourselves first.
    std::FILE* probe = std::fopen(state.path.c_str(), "ae");
    if (probe == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("cannot open log file ", state.path));
    }
    std::fclose(probe);
    sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(state.path);
  }
  auto logger = std::make_shared<spdlog::logger>("", sink);
  logger->set_formatter(MakeFormatter(state.format));
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  std::atomic_store(&state.sink, std::move(logger));
  return absl::OkStatus();
}

}  // namespace

std::string_view LoggerName(Logger logger) { return kLoggerNames[static_cast<size_t>(logger)]; }
std::string_view LogLevelName(LogLevel level) { return kLevelNames[static_cast<size_t>(level)]; }

bool ParseLogLevel(std::string_view text, LogLevel& level) {
  if (text == "warn") text = "warning";
  for (size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == text) {
      level = static_cast<LogLevel>(i);
      return true;
    }
  }
  return false;
}

absl::Status StartLog(const std::string& path, const std::string& format) {
  LogState& state = State();
  const std::lock_guard lock(state.mutex);
  state.path = path;
  state.format = format.empty() || format == kDefaultFormat ? kShortFormat : format;
  return Open(state);
}

void SetLogEscaped(bool escaped) { State().escaped.store(escaped, std::memory_order_relaxed); }

bool IsForeignLogger(std::string_view name) {
  return std::binary_search(std::begin(kForeignLoggers), std::end(kForeignLoggers), name);
}

absl::Status ReopenLog() {
  LogState& state = State();
  const std::lock_guard lock(state.mutex);
  if (state.path.empty()) return absl::OkStatus();
  return Open(state);
}

LogLevel GetLogLevel(Logger logger) {
  return static_cast<LogLevel>(
      State().levels[static_cast<size_t>(logger)].load(std::memory_order_relaxed));
}

void SetLogLevel(Logger logger, LogLevel level) {
  State().levels[static_cast<size_t>(logger)].store(static_cast<int>(level),
                                                    std::memory_order_relaxed);
}

void SetAllLogLevels(LogLevel level) {
  for (size_t i = 0; i < static_cast<size_t>(Logger::kCount); ++i) {
    SetLogLevel(static_cast<Logger>(i), level);
  }
}

bool FindLogger(std::string_view name, Logger& logger) {
  for (size_t i = 0; i < kLoggerNames.size(); ++i) {
    if (kLoggerNames[i] == name) {
      logger = static_cast<Logger>(i);
      return true;
    }
  }
  return false;
}

bool SetLogLevel(std::string_view name, LogLevel level) {
  Logger logger;
  if (!FindLogger(name, logger)) return false;
  SetLogLevel(logger, level);
  return true;
}

bool LogEnabled(Logger logger, LogLevel level) {
  return static_cast<int>(level) >= static_cast<int>(GetLogLevel(logger));
}

void WriteLog(Logger logger, LogLevel level, std::string_view text) {
  LogState& state = State();
  std::string escaped;
  if (state.escaped.load(std::memory_order_relaxed)) {
    escaped = absl::CEscape(absl::string_view(text.data(), text.size()));
    text = escaped;
  }
  std::shared_ptr<spdlog::logger> sink = std::atomic_load(&state.sink);
  if (sink == nullptr) {
    // Before StartLog (tests, early start-up): plain stderr.
    std::fprintf(stderr, "[%s][%s] %.*s\n", LogLevelName(level).data(), LoggerName(logger).data(),
                 static_cast<int>(text.size()), text.data());
    return;
  }
  spdlog::details::log_msg message(
      spdlog::string_view_t(LoggerName(logger).data(), LoggerName(logger).size()), ToSpdlog(level),
      spdlog::string_view_t(text.data(), text.size()));
  for (const spdlog::sink_ptr& out : sink->sinks()) {
    out->log(message);
    out->flush();
  }
}

}  // namespace remora::base
