// IdleAge: what closes of idle connections teach about a host's timeout.

#include "source/upstream/idle_age.h"

#include <catch2/catch.hpp>

namespace remora::upstream {
namespace {

using event::kMillisecond;
using event::kSecond;

TEST_CASE("Nothing is known at first, and one close is no timeout") {
  IdleAge idle;
  REQUIRE(idle.limit_any() == IdleAge::kNever);
  idle.Observe(5 * kSecond, 100 * kSecond);
  REQUIRE(idle.limit_any() == IdleAge::kNever);
  REQUIRE(idle.limit_once() == IdleAge::kNever);
}

TEST_CASE("A steady timeout is learnt with a margin") {
  IdleAge idle;
  idle.Observe(5 * kSecond, 100 * kSecond);
  idle.Observe(5 * kSecond, 101 * kSecond);
  REQUIRE(idle.limit_any() == 5 * kSecond / 8 * 7);
  REQUIRE(idle.limit_once() == 5 * kSecond / 2);
}

TEST_CASE("Closes in one turn count as one, the oldest of them") {
  IdleAge idle;
  // A host that restarts closes everything at once, young connections too.
  for (const int64_t age : {1, 900, 20, 3}) idle.Observe(age * kMillisecond, 100 * kSecond);
  REQUIRE(idle.limit_once() == IdleAge::kNever);
  idle.Observe(5 * kSecond, 200 * kSecond);
  idle.Observe(5 * kSecond, 300 * kSecond);
  REQUIRE(idle.limit_once() == 5 * kSecond / 2);
}

TEST_CASE("Ages below a second bind only requests that must not be sent twice") {
  IdleAge idle;
  idle.Observe(20 * kMillisecond, 100 * kSecond);
  idle.Observe(30 * kMillisecond, 101 * kSecond);
  REQUIRE(idle.limit_any() == IdleAge::kNever);
  REQUIRE(idle.limit_once() == 15 * kMillisecond);
}

TEST_CASE("What is not seen again is forgotten after two windows") {
  IdleAge idle;
  idle.Observe(2 * kSecond, 100 * kSecond);
  idle.Observe(2 * kSecond, 101 * kSecond);
  REQUIRE(idle.limit_any() == 2 * kSecond / 8 * 7);
  event::TimePoint now = 100 * kSecond + IdleAge::kWindow;
  idle.Observe(60 * kSecond, now);
  REQUIRE(idle.limit_any() == 2 * kSecond / 8 * 7);
  now += IdleAge::kWindow;
  idle.Observe(60 * kSecond, now);
  now += IdleAge::kWindow;
  idle.Observe(60 * kSecond, now);
  REQUIRE(idle.limit_any() == 60 * kSecond / 8 * 7);
}

}  // namespace
}  // namespace remora::upstream
