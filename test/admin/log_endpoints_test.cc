#include <catch2/catch.hpp>

#include "source/base/log.h"
#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

using base::GetLogLevel;
using base::Logger;
using base::LogLevel;

// All at info before and after.
class Levels final {
 public:
  Levels() { base::SetAllLogLevels(LogLevel::kInfo); }
  ~Levels() { base::SetAllLogLevels(LogLevel::kInfo); }
};

constexpr const char* kAllInfo =
    "active loggers:\n"
    "  admin: info\n  config: info\n  connection: info\n  filter: info\n  http: info\n"
    "  main: info\n  pool: info\n  router: info\n  stats: info\n  upstream: info\n\n";

constexpr const char* kUsage =
    "usage: /logging?<name>=<level> (change single level)\n"
    "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
    "usage: /logging?level=<level> (change all levels)\n"
    "usage: /logging?group=<group_name>:<level> (change group of loggers)\n"
    "levels: trace debug info warning error critical off \n";

TEST_CASE("Logging without parameters, or with empty ones, shows the levels") {
  const Levels levels;
  AdminWorld world;
  const auto target =
      GENERATE(as<std::string>(), "/logging",
               "/logging?level=&paths=", "/logging?http=", "/logging?=", "/logging?level");
  const Answer answer = world.Post(target);
  CHECK(answer.status == 200);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == kAllInfo);
}

TEST_CASE("Logging sets all levels, one, or several") {
  const Levels levels;
  AdminWorld world;
  CHECK(world.Post("/logging?level=trace").status == 200);
  CHECK(GetLogLevel(Logger::kAdmin) == LogLevel::kTrace);
  CHECK(GetLogLevel(Logger::kUpstream) == LogLevel::kTrace);
  CHECK(world.Post("/logging?http=off").status == 200);
  CHECK(GetLogLevel(Logger::kHttp) == LogLevel::kOff);
  CHECK(GetLogLevel(Logger::kPool) == LogLevel::kTrace);
  CHECK(world.Post("/logging?paths=http:debug,%20,pool:critical").status == 200);
  CHECK(GetLogLevel(Logger::kHttp) == LogLevel::kDebug);
  CHECK(GetLogLevel(Logger::kPool) == LogLevel::kCritical);
  CHECK(world.Post("/logging?level=error&level=debug&paths=").status == 200);
  CHECK(GetLogLevel(Logger::kAdmin) == LogLevel::kError);
  CHECK(world.Post("/logging", "level=warning&paths=").status == 200);
  CHECK(GetLogLevel(Logger::kAdmin) == LogLevel::kWarning);
  CHECK(world.Post("/logging?level=info").body == kAllInfo);
}

TEST_CASE("A mistake in /logging changes nothing and is explained") {
  const Levels levels;
  AdminWorld world;
  const auto [query, error] = GENERATE(table<std::string, std::string>({
      {"level=bogus", "unknown logger level"},
      {"level=DEBUG", "unknown logger level"},
      {"level=in+fo", "unknown logger level"},
      {"bogus=debug", "unknown logger name"},
      {"http=bad", "unknown logger level"},
      {"level=debug&http=debug", "invalid number of parameters"},
      {"paths=http:debug&x=y", "invalid number of parameters"},
      {"http=debug&admin=debug", "invalid number of parameters"},
      {"paths=http:debug,nope:debug", "unknown logger name"},
      {"paths=http:debug,admin:bad", "unknown logger level"},
      {"paths=a:b:c", "unknown logger level"},
      {"paths=http", "empty logger name or empty logger level"},
      {"paths=http:", "empty logger name or empty logger level"},
      {"paths=:debug", "empty logger name or empty logger level"},
      {"group=http:debug", "group parameter requires fine-grain logging to be enabled"},
  }));
  const Answer answer = world.Post("/logging?" + query);
  CHECK(answer.status == 400);
  CHECK(answer.type == "text/plain; charset=UTF-8");
  CHECK(answer.body == "error: " + error + "\n\n" + kUsage + kAllInfo);
}

}  // namespace
}  // namespace remora::admin
