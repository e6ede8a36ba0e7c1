#include "source/extensions/http_filters/local_ratelimit/limiter.h"

#include <catch2/catch.hpp>

namespace remora::extensions {
namespace {

constexpr event::TimePoint kStart = 5'000 * event::kSecond;
constexpr event::Duration kHour = 3600 * event::kSecond;

using Entries = std::vector<route::RateLimitEntry>;

std::vector<route::RateLimitDescriptor> Of(std::vector<Entries> all, uint64_t hits = 1) {
  std::vector<route::RateLimitDescriptor> descriptors;
  for (Entries& entries : all) descriptors.push_back({std::move(entries), hits});
  return descriptors;
}

// How many of `tries` requests pass.
int Passed(Limiter& limiter, const std::vector<route::RateLimitDescriptor>& descriptors,
           int tries = 20) {
  int passed = 0;
  for (int i = 0; i < tries; ++i) passed += limiter.Take(descriptors, kStart).allowed ? 1 : 0;
  return passed;
}

TokenBucketSettings Bucket(uint64_t tokens) { return {tokens, tokens, kHour}; }

TEST_CASE("limiter: without buckets everything passes") {
  Limiter limiter({});
  CHECK(Passed(limiter, {}) == 20);
  CHECK_FALSE(limiter.Take({}, kStart).has_bucket);
}

TEST_CASE("limiter: the default bucket") {
  LimiterSettings settings;
  settings.bucket = Bucket(3);
  Limiter limiter(settings);
  const LimiterAnswer answer = limiter.Take({}, kStart);
  CHECK(answer.allowed);
  CHECK(answer.limit == 3);
  CHECK(answer.remaining == 2);
  CHECK(Passed(limiter, Of({{{"a", "b"}}})) == 2);
}

TEST_CASE("limiter: a descriptor has to fit as a whole") {
  LimiterSettings settings;
  settings.descriptors = {{{{"a", "1"}, {"b", "2"}}, Bucket(2)}};
  Limiter limiter(settings);
  CHECK(Passed(limiter, Of({{{"a", "1"}}})) == 20);
  CHECK(Passed(limiter, Of({{{"b", "2"}, {"a", "1"}}})) == 20);
  CHECK(Passed(limiter, Of({{{"a", "1"}, {"b", "2"}, {"c", "3"}}})) == 20);
  // Parts do not run into each other.
  CHECK(Passed(limiter, Of({{{"a", "1b"}, {"", "2"}}})) == 20);
  CHECK(Passed(limiter, Of({{{"a", "1"}, {"b", "2"}}})) == 2);
}

TEST_CASE("limiter: the slowest bucket first, and it decides what the client is told") {
  LimiterSettings settings;
  settings.bucket = Bucket(10);
  settings.descriptors = {{{{"fast", "1"}}, Bucket(5)}, {{{"slow", "1"}}, Bucket(2)}};
  Limiter limiter(settings);
  const auto both = Of({{{"fast", "1"}}, {{"slow", "1"}}});
  CHECK(limiter.Take(both, kStart).limit == 2);
  CHECK(Passed(limiter, both) == 1);
  // The refused ones took nothing from the others.
  CHECK(Passed(limiter, Of({{{"fast", "1"}}})) == 3);
  CHECK(limiter.Take(Of({{{"fast", "1"}}}), kStart).limit == 5);
  CHECK(Passed(limiter, {}) == 5);
}

TEST_CASE("limiter: whether a descriptor's requests take from the default bucket too") {
  LimiterSettings settings;
  settings.bucket = Bucket(2);
  settings.descriptors = {{{{"a", "1"}}, Bucket(5)}};
  SECTION("they do") {
    Limiter limiter(settings);
    CHECK(Passed(limiter, Of({{{"a", "1"}}})) == 2);
    CHECK(limiter.Take(Of({{{"b", "1"}}}), kStart).limit == 2);
  }
  SECTION("they do not") {
    settings.always_take_default = false;
    Limiter limiter(settings);
    CHECK(Passed(limiter, Of({{{"a", "1"}}})) == 5);
    CHECK(Passed(limiter, {}) == 2);
  }
}

TEST_CASE("limiter: a request may take several tokens, or none") {
  LimiterSettings settings;
  settings.descriptors = {{{{"a", "1"}}, Bucket(10)}};
  Limiter limiter(settings);
  CHECK(Passed(limiter, Of({{{"a", "1"}}}, 4)) == 2);
  CHECK(Passed(limiter, Of({{{"a", "1"}}}, 0)) == 20);
}

TEST_CASE("limiter: an empty value gives each value its bucket") {
  LimiterSettings settings;
  settings.descriptors = {{{{"user", ""}, {"kind", "x"}}, Bucket(2)},
                          {{{"user", "root"}, {"kind", "x"}}, Bucket(1)}};
  settings.max_values = 2;
  Limiter limiter(settings);
  const auto user = [](std::string_view name) { return Of({{{"user", name}, {"kind", "x"}}}); };
  CHECK(Passed(limiter, user("ann")) == 2);
  CHECK(Passed(limiter, user("ben")) == 2);
  // What is configured as such comes first.
  CHECK(Passed(limiter, user("root")) == 1);
  CHECK(Passed(limiter, Of({{{"user", "ann"}, {"kind", "y"}}})) == 20);
  // Ann was used last: ben makes room for carl and comes back with a new bucket.
  CHECK(Passed(limiter, user("ann")) == 0);
  CHECK(Passed(limiter, user("carl")) == 2);
  CHECK(Passed(limiter, user("ann")) == 0);
  CHECK(Passed(limiter, user("ben")) == 2);
}

}  // namespace
}  // namespace remora::extensions
