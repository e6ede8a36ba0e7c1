#include <catch2/catch.hpp>

#include "test/harness/harness.h"

namespace remora::harness {
namespace {

TEST_CASE("Runtime values are changed while the server runs") {
  Harness h;
  h.DirectResponse("/", 200, "hi");
  h.Start();
  REQUIRE(h.Admin("/runtime").body == "{\n \"layers\": [\n  \"\"\n ],\n \"entries\": {}\n}\n");
  REQUIRE(h.AdminPost("/runtime_modify?a.b=5&c=x").body == "OK\n");
  REQUIRE(h.Admin("/runtime").body.find("\"a.b\": {\n   \"final_value\": \"5\"") !=
          std::string::npos);
  REQUIRE(h.Stat("runtime.num_keys") == 2);
  REQUIRE(h.Stat("runtime.admin_overrides_active") == 1);
  REQUIRE(h.AdminPost("/runtime_modify?a.b=&c=").body == "OK\n");
  REQUIRE(h.Stat("runtime.num_keys") == 0);
  REQUIRE(h.Connect().Get("/").body == "hi");
}

}  // namespace
}  // namespace remora::harness
