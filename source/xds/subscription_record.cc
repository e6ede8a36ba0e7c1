#include "source/xds/subscription_record.h"

#include "source/xds/version_hash.h"

namespace remora::xds {

SubscriptionRecord::SubscriptionRecord(stats::Store& store, std::string_view prefix)
    : store_(store),
      scope_(store.AddScope(prefix)),
      stats_(scope_.Make<SubscriptionStats>(store.main_shard())),
      version_text_(scope_.MakeTextReadout("version_text")) {
  version_text_.Set("");
}

SubscriptionRecord::~SubscriptionRecord() { store_.RemoveScope(scope_); }

// The next request goes out with what became of this response: that is an attempt again.
void SubscriptionRecord::OnTaken(std::string_view version, event::Duration took, int64_t wall_now) {
  stats_.update_success.Inc();
  stats_.update_attempt.Inc();
  stats_.update_time.Set(static_cast<uint64_t>(wall_now / event::kMillisecond));
  stats_.version.Set(VersionHash(version));
  stats_.update_duration.Record(static_cast<uint64_t>(took / event::kMillisecond));
  version_text_.Set(version);
}

void SubscriptionRecord::OnRejected() {
  stats_.update_rejected.Inc();
  stats_.update_attempt.Inc();
}

void SubscriptionRecord::OnFailed() {
  stats_.update_failure.Inc();
  stats_.update_attempt.Inc();
}

void SubscriptionRecord::OnFetchTimeout() { stats_.init_fetch_timeout.Inc(); }

}  // namespace remora::xds
