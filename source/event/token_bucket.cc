#include "source/event/token_bucket.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace remora::event {
namespace {

// What rounding may take from a whole token.
constexpr double kRounding = 1e-6;

}  // namespace

TokenBucket::TokenBucket(const TokenBucketSettings& settings)
    : max_(settings.max_tokens),
      per_token_(static_cast<double>(settings.fill_interval) /
                 static_cast<double>(settings.tokens_per_fill)),
      empty_at_(-std::numeric_limits<double>::infinity()) {}

double TokenBucket::TokensAt(TimePoint now, double empty_at) const {
  return std::min((static_cast<double>(now) - empty_at) / per_token_, static_cast<double>(max_));
}

bool TokenBucket::Take(uint64_t tokens, TimePoint now) const {
  double empty_at = empty_at_.load(std::memory_order_relaxed);
  while (true) {
    const double there = TokensAt(now, empty_at);
    const auto wanted = static_cast<double>(tokens);
    if (there + kRounding < wanted) return false;
    const double left = std::max(there - wanted, 0.0);
    if (empty_at_.compare_exchange_weak(empty_at, static_cast<double>(now) - left * per_token_,
                                        std::memory_order_relaxed)) {
      return true;
    }
  }
}

uint64_t TokenBucket::Remaining(TimePoint now) const {
  const double there = TokensAt(now, empty_at_.load(std::memory_order_relaxed));
  return there <= 0 ? 0 : static_cast<uint64_t>(there + kRounding);
}

uint64_t TokenBucket::SecondsToNext(TimePoint now) const {
  const double there = TokensAt(now, empty_at_.load(std::memory_order_relaxed));
  if (there + kRounding >= 1) return 0;
  return static_cast<uint64_t>(
      std::ceil((1 - there) * per_token_ / static_cast<double>(kSecond) - kRounding));
}

}  // namespace remora::event
