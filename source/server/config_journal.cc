#include "source/server/config_journal.h"

#include <string>
#include <utility>

namespace remora::server {

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
  entry_.took = journal_.clock_.Now() - begun_;
  journal_.entries_.push_front(std::move(entry_));
  if (journal_.entries_.size() > kKept) journal_.entries_.pop_back();
}

}  // namespace remora::server
