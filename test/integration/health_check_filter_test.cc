// The health check filter and the flag that an operator sets.

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/health_check/v3/health_check.pb.h"
#include "source/extensions/registry.h"
#include "test/fakes/extension_world.h"
#include "test/harness/harness.h"

namespace remora::harness {
namespace {

http::FilterFactory HealthCheckFilter() {
  using Proto = envoy::extensions::filters::http::health_check::v3::HealthCheck;
  config::Registry registry;
  extensions::RegisterAll(registry);
  std::string errors;
  http::FilterFactory factory = fakes::ParseFilter(
      registry, "health_check",
      fakes::ProtoFromText<Proto>("pass_through_mode { value: false } headers { name: ':path' "
                                  "string_match { exact: '/healthz' } }"),
      errors);
  REQUIRE(errors.empty());
  return factory;
}

TEST_CASE("After /healthcheck/fail health checks are 503 and other answers say so") {
  Harness h;
  h.DirectResponse("/", 200, "page");
  h.Filter(HealthCheckFilter());
  h.Start();
  REQUIRE(h.Connect().Get("/healthz").status == 200);
  REQUIRE(h.AdminPost("/healthcheck/fail").status == 200);
  const Message failed = h.Connect().Get("/healthz");
  REQUIRE(failed.status == 503);
  REQUIRE_FALSE(failed.Has("x-envoy-immediate-health-check-fail"));
  const Message page = h.Connect().Get("/");
  REQUIRE(page.status == 200);
  REQUIRE(page.Get("x-envoy-immediate-health-check-fail") == "true");
  REQUIRE(h.AdminPost("/healthcheck/ok").status == 200);
  REQUIRE(h.Connect().Get("/healthz").status == 200);
  REQUIRE_FALSE(h.Connect().Get("/").Has("x-envoy-immediate-health-check-fail"));
  // Health checks are no traffic: the pages alone are counted.
  REQUIRE(h.Stat("http.ingress.tracing.health_check") == 3);
  REQUIRE(h.Stat("http.ingress.downstream_rq_2xx") == 2);
  REQUIRE(h.Stat("http.ingress.downstream_rq_5xx") == 0);
}

}  // namespace
}  // namespace remora::harness
