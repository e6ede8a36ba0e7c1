#include "source/net/drain.h"

#include <catch2/catch.hpp>

namespace remora::net {
namespace {

using event::kSecond;

// How many of 10,000 responses close at `now`.
int Closing(const Drain& drain, event::TimePoint now) {
  base::Random random(7);
  int closing = 0;
  for (int i = 0; i < 10'000; ++i) closing += drain.Closes(now, random);
  return closing;
}

TEST_CASE("A listener that is not drained closes nothing") {
  Drain drain;
  CHECK(Closing(drain, 0) == 0);
  CHECK(Closing(drain, 1'000'000 * kSecond) == 0);
}

TEST_CASE("At once, every response closes, until it is called off") {
  Drain drain;
  drain.SetAlways();
  CHECK(Closing(drain, 0) == 10'000);
  drain.SetOff();
  CHECK(Closing(drain, 0) == 0);
}

TEST_CASE("Gradually, the share of closing responses is that of the time that has passed") {
  Drain drain;
  drain.SetGradual(100 * kSecond, 600 * kSecond);
  CHECK(Closing(drain, 50 * kSecond) == 0);
  CHECK(Closing(drain, 100 * kSecond) == 0);
  CHECK(Closing(drain, 160 * kSecond) == Approx(1'000).margin(100));
  CHECK(Closing(drain, 400 * kSecond) == Approx(5'000).margin(200));
  CHECK(Closing(drain, 640 * kSecond) == Approx(9'000).margin(100));
  CHECK(Closing(drain, 700 * kSecond) == 10'000);
  CHECK(Closing(drain, 7'000 * kSecond) == 10'000);
}

}  // namespace
}  // namespace remora::net
