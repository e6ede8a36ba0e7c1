#include "source/base/random.h"

#include <catch2/catch.hpp>
#include <vector>

namespace remora::base {
namespace {

TEST_CASE("random: a seed replays, another differs") {
  Random a(42), b(42), c(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.Next();
    CHECK(value == b.Next());
    differs |= value != c.Next();
  }
  CHECK(differs);
}

TEST_CASE("random: the kernel's seeds differ") {
  Random a, b;
  CHECK(a.Next() != b.Next());
}

TEST_CASE("random: Below stays below and is even") {
  Random random(1);
  std::vector<int> counts(10);
  for (int i = 0; i < 100'000; ++i) ++counts[random.Below(10)];
  // Five standard deviations of a binomial(100000, 0.1) are about 475.
  for (const int count : counts) CHECK((count > 9'500 && count < 10'500));
  for (int i = 0; i < 100; ++i) CHECK(random.Below(1) == 0);
}

TEST_CASE("random: first values of xoshiro256** for a seed, so that seeds in reports stay valid") {
  Random random(1);
  const uint64_t first = random.Next();
  Random again(1);
  CHECK(first == again.Next());
  CHECK(first == 12966619160104079557ull);
}

}  // namespace
}  // namespace remora::base
