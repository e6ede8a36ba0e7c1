#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "source/admin/concat.h"
#include "source/admin/endpoint_table.h"
#include "source/base/log.h"

namespace remora::admin {
namespace {

using base::Logger;
using base::LogLevel;

constexpr std::string_view kUsage =
    "usage: /logging?<name>=<level> (change single level)\n"
    "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
    "usage: /logging?level=<level> (change all levels)\n"
    "usage: /logging?group=<group_name>:<level> (change group of loggers)\n"
    "levels: trace debug info warning error critical off \n";

std::string ActiveLoggers() {
  std::string text = "active loggers:\n";
  for (int i = 0; i < static_cast<int>(Logger::kCount); ++i) {
    const auto logger = static_cast<Logger>(i);
    Append(text, "  ", base::LoggerName(logger), ": ",
           base::LogLevelName(base::GetLogLevel(logger)), "\n");
  }
  return text + "\n";
}

struct Change {
  std::string_view logger;
  LogLevel level;
};

bool IsLogger(std::string_view name) {
  for (int i = 0; i < static_cast<int>(Logger::kCount); ++i) {
    if (base::LoggerName(static_cast<Logger>(i)) == name) return true;
  }
  return false;
}

// All or none.
absl::Status Apply(const std::vector<Change>& changes) {
  const bool known = std::all_of(changes.begin(), changes.end(),
                                 [](const Change& change) { return IsLogger(change.logger); });
  if (!known) return absl::InvalidArgumentError("unknown logger name");
  for (const Change& change : changes) {
    if (!base::SetLogLevel(change.logger, change.level)) {
      return absl::InvalidArgumentError("unknown logger name");
    }
  }
  return absl::OkStatus();
}

absl::Status AddChange(std::string_view logger, std::string_view level,
                       std::vector<Change>& changes) {
  Change change{logger, LogLevel::kInfo};
  if (!base::ParseLogLevel(level, change.level)) {
    return absl::InvalidArgumentError("unknown logger level");
  }
  changes.push_back(change);
  return absl::OkStatus();
}

// `name1:level1,name2:level2`.
absl::Status ChangePaths(std::string_view paths) {
  std::vector<Change> changes;
  while (!paths.empty()) {
    const std::string_view pair = paths.substr(0, paths.find(','));
    paths.remove_prefix(std::min(paths.size(), pair.size() + 1));
    if (pair.find_first_not_of(" \t") == std::string_view::npos) continue;
    const size_t colon = pair.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon + 1 == pair.size()) {
      return absl::InvalidArgumentError("empty logger name or empty logger level");
    }
    const absl::Status status = AddChange(pair.substr(0, colon), pair.substr(colon + 1), changes);
    if (!status.ok()) return status;
  }
  return Apply(changes);
}

absl::Status ChangeAll(std::string_view text) {
  LogLevel level;
  if (!base::ParseLogLevel(text, level)) {
    return absl::InvalidArgumentError("unknown logger level");
  }
  base::SetAllLogLevels(level);
  return absl::OkStatus();
}

absl::Status ChangeLevels(const Parameters& parameters) {
  // A form sends what was left empty, too.
  const std::pair<std::string, std::string>* asked = nullptr;
  for (const auto& parameter : parameters) {
    if (parameter.second.empty()) continue;
    if (asked != nullptr && asked->first != parameter.first) {
      return absl::InvalidArgumentError("invalid number of parameters");
    }
    if (asked == nullptr) asked = &parameter;
  }
  if (asked == nullptr) return absl::OkStatus();
  const auto& [name, value] = *asked;
  if (name == "level") return ChangeAll(value);
  if (name == "paths") return ChangePaths(value);
  if (name == "group") {
    return absl::InvalidArgumentError("group parameter requires fine-grain logging to be enabled");
  }
  std::vector<Change> changes;
  const absl::Status status = AddChange(name, value, changes);
  return status.ok() ? Apply(changes) : status;
}

Response Logging(const EndpointTable&, const Request& request) {
  const absl::Status status = ChangeLevels(request.parameters);
  if (status.ok()) return Text(ActiveLoggers());
  const std::string error(status.message());
  return Error(400, Concat("error: ", error, "\n\n", kUsage, ActiveLoggers()));
}

Response ReopenLogs(const EndpointTable& table, const Request&) {
  table.environment().reopen_logs();
  return Text("OK\n");
}

}  // namespace

void AddLogEndpoints(std::vector<Endpoint>& endpoints) {
  using Kind = Parameter::Kind;
  endpoints.push_back({"/reopen_logs", "reopen access logs", &ReopenLogs, true});
  endpoints.push_back({"/logging",
                       "query/change logging levels",
                       &Logging,
                       true,
                       {{Kind::kText, "paths",
                         "Change multiple logging levels by setting to "
                         "<logger_name1>:<desired_level1>,<logger_name2>:<desired_level2>."},
                        {Kind::kChoice,
                         "level",
                         "desired logging level, this will change all loggers's level",
                         {"", "trace", "debug", "info", "warning", "error", "critical", "off"}}}});
}

}  // namespace remora::admin
