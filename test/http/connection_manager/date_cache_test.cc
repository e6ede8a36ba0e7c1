#include <catch2/catch.hpp>

#include "source/http/connection_manager/date_cache.h"

namespace remora::connection_manager {
namespace {

// Monotonic and wall time that go apart as a test wants, and a count of looks at the wall.
class TwoClocks final : public event::Clock {
 public:
  event::TimePoint Now() override { return now; }
  int64_t WallNow() override {
    ++looks;
    return wall;
  }
  void Pass(event::Duration duration) {
    now += duration;
    wall += duration;
  }

  event::TimePoint now = 5000;
  int64_t wall = 784111777 * event::kSecond + 400 * event::kMillisecond;  // RFC 9110's example
  int looks = 0;
};

TEST_CASE("The date is IMF-fixdate and changes with the second") {
  TwoClocks clock;
  DateCache dates(clock);
  REQUIRE(dates.Date(clock.now) == "Sun, 06 Nov 1994 08:49:37 GMT");
  clock.Pass(599 * event::kMillisecond);
  REQUIRE(dates.Date(clock.now) == "Sun, 06 Nov 1994 08:49:37 GMT");
  REQUIRE(clock.looks == 1);
  clock.Pass(1 * event::kMillisecond);
  REQUIRE(dates.Date(clock.now) == "Sun, 06 Nov 1994 08:49:38 GMT");
  REQUIRE(clock.looks == 2);
}

TEST_CASE("Dates of all kinds") {
  const struct {
    int64_t seconds;
    const char* text;
  } rows[] = {
      {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
      {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
      {1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
      {4102444800, "Fri, 01 Jan 2100 00:00:00 GMT"},
  };
  for (const auto& row : rows) {
    TwoClocks clock;
    clock.wall = row.seconds * event::kSecond;
    DateCache dates(clock);
    CHECK(dates.Date(clock.now) == row.text);
  }
}

TEST_CASE("Wall time follows the turn's monotonic time, and a step of the wall within a second") {
  TwoClocks clock;
  DateCache dates(clock);
  const int64_t start = clock.wall;
  REQUIRE(dates.Wall(clock.now) == start);
  clock.Pass(300 * event::kMillisecond);
  REQUIRE(dates.Wall(clock.now) == start + 300 * event::kMillisecond);
  clock.wall += 3600 * event::kSecond;
  clock.Pass(event::kSecond);
  REQUIRE(dates.Wall(clock.now) == clock.wall);
}

}  // namespace
}  // namespace remora::connection_manager
