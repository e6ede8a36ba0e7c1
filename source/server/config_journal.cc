#include "source/server/config_journal.h"

#include <string>
#include <utility>

namespace remora::server {
namespace {

// Endpoints have a follower for each cluster: what all of them take of one answer is one entry, or
// an answer with a hundred of them would be all that there is to see.
bool IsOfOneAnswer(const admin::JournalEntry& last, const admin::JournalEntry& next) {
  return next.type == last.type && next.version == last.version &&
         next.from_snapshot == last.from_snapshot;
}

void Append(admin::JournalEntry::Names& to, const admin::JournalEntry::Names& from) {
  for (const std::string& name : from.names) to.Add(name);
  to.count += from.count - from.names.size();
}

}  // namespace

ConfigJournal::Update::Update(ConfigJournal& journal, xds::ResourceType type,
                              std::string_view version, bool from_snapshot)
    : journal_(journal), begun_(journal.clock_.Now()) {
  entry_.at = journal.clock_.WallNow();
  entry_.type = std::string(xds::TypeName(type));
  entry_.version = std::string(version);
  entry_.from_snapshot = from_snapshot;
}

void ConfigJournal::Update::Refused(std::string_view name, std::string_view reason) {
  if (entry_.refused.size() < admin::JournalEntry::kMaxNames) {
    entry_.refused.push_back({std::string(name), std::string(reason)});
  }
}

ConfigJournal::Update::~Update() {
  const bool nothing = entry_.added.count + entry_.changed.count + entry_.removed.count == 0;
  if (nothing && entry_.refused.empty()) return;
  constexpr event::Duration kPause = event::kMillisecond;
  const bool at_once = begun_ - std::exchange(journal_.ended_, journal_.clock_.Now()) < kPause;
  if (!journal_.entries_.empty() && at_once && IsOfOneAnswer(journal_.entries_.front(), entry_)) {
    Extend(journal_.entries_.front());
    return;
  }
  journal_.begun_ = begun_;
  entry_.took = journal_.ended_ - begun_;
  journal_.entries_.push_front(std::move(entry_));
  if (journal_.entries_.size() > kKept) journal_.entries_.pop_back();
}

void ConfigJournal::Update::Extend(admin::JournalEntry& last) {
  last.took = journal_.ended_ - journal_.begun_;
  Append(last.added, entry_.added);
  Append(last.changed, entry_.changed);
  Append(last.removed, entry_.removed);
  for (admin::JournalEntry::Refusal& refusal : entry_.refused) {
    if (last.refused.size() == admin::JournalEntry::kMaxNames) break;
    last.refused.push_back(std::move(refusal));
  }
}

}  // namespace remora::server
