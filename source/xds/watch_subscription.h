#pragma once

// WatchSubscription: a Subscription to a Source: the names that its user wants, how long each of
// them may be waited for, and the statistics of it.
//
// Owner: whoever subscribed. Thread: main. It may be destroyed from within the user's OnUpdate.

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_set.h"
#include "source/event/dispatcher.h"
#include "source/xds/source.h"
#include "source/xds/subscription.h"
#include "source/xds/subscription_record.h"

namespace remora::xds {

class WatchSubscription final : public Subscription, private Watch {
 public:
  struct Setup {
    Source& source;
    ResourceType type;
    bool wildcard;
    bool is_file;                   // its attempts are its answers
    event::Duration fetch_timeout;  // 0: for ever
    std::string_view stat_prefix;
    ResourceUser& user;
    event::Dispatcher& dispatcher;
    stats::Store& stats;
    event::TurnTask& on_ended;  // done at the end of the turn in which the subscription ends
  };

  explicit WatchSubscription(const Setup& setup);
  ~WatchSubscription() override;
  WatchSubscription(const WatchSubscription&) = delete;
  WatchSubscription& operator=(const WatchSubscription&) = delete;

  // Subscription
  void Start() override;
  void SetNames(std::vector<std::string> names) override;
  void AddName(const std::string& name) override;
  void DropName(const std::string& name) override;

 private:
  // Names that came together, and how long they may be waited for.
  struct Batch {
    event::TimePoint deadline;
    std::vector<std::string> names;  // none: a wildcard's
  };

  static void OnTimer(void* self);
  // Watch
  bool wildcard() const override { return wildcard_; }
  std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) override;
  void OnOutcome(std::string_view version, const std::vector<ResourceError>& errors) override;
  void OnSourceFailed() override { record_.OnFailed(); }

  void OnNamesChanged(std::vector<std::string> added);
  void Await(std::vector<std::string> names);
  void OnTimeout();

  Source& source_;
  TypeState& state_;
  ResourceUser& user_;
  event::Dispatcher& dispatcher_;
  event::TurnTask& on_ended_;
  const bool wildcard_;
  const bool is_file_;
  const event::Duration fetch_timeout_;
  SubscriptionRecord record_;
  absl::btree_set<std::string> names_;
  std::deque<Batch> waiting_;  // the soonest first
  event::Timer timer_;
  event::TimePoint update_began_ = 0;
  bool started_ = false;
  bool answered_ = false;
};

}  // namespace remora::xds
