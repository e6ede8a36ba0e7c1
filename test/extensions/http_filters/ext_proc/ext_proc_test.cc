// The filter where no service answers, and its configuration; with a service it is tested in
// test/integration/grpc.

#include "source/extensions/http_filters/ext_proc/ext_proc.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/filters/http/ext_proc/v3/ext_proc.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

const std::string kService = "grpc_service { envoy_grpc { cluster_name: 'proc' } } ";

config::Registry Registry() {
  config::Registry registry;
  registry.AddHttpFilter<ExtProc>();
  return registry;
}

route::FilterOverride Route(const std::string& text) {
  std::string errors;
  auto override = fakes::ParseOverride(Registry(), "proc",
                                       fakes::ProtoFromText<ExtProc::RouteProto>(text), errors);
  CHECK(errors.empty());
  return override;
}

std::string Mode(const std::string& text) { return "processing_mode { " + text + " } "; }

// One exchange with a filter whose cluster is not there.
struct World : fakes::ChainWorld {
  explicit World(const std::string& config, fakes::RouteLevels levels = {},
                 http::Framing framing = http::Framing::kStreamed, uint64_t limit = 10)
      : ChainWorld(limit) {
    std::string errors;
    AddWithState(fakes::ParseFilter(
        Registry(), "proc", fakes::ProtoFromText<ExtProc::Proto>(kService + config), errors));
    CHECK(errors.empty());
    UseRoutes(fakes::OneRoute(std::move(levels)));
    MakeRequest("POST", "/").framing = framing;
    upstream.with_fields = downstream.with_fields = true;
    Start();
  }
  std::string Later() {
    Turn();
    Turn();
    return Take();
  }
  uint64_t Count(const std::string& name) { return Stat("http.test.ext_proc." + name); }
};

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("ext_proc: without a service exchanges fail") {
  World world("", {}, http::Framing::kNone);
  world.Request();
  CHECK(world.Take() == "codec:pause(filter)");
  CHECK(Has(world.Later(), "down:head(500 content-length=0)"));
  CHECK(world.upstream.heads == 0);
  CHECK(world.Count("streams_started") == 1);
  CHECK(world.Count("streams_failed") == 1);
  CHECK(world.Count("immediate_responses_sent") == 1);
  CHECK(world.info.flags.ToString() == "-");
  CHECK(Has(std::string(world.info.response_code_details), "ext_proc_error_gRPC_error_14{"));
  World status("status_on_error { code: BadGateway }");
  status.Request("body");
  CHECK(Has(status.Later(), "down:head(502"));
  World no_error("status_on_error { code: OK }");
  no_error.Request("body");
  CHECK(Has(no_error.Later(), "down:head(500"));
}

TEST_CASE("ext_proc: or go on whole, whatever was kept") {
  for (const char* mode : {"NONE", "STREAMED", "BUFFERED", "BUFFERED_PARTIAL"}) {
    for (const char* head : {"SEND", "SKIP"}) {
      INFO(mode << " " << head);
      World world("failure_mode_allow: true " +
                  Mode("request_header_mode: " + std::string(head) +
                       " request_trailer_mode: SEND request_body_mode: " + mode));
      world.RequestHead();
      world.RequestData("abc");
      world.RequestData("def");
      world.RequestEnd({{"x-t", "1"}});
      std::string text = world.Take() + world.Later();
      std::string body;
      for (size_t at = text.find("up:data("); at != std::string::npos;
           at = text.find("up:data(", at + 1)) {
        body += text.substr(at + 8, text.find(')', at) - at - 8);
      }
      CHECK(body == "abcdef");
      CHECK(Has(text, "up:head(POST /"));
      CHECK(Has(text, "up:end(x-t=1)"));
      CHECK(text.find("up:head") < text.find("up:data"));
      CHECK(text.rfind("up:data") < text.find("up:end"));
      CHECK(world.Count("failure_mode_allowed") == 1);
      world.MakeResponse(200);
      world.Response(200, "hi");
      CHECK(Has(world.Later(), "down:data(hi) down:end"));
      CHECK(world.Count("streams_started") == 1);
    }
  }
}

