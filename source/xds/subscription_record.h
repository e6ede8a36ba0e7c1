#pragma once

// SubscriptionRecord: the statistics of one subscription, told as what has happened.
//
// Owner: the subscription. Thread: main. Nothing fails. They are below `prefix`
// ("cluster_manager.cds."), and go with the subscription.
// Source: Envoy source/extensions/config_subscription/grpc/grpc_subscription_impl.cc.

#include <cstdint>
#include <string_view>

#include "source/event/clock.h"
#include "source/stats/store.h"
#include "source/xds/subscription_stats.h"

namespace remora::xds {

class SubscriptionRecord {
 public:
  SubscriptionRecord(stats::Store& store, std::string_view prefix);
  ~SubscriptionRecord();
  SubscriptionRecord(const SubscriptionRecord&) = delete;
  SubscriptionRecord& operator=(const SubscriptionRecord&) = delete;

  // The source was asked.
  void OnAttempt() { stats_.update_attempt.Inc(); }
  // It has answered, and the answer was taken: in `took`, at `wall_now` (ns since the epoch).
  void OnTaken(std::string_view version, event::Duration took, int64_t wall_now);
  void OnRejected();
  // It could not be reached or read.
  void OnFailed();
  void OnFetchTimeout();

 private:
  stats::Store& store_;
  stats::Scope& scope_;
  SubscriptionStats stats_;
  stats::TextReadout version_text_;
};

}  // namespace remora::xds
