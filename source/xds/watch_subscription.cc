#include "source/xds/watch_subscription.h"

#include <utility>

#include "source/base/log.h"

namespace remora::xds {

WatchSubscription::WatchSubscription(const Setup& setup)
    : source_(setup.source),
      state_(setup.source.State(setup.type)),
      user_(setup.user),
      dispatcher_(setup.dispatcher),
      on_ended_(setup.on_ended),
      wildcard_(setup.wildcard),
      is_file_(setup.is_file),
      fetch_timeout_(setup.fetch_timeout),
      record_(setup.stats, setup.stat_prefix),
      timer_(setup.dispatcher.timers(), &OnTimer, this) {
  source_.Attach();
}

WatchSubscription::~WatchSubscription() {
  source_.Detach();
  dispatcher_.AtTurnEnd(on_ended_);
  if (!started_) return;
  for (const std::string& name : names_) state_.Unwant(*this, name);
  state_.Remove(*this);
  source_.Wake();
}

void WatchSubscription::Start() {
  started_ = true;
  if (!is_file_) record_.OnAttempt();
  state_.Add(*this);
  for (const std::string& name : names_) state_.Want(*this, name);
  if (wildcard_ || !names_.empty()) Await({names_.begin(), names_.end()});
  source_.Wake();
}

void WatchSubscription::SetNames(std::vector<std::string> names) {
  const absl::btree_set<std::string> before =
      std::exchange(names_, absl::btree_set<std::string>(std::make_move_iterator(names.begin()),
                                                         std::make_move_iterator(names.end())));
  if (!started_) return;
  std::vector<std::string> added;
  for (const std::string& name : names_) {
    if (before.contains(name)) continue;
    state_.Want(*this, name);
    added.push_back(name);
  }
  bool changed = !added.empty();
  for (const std::string& name : before) {
    if (names_.contains(name)) continue;
    state_.Unwant(*this, name);
    changed = true;
  }
  if (changed) OnNamesChanged(std::move(added));
}

void WatchSubscription::AddName(const std::string& name) {
  if (!names_.insert(name).second || !started_) return;
  state_.Want(*this, name);
  OnNamesChanged({name});
}

void WatchSubscription::DropName(const std::string& name) {
  if (names_.erase(name) == 0 || !started_) return;
  state_.Unwant(*this, name);
  // Asked for anew, it has all its time again.
  for (Batch& batch : waiting_) std::erase(batch.names, name);
  // The first one of a wildcard has no names.
  if (!wildcard_ || answered_) {
    std::erase_if(waiting_, [](const Batch& batch) { return batch.names.empty(); });
  }
  OnNamesChanged({});
}

void WatchSubscription::OnNamesChanged(std::vector<std::string> added) {
  if (!is_file_) record_.OnAttempt();
  if (!added.empty()) Await(std::move(added));
  source_.Wake();
}

void WatchSubscription::Await(std::vector<std::string> names) {
  if (fetch_timeout_ == 0) return;
  waiting_.push_back({dispatcher_.now() + fetch_timeout_, std::move(names)});
  if (!timer_.armed()) timer_.Arm(waiting_.front().deadline);
}

void WatchSubscription::OnTimer(void* self) { static_cast<WatchSubscription*>(self)->OnTimeout(); }

void WatchSubscription::OnTimeout() {
  std::vector<std::string> missing;
  bool all = false;
  while (!waiting_.empty() && waiting_.front().deadline <= dispatcher_.now()) {
    all = all || (wildcard_ && !answered_);
    for (std::string& name : waiting_.front().names) {
      if (!names_.contains(name) || state_.IsTold(name)) continue;
      state_.GiveUp(name);
      missing.push_back(std::move(name));
    }
    waiting_.pop_front();
  }
  if (!waiting_.empty()) timer_.Arm(waiting_.front().deadline);
  if (!all && missing.empty()) return;
  record_.OnFetchTimeout();
  if (!is_file_) record_.OnAttempt();  // as Envoy counts
  REMORA_LOG(kConfig, kWarning, std::string(TypeName(state_.type())),
             missing.empty() ? "" : " " + missing.front(), missing.size() > 1 ? " and others" : "",
             ": the source has said nothing within initial_fetch_timeout; what waits goes on "
             "without");
  user_.OnFetchTimeout(missing);
}

// The user may end this subscription on the way: nothing of it is touched behind the call.
std::vector<ResourceError> WatchSubscription::OnUpdate(const ResourceUpdate& update) {
  answered_ = true;
  update_began_ = dispatcher_.clock().Now();
  return user_.OnUpdate(update);
}

void WatchSubscription::OnOutcome(std::string_view version,
                                  const std::vector<ResourceError>& errors) {
  if (!errors.empty()) return record_.OnRejected();
  const event::Duration took =
      update_began_ == 0 ? 0 : dispatcher_.clock().Now() - std::exchange(update_began_, 0);
  record_.OnTaken(version, took, dispatcher_.wall_now());
}

}  // namespace remora::xds
