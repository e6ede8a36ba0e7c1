#include <catch2/catch.hpp>

#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

TEST_CASE("Health checks fail and pass again when told to") {
  AdminWorld world;
  CHECK(world.Get("/healthcheck/fail").status == 405);
  CHECK(world.Post("/healthcheck/fail").body == "OK\n");
  CHECK(world.Post("/healthcheck/ok").body == "OK\n");
  CHECK(world.health_check_failures == std::vector<bool>{true, false});
}

TEST_CASE("Drain listeners says what to drain, and how") {
  struct Row {
    const char* query;
    bool inbound_only;
    bool graceful;
    bool skip_exit;
  };
  const Row rows[] = {
      {"", false, false, false},
      {"?inboundonly", true, false, false},
      {"?graceful", false, true, false},
      {"?inboundonly&graceful", true, true, false},
      {"?graceful&skip_exit", false, true, true},
      {"?skip_exit", false, true, true},
      {"?inboundonly=&graceful=x&skip_exit=false", true, true, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.query);
    AdminWorld world;
    const Answer answer = world.Post(std::string("/drain_listeners") + row.query);
    CHECK(answer.status == 200);
    CHECK(answer.body == "OK\n");
    REQUIRE(world.drains.size() == 1);
    CHECK(world.drains[0].inbound_only == row.inbound_only);
    CHECK(world.drains[0].graceful == row.graceful);
    CHECK(world.drains[0].skip_exit == row.skip_exit);
  }
}

TEST_CASE("Logs are opened again when asked to") {
  AdminWorld world;
  CHECK(world.Post("/reopen_logs").body == "OK\n");
  CHECK(world.reopened == 1);
}

}  // namespace
}  // namespace remora::admin
