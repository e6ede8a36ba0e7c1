#pragma once

// TokenBucket: up to `max_tokens` tokens that come back steadily; shared by all workers without a
// lock.
//
// One number tells everything: the moment at which the bucket was (or would have been) empty, from
// which the tokens of now follow. Taking moves that moment forward, with a compare-and-swap. So
// nobody has to fill the bucket, and an idle one costs nothing. It starts full.
// Threads: any. Workers read the clock once a turn each; a worker that is behind only sees fewer
// tokens. Source: Envoy source/common/common/token_bucket_impl.cc, AtomicTokenBucketImpl.

#include <atomic>
#include <cstdint>

#include "source/event/clock.h"

namespace remora::event {

struct TokenBucketSettings {
  uint64_t max_tokens = 0;
  uint64_t tokens_per_fill = 1;
  Duration fill_interval = kSecond;  // above 0

  bool operator==(const TokenBucketSettings&) const = default;
};

class TokenBucket {
 public:
  explicit TokenBucket(const TokenBucketSettings& settings);
  TokenBucket(const TokenBucket&) = delete;
  TokenBucket& operator=(const TokenBucket&) = delete;

  // False, and nothing is taken, when there are fewer.
  bool Take(uint64_t tokens, TimePoint now) const;
  uint64_t max_tokens() const { return max_; }
  // Whole tokens.
  uint64_t Remaining(TimePoint now) const;
  // Until there is a whole token, in seconds, rounded up; 0 when there is one.
  uint64_t SecondsToNext(TimePoint now) const;
  double tokens_per_second() const { return static_cast<double>(kSecond) / per_token_; }

 private:
  double TokensAt(TimePoint now, double empty_at) const;

  const uint64_t max_;
  const double per_token_;  // nanoseconds
  // Changes behind const: a bucket is shared, and taking from it is what it is for.
  mutable std::atomic<double> empty_at_;
};

}  // namespace remora::event
