#include "source/stats/cursor.h"

#include "source/stats/store.h"

namespace remora::stats {
namespace {

// A portion looks at no more scopes than this part of its metrics, however few of them are wanted.
constexpr size_t kMetricsAScope = 8;

}  // namespace

Cursor::Cursor(Store& store, size_t portion)
    : store_(store), portion_(portion), prefixes_(store.SortedPrefixes()) {}

bool Cursor::Next(const SnapshotFilter& filter, Snapshot& portion, bool merge) {
  if (done_) return false;
  SnapshotBuilder builder(filter);
  // Scopes below one another mix in name order: they are read together. What comes behind such a
  // family is greater than all its names.
  const size_t last = at_ + portion_ / kMetricsAScope + 1;
  while (at_ < prefixes_.size() && at_ < last && builder.size() < portion_) {
    const std::string& first = prefixes_[at_];
    do {
      store_.AddScopeTo(prefixes_[at_], static_cast<uint32_t>(at_), builder);
      ++at_;
    } while (at_ < prefixes_.size() && prefixes_[at_].starts_with(first));
  }
  done_ = at_ == prefixes_.size();
  const std::string to = done_ ? std::string() : prefixes_[at_];
  builder.SetWindow(from_, to);
  store_.AddScopeTo("", MetricPlace::kRoot, builder);
  from_ = to;
  portion = builder.Build(merge);
  return true;
}

void Cursor::Read(const MetricPlace& place, SnapshotBuilder& builder) const {
  const bool root = place.scope == MetricPlace::kRoot;
  store_.ReadMetric(root ? std::string_view() : prefixes_[place.scope], place, builder);
}

}  // namespace remora::stats
