// The filter where no service answers, and its configuration; with a service it is tested in
// test/integration/grpc.

#include "source/extensions/http_filters/ext_authz/ext_authz.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

const std::string kService = "grpc_service { envoy_grpc { cluster_name: 'authz' } } ";

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<ExtAuthz>();
  return registry;
}

route::FilterOverride Route(const std::string& text) {
  std::string errors;
  auto override = fakes::ParseOverride(Registry(), "authz",
                                       fakes::ProtoFromText<ExtAuthz::RouteProto>(text), errors);
  CHECK(errors.empty());
  return override;
}

// One request to a filter whose cluster is not there.
struct World : fakes::ChainWorld {
  explicit World(const std::string& config, fakes::RouteLevels levels = {}, bool with_route = true,
                 http::Framing framing = http::Framing::kNone) {
    std::string errors;
    AddWithState(fakes::ParseFilter(Registry(), "authz",
                                    fakes::ProtoFromText<ExtAuthz::Proto>(config), errors));
    CHECK(errors.empty());
    if (with_route) UseRoutes(fakes::OneRoute(std::move(levels)));
    MakeRequest("POST", "/").framing = framing;
    upstream.with_fields = downstream.with_fields = true;
    Start();
  }
  std::string Outcome() {
    Request();
    Turn();
    Turn();
    return Take();
  }
  std::string Counts() {
    std::string text;
    for (const char* name : {"ok", "denied", "error", "disabled", "failure_mode_allowed"}) {
      text += std::to_string(Stat("http.test.ext_authz." + std::string(name))) + " ";
    }
    return text;
  }
};

TEST_CASE("ext_authz: without a service requests are refused") {
  World world(kService);
  world.Request();
  CHECK(world.Take() == "codec:pause(filter)");
  world.Turn();
  world.Turn();
  CHECK(world.Take().find("down:head(403 content-length=0)") != std::string::npos);
  CHECK(world.upstream.heads == 0);
  CHECK(world.Counts() == "0 0 1 0 0 ");
  CHECK(world.info.flags.ToString() == "UAEX");
  CHECK(world.info.response_code_details == "ext_authz_error");
}

TEST_CASE("ext_authz: or with the configured status, or not") {
  World status(kService + "status_on_error { code: ServiceUnavailable }");
  CHECK(status.Outcome().find("down:head(503") != std::string::npos);
  World allowed(kService + "failure_mode_allow: true");
  CHECK(allowed.Outcome().find("up:head(POST /) up:end") != std::string::npos);
  CHECK(allowed.Counts() == "0 0 1 0 1 ");
  World told(kService + "failure_mode_allow: true failure_mode_allow_header_add: true");
  CHECK(told.Outcome().find("up:head(POST / x-envoy-auth-failure-mode-allowed=true)") !=
        std::string::npos);
}

TEST_CASE("ext_authz: which requests the service is not asked about") {
  World no_route(kService, {}, false);
  CHECK(no_route.Outcome() == "up:head(POST /) up:end");
  World disabled(kService, {.route = {Route("disabled: true")}});
  CHECK(disabled.Outcome() == "up:head(POST /) up:end");
  CHECK(disabled.Counts() == "0 0 0 0 0 ");
  // The most specific level decides.
  World enabled(kService,
                {.virtual_host = {Route("disabled: true")}, .route = {Route("check_settings {}")}});
  CHECK(enabled.Outcome().find("down:head(403") != std::string::npos);
  World share(kService + "filter_enabled { default_value { numerator: 0 } }");
  CHECK(share.Outcome() == "up:head(POST /) up:end");
  CHECK(share.Counts() == "0 0 0 1 0 ");
  World metadata(kService +
                 "filter_enabled_metadata { filter: 'x' path { key: 'y' } value { string_match { "
                 "exact: 'z' } } }");
  CHECK(metadata.Outcome() == "up:head(POST /) up:end");
  World denied(kService +
               "filter_enabled { default_value { numerator: 0 } } deny_at_disable { default_value "
               "{ value: true } }");
  CHECK(denied.Outcome().find("down:head(403 content-length=0)") != std::string::npos);
  CHECK(denied.Counts() == "0 0 0 1 0 ");
}

TEST_CASE("ext_authz: the body is held, to its limit") {
  const std::string body = kService + "with_request_body { max_request_bytes: 5 } ";
  World whole(body, {}, true, http::Framing::kStreamed);
  whole.RequestHead();
  whole.RequestData("12345");
  CHECK(whole.Take().empty());
  whole.RequestEnd();
  CHECK(whole.Take() == "codec:pause(filter)");
  World longer(body + "failure_mode_allow: true", {}, true, http::Framing::kStreamed);
  longer.RequestHead();
  longer.RequestData("123456");
  CHECK(longer.Take().find("down:head(413") != std::string::npos);
  World without(body, {.route = {Route("check_settings { disable_request_body_buffering: true }")}},
                true, http::Framing::kStreamed);
  without.RequestHead();
  CHECK(without.Take() == "codec:pause(filter)");
  World partial(kService,
                {.route = {Route("check_settings { with_request_body { "
                                 "max_request_bytes: 5 allow_partial_message: true } }")}},
                true, http::Framing::kStreamed);
  partial.RequestHead();
  partial.RequestData("1234");
  CHECK(partial.Take().empty());
  partial.RequestData("567");
  CHECK(partial.Take() == "codec:pause(filter)");
  partial.RequestEnd();
}

TEST_CASE("ext_authz: a held body goes on whole") {
  World world(kService +
                  "failure_mode_allow: true with_request_body { max_request_bytes: 5 "
                  "allow_partial_message: true }",
              {}, true, http::Framing::kStreamed);
  world.RequestHead();
  world.RequestData("123");
  world.RequestData("456");
  world.RequestData("789");
  world.RequestEnd({{"x-t", "1"}});
  world.Take();
  world.Turn();
  world.Turn();
  const std::string text = world.Take();
  CHECK(text.find("up:data(123456) up:data(789) up:end(x-t=1)") != std::string::npos);
}

TEST_CASE("ext_authz: the client goes while the service is asked") {
  World world(kService);
  world.Request();
  world.RequestReset();
  world.Turn();
  world.Turn();
  CHECK(world.upstream.heads == 0);
  CHECK(world.Counts() == "0 0 0 0 0 ");
}

TEST_CASE("ext_authz: what is wrong is named") {
  const auto errors = [](const std::string& text) {
    std::string found;
    fakes::ParseFilter(Registry(), "authz", fakes::ProtoFromText<ExtAuthz::Proto>(text), found);
    return found;
  };
  CHECK(errors("") == "filter.grpc_service: is required, or http_service\n");
  CHECK(errors("grpc_service {}") == "filter.grpc_service: envoy_grpc is required\n");
  CHECK(errors(kService + "allowed_headers { patterns { safe_regex { regex: '(' } } }")
            .rfind("filter.allowed_headers.patterns[0]", 0) == 0);
  std::string found;
  fakes::ParseOverride(Registry(), "authz",
                       fakes::ProtoFromText<ExtAuthz::RouteProto>(
                           "check_settings { disable_request_body_buffering: true "
                           "with_request_body { max_request_bytes: 1 } }"),
                       found);
  CHECK(found ==
        "route.check_settings: with_request_body and disable_request_body_buffering exclude each "
        "other\n");
}

}  // namespace
}  // namespace remora::extensions
