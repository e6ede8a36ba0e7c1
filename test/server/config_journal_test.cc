#include "source/server/config_journal.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/fakes/simulated_clock.h"

namespace remora::server {
namespace {

using xds::ResourceType;

TEST_CASE("what all followers of endpoints take of one answer is one entry", "[journal]") {
  fakes::SimulatedClock clock;
  ConfigJournal journal(clock);
  for (int i = 0; i < 500; ++i) {
    ConfigJournal::Update update(journal, ResourceType::kEndpoints, "7");
    update.Changed("service-" + std::to_string(i));
    if (i == 3) update.Refused("service-3", "no address");
  }
  REQUIRE(journal.entries().size() == 1);
  const admin::JournalEntry entry = journal.entries().front();
  CHECK(entry.changed.count == 500);
  CHECK(entry.changed.names.size() == admin::JournalEntry::kMaxNames);
  CHECK(entry.changed.names.back() == "service-99");
  REQUIRE(entry.refused.size() == 1);
  CHECK(entry.refused.front().reason == "no address");
}

TEST_CASE("another version, another type and another moment are entries of their own",
          "[journal]") {
  fakes::SimulatedClock clock;
  ConfigJournal journal(clock);
  const auto take = [&](ResourceType type, const char* version) {
    ConfigJournal::Update(journal, type, version).Added("a");
  };
  take(ResourceType::kEndpoints, "1");
  take(ResourceType::kEndpoints, "2");
  take(ResourceType::kRoutes, "2");
  clock.Advance(event::kMillisecond);
  take(ResourceType::kRoutes, "2");
  CHECK(journal.entries().size() == 4);
}

}  // namespace
}  // namespace remora::server
