#include "source/event/token_bucket.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

namespace remora::event {
namespace {

constexpr TimePoint kStart = 5'000 * kSecond;

TEST_CASE("token bucket: full at the start, then a token an interval") {
  const TokenBucket bucket({3, 1, kSecond});
  CHECK(bucket.Remaining(kStart) == 3);
  for (int i = 0; i < 3; ++i) CHECK(bucket.Take(1, kStart));
  CHECK_FALSE(bucket.Take(1, kStart));
  CHECK(bucket.Remaining(kStart) == 0);
  CHECK_FALSE(bucket.Take(1, kStart + kSecond - 1'000'000));
  CHECK(bucket.Take(1, kStart + kSecond));
  CHECK_FALSE(bucket.Take(1, kStart + kSecond));
}

TEST_CASE("token bucket: tokens come spread over the interval") {
  const TokenBucket bucket({10, 10, kSecond});
  CHECK(bucket.Take(10, kStart));
  CHECK(bucket.Remaining(kStart + kSecond / 2) == 5);
  CHECK(bucket.Take(5, kStart + kSecond / 2));
  CHECK_FALSE(bucket.Take(1, kStart + kSecond / 2));
}

TEST_CASE("token bucket: never more than it holds") {
  const TokenBucket bucket({2, 100, kSecond});
  CHECK(bucket.Take(1, kStart));
  CHECK(bucket.Remaining(kStart + 3600 * kSecond) == 2);
  CHECK_FALSE(bucket.Take(3, kStart + 3600 * kSecond));
}

TEST_CASE("token bucket: nothing is taken when there is not enough") {
  const TokenBucket bucket({3, 1, kSecond});
  CHECK_FALSE(bucket.Take(4, kStart));
  CHECK(bucket.Take(3, kStart));
  CHECK(bucket.Take(0, kStart));
}

TEST_CASE("token bucket: a clock that is a moment behind sees fewer tokens") {
  const TokenBucket bucket({2, 1, kSecond});
  CHECK(bucket.Take(1, kStart));
  CHECK(bucket.Take(1, kStart - 1'000));
  CHECK_FALSE(bucket.Take(1, kStart - kSecond));
  CHECK(bucket.Remaining(kStart - 10 * kSecond) == 0);
}

TEST_CASE("token bucket: intervals that no number of tokens divides") {
  const TokenBucket bucket({7, 7, kSecond});
  for (int round = 0; round < 1'000; ++round) {
    const TimePoint now = kStart + round * kSecond;
    for (int i = 0; i < 7; ++i) REQUIRE(bucket.Take(1, now));
    REQUIRE_FALSE(bucket.Take(1, now));
  }
}

TEST_CASE("token bucket: seconds to the next token") {
  const TokenBucket bucket({2, 1, 60 * kSecond});
  CHECK(bucket.SecondsToNext(kStart) == 0);
  CHECK(bucket.Take(2, kStart));
  CHECK(bucket.SecondsToNext(kStart) == 60);
  CHECK(bucket.SecondsToNext(kStart + kSecond / 2) == 60);
  CHECK(bucket.SecondsToNext(kStart + kSecond) == 59);
  CHECK(bucket.SecondsToNext(kStart + 60 * kSecond) == 0);
}

TEST_CASE("token bucket: several threads take exactly what there is") {
  const TokenBucket bucket({10'000, 1, 3600 * kSecond});
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) {
        if (bucket.Take(1, kStart)) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(taken == 10'000);
}

}  // namespace
}  // namespace remora::event
