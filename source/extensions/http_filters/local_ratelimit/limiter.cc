#include "source/extensions/http_filters/local_ratelimit/limiter.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace remora::extensions {
namespace {

void AppendPart(std::string& out, std::string_view text) {
  absl::StrAppend(&out, text.size(), ":", absl::string_view(text.data(), text.size()));
}

bool HasEmptyValue(const DescriptorEntries& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const auto& entry) { return entry.second.empty(); });
}

}  // namespace

std::string DescriptorText(const DescriptorEntries& entries) {
  std::string text;
  for (const auto& [key, value] : entries) {
    AppendPart(text, key);
    AppendPart(text, value);
  }
  return text;
}

std::string DescriptorText(const std::vector<route::RateLimitEntry>& entries) {
  std::string text;
  for (const route::RateLimitEntry& entry : entries) {
    AppendPart(text, entry.key);
    AppendPart(text, entry.value);
  }
  return text;
}

class Limiter::AnyValue {
 public:
  AnyValue(const LimiterSettings::Descriptor& settings, size_t max_values)
      : settings_(settings), max_values_(max_values) {}

  bool Matches(const std::vector<route::RateLimitEntry>& entries) const {
    return std::equal(entries.begin(), entries.end(), settings_.entries.begin(),
                      settings_.entries.end(), [](const auto& entry, const auto& configured) {
                        return entry.key == configured.first &&
                               (configured.second.empty() || entry.value == configured.second);
                      });
  }

  Bucket Find(std::string text) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(text);
    if (found != places_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return recent_.front().second;
    }
    recent_.emplace_front(std::move(text), std::make_shared<const TokenBucket>(settings_.bucket));
    places_.emplace(recent_.front().first, recent_.begin());
    if (recent_.size() > max_values_) {
      places_.erase(recent_.back().first);
      recent_.pop_back();
    }
    return recent_.front().second;
  }

 private:
  using Recent = std::list<std::pair<std::string, Bucket>>;

  const LimiterSettings::Descriptor settings_;
  const size_t max_values_;
  std::mutex mutex_;
  Recent recent_;  // the latest first
  absl::flat_hash_map<std::string_view, Recent::iterator> places_;
};

Limiter::Limiter(const LimiterSettings& settings)
    : always_take_default_(settings.always_take_default) {
  if (settings.bucket.has_value()) default_ = std::make_shared<const TokenBucket>(*settings.bucket);
  for (const LimiterSettings::Descriptor& descriptor : settings.descriptors) {
    if (HasEmptyValue(descriptor.entries)) {
      any_.push_back(std::make_unique<AnyValue>(descriptor, settings.max_values));
    } else {
      exact_.emplace(DescriptorText(descriptor.entries),
                     std::make_shared<const TokenBucket>(descriptor.bucket));
    }
  }
}

Limiter::~Limiter() = default;

Limiter::Bucket Limiter::Find(const route::RateLimitDescriptor& descriptor) {
  std::string text = DescriptorText(descriptor.entries);
  const auto found = exact_.find(text);
  if (found != exact_.end()) return found->second;
  for (const std::unique_ptr<AnyValue>& any : any_) {
    if (any->Matches(descriptor.entries)) return any->Find(std::move(text));
  }
  return nullptr;
}

// `decisive` gets the bucket that refuses, or else the one to tell the client of.
bool Limiter::TakeAll(const absl::InlinedVector<Match, 8>& matches, event::TimePoint now,
                      const TokenBucket** decisive) {
  for (const Match& match : matches) {
    *decisive = match.bucket.get();
    if (!match.bucket->Take(match.hits, now)) return false;
  }
  *decisive = matches.empty() ? default_.get() : matches.front().bucket.get();
  if (default_ == nullptr || (!matches.empty() && !always_take_default_)) return true;
  if (default_->Take(1, now)) return true;
  *decisive = default_.get();
  return false;
}

LimiterAnswer Limiter::Take(const std::vector<route::RateLimitDescriptor>& descriptors,
                            event::TimePoint now) {
  absl::InlinedVector<Match, 8> matches;
  for (const route::RateLimitDescriptor& descriptor : descriptors) {
    Bucket bucket = Find(descriptor);
    if (bucket != nullptr) matches.push_back({std::move(bucket), descriptor.hits.value_or(1)});
  }
  std::sort(matches.begin(), matches.end(), [](const Match& a, const Match& b) {
    return a.bucket->tokens_per_second() < b.bucket->tokens_per_second();
  });
  const TokenBucket* decisive = nullptr;
  LimiterAnswer answer;
  answer.allowed = TakeAll(matches, now, &decisive);
  if (decisive == nullptr) return answer;
  answer.has_bucket = true;
  answer.limit = decisive->max_tokens();
  answer.remaining = decisive->Remaining(now);
  answer.seconds_to_next = decisive->SecondsToNext(now);
  return answer;
}

}  // namespace remora::extensions
