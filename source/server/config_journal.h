#pragma once

// ConfigJournal: the last updates of resources: what changed, what was refused and why, how long it
// took. For /config_journal.
//
// Owner: Server. Thread: main. Holds kKept updates with so many names each, so that its size is
// bounded whatever a control plane sends. Nothing fails.

#include <deque>
#include <string_view>
#include <vector>

#include "source/admin/environment.h"
#include "source/event/clock.h"
#include "source/xds/resource.h"

namespace remora::server {

class ConfigJournal {
 public:
  static constexpr size_t kKept = 100;

  explicit ConfigJournal(event::Clock& clock) : clock_(clock) {}
  ConfigJournal(const ConfigJournal&) = delete;
  ConfigJournal& operator=(const ConfigJournal&) = delete;

  // One update while it is being taken; it is kept when this ends, if anything came of it.
  class Update {
   public:
    Update(ConfigJournal& journal, xds::ResourceType type, std::string_view version,
           bool from_snapshot = false);
    ~Update();
    Update(const Update&) = delete;
    Update& operator=(const Update&) = delete;

    void Added(std::string_view name) { entry_.added.Add(name); }
    void Changed(std::string_view name) { entry_.changed.Add(name); }
    void Removed(std::string_view name) { entry_.removed.Add(name); }
    void Refused(std::string_view name, std::string_view reason);

   private:
    // What came just before, with the same answer, and this are one entry.
    void Extend(admin::JournalEntry& last);

    ConfigJournal& journal_;
    admin::JournalEntry entry_;
    event::TimePoint begun_;
  };

  // The latest first.
  std::vector<admin::JournalEntry> entries() const { return {entries_.begin(), entries_.end()}; }

 private:
  event::Clock& clock_;
  std::deque<admin::JournalEntry> entries_;
  // Of the last one.
  event::TimePoint begun_ = 0;
  event::TimePoint ended_ = 0;
};

}  // namespace remora::server
