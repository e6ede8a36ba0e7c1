#pragma once

// Limiter: the token buckets of one configuration (or of one connection), by descriptor.
//
// A request takes from the buckets of all descriptors that it is counted under, the slowest first,
// and then from the default bucket; the first that has no token refuses it. What was taken before
// stays taken, as in Envoy.
//
// Owner: the filter's configuration, shared by all workers; or a connection. Threads: any. Buckets
// of configured descriptors need no lock. A descriptor with an empty value has a bucket for each
// value that comes: these are found under a mutex of that descriptor, the one lock here, and the
// one that was not used for longest makes room.
// Source: Envoy source/extensions/filters/common/local_ratelimit/local_ratelimit_impl.cc.

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "source/event/token_bucket.h"
#include "source/http/route/rate_limit.h"

namespace remora::extensions {

using event::TokenBucket;
using event::TokenBucketSettings;

using DescriptorEntries = std::vector<std::pair<std::string, std::string>>;

// What a Limiter is made of; an immutable value.
struct LimiterSettings {
  struct Descriptor {
    DescriptorEntries entries;  // an empty value stands for any
    TokenBucketSettings bucket;
  };
  std::optional<TokenBucketSettings> bucket;  // absent: only descriptors limit
  std::vector<Descriptor> descriptors;
  bool always_take_default = true;
  size_t max_values = 20;  // of a descriptor with an empty value
};

// Whether the request may pass, and what its bucket says.
struct LimiterAnswer {
  bool allowed = true;
  bool has_bucket = false;  // else the three are 0
  uint64_t limit = 0;
  uint64_t remaining = 0;
  uint64_t seconds_to_next = 0;
};

class Limiter {
 public:
  explicit Limiter(const LimiterSettings& settings);
  ~Limiter();
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  LimiterAnswer Take(const std::vector<route::RateLimitDescriptor>& descriptors,
                     event::TimePoint now);

 private:
  using Bucket = std::shared_ptr<const TokenBucket>;
  struct Match {
    Bucket bucket;
    uint64_t hits;
  };
  class AnyValue;  // a descriptor with an empty value

  // Null when nothing is configured for it.
  Bucket Find(const route::RateLimitDescriptor& descriptor);
  bool TakeAll(const absl::InlinedVector<Match, 8>& matches, event::TimePoint now,
               const TokenBucket** decisive);

  const bool always_take_default_;
  Bucket default_;
  // By the text of the entries, each part preceded by its length.
  absl::flat_hash_map<std::string, Bucket> exact_;
  std::vector<std::unique_ptr<AnyValue>> any_;
};

// The key of exact_.
std::string DescriptorText(const DescriptorEntries& entries);
std::string DescriptorText(const std::vector<route::RateLimitEntry>& entries);

}  // namespace remora::extensions
