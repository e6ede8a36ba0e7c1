// The router's configuration; what it does is tested in test/http/router and test/integration.

#include "source/extensions/http_filters/router/router.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

TEST_CASE("router: its configuration") {
  config::ErrorList errors;
  config::ConfigContext context(errors, "router");
  CHECK_FALSE(Router::Parse({}, context)->suppress_envoy_headers);
  CHECK(Router::Parse(fakes::ProtoFromText<Router::Proto>("suppress_envoy_headers: true"), context)
            ->suppress_envoy_headers);
  CHECK(errors.empty());
}

TEST_CASE("router: is terminal and keeps statistics a worker") {
  config::Registry registry;
  registry.AddHttpFilter<Router>();
  std::string errors;
  const http::FilterFactory factory =
      fakes::ParseFilter(registry, "router", Router::Proto(), errors);
  CHECK(errors.empty());
  CHECK(factory.terminal);
  CHECK(factory.create_worker_state != nullptr);
  CHECK(registry.http_filters()[0].route_type_name.empty());
}

}  // namespace
}  // namespace remora::extensions
