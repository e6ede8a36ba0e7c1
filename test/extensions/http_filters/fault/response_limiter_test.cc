#include "source/extensions/http_filters/fault/response_limiter.h"

#include <catch2/catch.hpp>
#include <string>

namespace remora::extensions {
namespace {

constexpr event::TimePoint kStart = 5'000 * event::kSecond;

struct World {
  explicit World(uint64_t kib_per_second) : limiter(kib_per_second, kStart, blocks) {}

  // How much goes out at once of `size` more bytes.
  size_t Pass(size_t size, event::TimePoint now) {
    buffer::Buffer data(blocks);
    data.Append(std::string(size, 'x'));
    limiter.Pass(data, now);
    const size_t out = data.length();
    data.Clear();
    return out;
  }
  size_t Release(event::TimePoint now) {
    buffer::Buffer out(blocks);
    limiter.Release(out, now);
    const size_t size = out.length();
    out.Clear();
    return size;
  }

  buffer::BlockPool blocks;
  ResponseLimiter limiter;
};

constexpr event::Duration kTick = ResponseLimiter::kTick;

TEST_CASE("response limiter: a tick's worth at once, then a tick's worth each tick") {
  World world(1);
  CHECK(world.Pass(200, kStart) == 64);
  CHECK(world.limiter.waiting() == 136);
  CHECK(world.Release(kStart + kTick) == 64);
  CHECK(world.Release(kStart + 2 * kTick) == 64);
  CHECK(world.Release(kStart + 3 * kTick) == 8);
  CHECK(world.limiter.waiting() == 0);
}

TEST_CASE("response limiter: a late tick makes up for it") {
  World world(1);
  CHECK(world.Pass(2000, kStart) == 64);
  CHECK(world.Release(kStart + event::kSecond / 2) == 512);
  CHECK(world.Release(kStart + event::kSecond) == 512);
}

TEST_CASE("response limiter: at most a second's worth is saved up") {
  World world(1);
  CHECK(world.Pass(10'000, kStart + 3600 * event::kSecond) == 1024);
}

TEST_CASE("response limiter: nothing overtakes what waits") {
  World world(1);
  CHECK(world.Pass(100, kStart) == 64);
  CHECK(world.Pass(100, kStart + kTick) == 0);
  CHECK(world.limiter.waiting() == 136);
}

TEST_CASE("response limiter: a rate without bounds") {
  World world(~uint64_t{0});
  CHECK(world.Pass(1'000'000, kStart) == 1'000'000);
  CHECK(world.Pass(1'000'000, kStart + event::kSecond) == 1'000'000);
}

TEST_CASE("response limiter: time that stands still, and less than a token") {
  World world(1);
  CHECK(world.Pass(100, kStart) == 64);
  CHECK(world.Release(kStart) == 0);
  CHECK(world.Release(kStart + 1) == 0);
  // The time that made no token still counts.
  CHECK(world.Release(kStart + event::kSecond / 1024 + 1) == 1);
}

}  // namespace
}  // namespace remora::extensions