TEST_CASE("ext_proc: what is not to be sent passes at once") {
  const std::string nothing = Mode("request_header_mode: SKIP response_header_mode: SKIP");
  World world(nothing);
  world.Request("body");
  CHECK(world.Take() == "up:head(POST /) up:data(body) up:end");
  world.Response(200, "hi");
  CHECK(world.Take() == "down:head(200) down:data(hi) down:end");
  CHECK(world.Count("streams_started") == 0);
  World disabled("", {.route = {Route("disabled: true")}});
  disabled.Request("body");
  CHECK(disabled.Take() == "up:head(POST /) up:data(body) up:end");
}

TEST_CASE("ext_proc: levels of routes are put together") {
  const std::string skip = "overrides { processing_mode { request_header_mode: SKIP } }";
  const auto outcome = [](fakes::RouteLevels levels) {
    World world("", std::move(levels), http::Framing::kNone);
    world.Request();
    return world.Take();
  };
  CHECK(outcome({.virtual_host = {Route(skip)}}) == "up:head(POST /) up:end");
  // A level that says something else leaves the mode as it is.
  CHECK(outcome({.virtual_host = {Route(skip)},
                 .route = {Route("overrides { failure_mode_allow { value: true } }")}}) ==
        "up:head(POST /) up:end");
  // A more specific one enables the filter again.
  CHECK(outcome({.virtual_host = {Route("disabled: true")}, .route = {Route("overrides {}")}}) ==
        "codec:pause(filter)");
  CHECK(outcome({.virtual_host = {Route(skip)}, .route = {Route("disabled: true")}}) ==
        "up:head(POST /) up:end");
}

TEST_CASE("ext_proc: a body that is collected is held to its limit") {
  World whole(Mode("request_body_mode: BUFFERED response_header_mode: SKIP"));
  whole.RequestHead();
  whole.RequestData("1234567890");
  CHECK(whole.Take().empty());
  whole.RequestData("1");
  const std::string text = whole.Take();
  CHECK(Has(text, "down:head(413"));
  World part(Mode("request_header_mode: SKIP request_body_mode: BUFFERED_PARTIAL"));
  part.RequestHead();
  CHECK(part.Take() == "up:head(POST /)");
  part.RequestData("1234567890");
  CHECK(part.Take().empty());
  part.RequestData("1");
  CHECK(part.Take() == "codec:pause(filter)");
  World streamed(Mode("request_header_mode: SKIP request_body_mode: STREAMED"));
  streamed.RequestHead();
  streamed.RequestData("1234567890");
  CHECK(streamed.Take() == "up:head(POST /)");
  streamed.RequestData("1");
  CHECK(streamed.Take() == "codec:pause(filter)");
  CHECK(streamed.Count("stream_msgs_sent") == 2);
}

TEST_CASE("ext_proc: a tunnel is not collected, since it has no end") {
  for (const char* mode : {"BUFFERED", "BUFFERED_PARTIAL"}) {
    World world(Mode("request_header_mode: SKIP response_header_mode: SKIP request_body_mode: " +
                     std::string(mode)),
                {}, http::Framing::kTunnel);
    world.RequestHead();
    CHECK(world.upstream.heads == 1);
    world.RequestData("longer than the limit of ten");
    CHECK(world.upstream.body == "longer than the limit of ten");
    CHECK(world.Count("streams_started") == 0);
  }
}

TEST_CASE("ext_proc: pieces of a streamed body are bounded, however small they are") {
  World world(Mode("request_header_mode: SKIP request_body_mode: STREAMED"), {},
              http::Framing::kStreamed, 1'000'000);
  world.RequestHead();
  for (size_t i = 1; i < ProcessedMessage::kMaxPieces; ++i) world.RequestData("1");
  CHECK(world.Take() == "up:head(POST /)");
  world.RequestData("1");
  CHECK(world.Take() == "codec:pause(filter)");
}

TEST_CASE("ext_proc: a response that is collected is held to its limit") {
  World world(
      Mode("request_header_mode: SKIP response_header_mode: SKIP response_body_mode: "
           "BUFFERED"));
  world.Request("body");
  world.Take();
  world.ResponseHead();
  world.ResponseData("12345678901");
  // Its head has gone.
  CHECK(Has(world.Take(), "down:reset"));
}

