#include <catch2/catch.hpp>

#include "source/runtime/value.h"
#include "test/admin/admin_world.h"

namespace remora::admin {
namespace {

TEST_CASE("Runtime shows what counts and what each layer says") {
  AdminWorld world;
  CHECK(world.Body("/runtime") == "{\n \"layers\": [],\n \"entries\": {}\n}\n");
  runtime::Snapshot::Values base;
  base["b"] = runtime::ReadValue("1");
  base["a\"<"] = runtime::ReadValue("x");
  runtime::Snapshot::Values admin;
  admin["b"] = runtime::ReadValue("2");
  world.runtime = std::make_shared<const runtime::Snapshot>(
      std::vector<runtime::Snapshot::Layer>{{"static_layer_0", base}, {"admin", admin}});
  const Answer answer = world.Get("/runtime");
  CHECK(answer.type == "application/json");
  CHECK(answer.body == R"({
 "layers": [
  "static_layer_0",
  "admin"
 ],
 "entries": {
  "a\"\u003c": {
   "final_value": "x",
   "layer_values": [
    "x",
    ""
   ]
  },
  "b": {
   "final_value": "2",
   "layer_values": [
    "1",
    "2"
   ]
  }
 }
}
)");
}

TEST_CASE("Runtime values are changed by query or form") {
  AdminWorld world;
  CHECK(world.Get("/runtime_modify?a=1").status == 405);
  CHECK(world.Post("/runtime_modify?a=1&b=").body == "OK\n");
  CHECK(world.Post("/runtime_modify", "c=x%20y").body == "OK\n");
  CHECK(world.runtime_changes == std::vector<Parameters>{{{"a", "1"}, {"b", ""}}, {{"c", "x y"}}});
  const Answer usage = world.Post("/runtime_modify");
  CHECK(usage.status == 400);
  CHECK(usage.body ==
        "usage: /runtime_modify?key1=value1&key2=value2&keyN=valueN\n"
        "       or send the parameters as form values\n"
        "use an empty value to remove a previously added override");
  world.runtime_status = absl::InvalidArgumentError("No admin layer specified");
  const Answer refused = world.Post("/runtime_modify?a=1");
  CHECK(refused.status == 503);
  CHECK(refused.body == "No admin layer specified");
}

}  // namespace
}  // namespace remora::admin