TEST_CASE("ext_proc: the length of what may change is not told") {
  World world(
      Mode("request_header_mode: SKIP response_header_mode: SKIP response_body_mode: "
           "STREAMED"));
  world.Request("body");
  world.Take();
  http::ResponseHead& head = world.MakeResponse(200, {{"content-length", "5"}});
  head.framing = http::Framing::kLength;
  head.length = 5;
  world.ResponseHead(head);
  CHECK(world.Take() == "down:head(200)");
  CHECK(head.framing == http::Framing::kStreamed);
}

TEST_CASE("ext_proc: the client goes while the service is asked") {
  World world("");
  world.Request("body");
  world.RequestReset();
  world.Later();
  CHECK(world.upstream.heads == 0);
  CHECK(world.Count("streams_failed") == 0);
  CHECK(world.Count("streams_closed") == 1);
}

TEST_CASE("ext_proc: answers of other filters are processed, too") {
  World world(Mode("request_header_mode: SKIP"));
  world.Request("body");
  world.Take();
  world.terminal();
  world.ResponseHead(404);
  world.Take();
  CHECK(Has(world.Later(), "down:head(500"));
  CHECK(world.Count("stream_msgs_sent") == 1);
}

TEST_CASE("ext_proc: in observability mode everything passes") {
  World world("failure_mode_allow: true observability_mode: true " +
              Mode("request_body_mode: STREAMED request_trailer_mode: SEND"));
  world.RequestHead();
  world.RequestData("abc");
  world.RequestEnd({{"x-t", "1"}});
  CHECK(world.Take() == "up:head(POST /) up:data(abc) up:end(x-t=1)");
  CHECK(world.Count("stream_msgs_sent") == 3);
  // Not without end: a service that does not take it slows the exchange down.
  World slow("observability_mode: true " + Mode("request_body_mode: STREAMED"), {},
             http::Framing::kStreamed, 1000);
  slow.RequestHead();
  slow.RequestData("abc");
  CHECK(Has(slow.Take(), "up:data(abc)"));
}

TEST_CASE("ext_proc: what is wrong is named") {
  const auto errors = [](const std::string& text) {
    std::string found;
    fakes::ParseFilter(Registry(), "proc", fakes::ProtoFromText<ExtProc::Proto>(text), found);
    return found;
  };
  CHECK(errors("") == "filter.grpc_service: is required\n");
  CHECK(errors("grpc_service {}") == "filter.grpc_service: envoy_grpc is required\n");
  CHECK(errors("grpc_service { google_grpc { target_uri: 'x' stat_prefix: 'y' } }") ==
        "filter.grpc_service.google_grpc: not supported: only sources of configuration can be "
        "called so; use envoy_grpc\n");
  CHECK(errors(kService + "request_attributes: 'request.path' response_attributes: 'x.y'") ==
        "filter.response_attributes[0]: not supported: attribute \"x.y\"\n");
  CHECK(errors(kService + "disable_clear_route_cache: true route_cache_action: CLEAR") ==
        "filter.route_cache_action: excludes disable_clear_route_cache\n");
  CHECK(errors(kService + "mutation_rules { allow_expression { regex: '(' } }")
            .rfind("filter.mutation_rules.allow_expression", 0) == 0);
  CHECK(errors(kService +
               "forward_rules { allowed_headers { patterns { safe_regex { regex: '(' } } "
               "} }")
            .rfind("filter.forward_rules.allowed_headers.patterns[0]", 0) == 0);
  std::string found;
  fakes::ParseOverride(Registry(), "proc",
                       fakes::ProtoFromText<ExtProc::RouteProto>(
                           "overrides { grpc_initial_metadata { key: 'a b' value: 'c' } }"),
                       found);
  CHECK(found == "route.overrides.grpc_initial_metadata[0]: is no header field\n");
}

TEST_CASE("ext_proc: attributes that are known") {
  const std::vector<std::string> names = {"request.path", "request.url_path", "request.query",
                                          "source.port",  "response.code",    "xds.route_name",
                                          "connection.id"};
  config::ErrorList errors;
  config::ConfigContext context(errors, "filter");
  CHECK(ParseAttributes(names, "request_attributes", context).size() == names.size());
  CHECK(errors.ToString().empty());
}

}  // namespace
}  // namespace remora::extensions
