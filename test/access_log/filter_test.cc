#include "source/access_log/filter.h"

#include <catch2/catch.hpp>

#include "source/access_log/logger.h"
#include "source/base/arena.h"

namespace remora::access_log {
namespace {

struct World {
  bool Passes(const Filter& filter) {
    formatter::Exchange exchange{info};
    exchange.request = &request;
    exchange.log_type = type;
    return filter.Passes(exchange, {runtime, random});
  }

  base::ArenaPool pool;
  base::Arena arena{pool};
  http::RequestHead request{arena};
  http::StreamInfo info;
  formatter::LogType type = formatter::LogType::kDownstreamEnd;
  runtime::Snapshot runtime;
  base::Random random{7};
};

Filter Of(Filter::Kind kind) {
  Filter filter;
  filter.kind = kind;
  return filter;
}

Filter Compare(Filter::Kind kind, Filter::Comparison comparison, uint64_t value) {
  Filter filter = Of(kind);
  filter.comparison = comparison;
  filter.value = value;
  return filter;
}

runtime::Snapshot With(const std::string& key, double number) {
  runtime::Value value;
  value.text = "x";
  value.number = number;
  return runtime::Snapshot({{"l", {{key, value}}}});
}

TEST_CASE("status codes and durations compare") {
  World world;
  using C = Filter::Comparison;
  const auto status = [&](C comparison, uint64_t value) {
    return world.Passes(Compare(Filter::Kind::kStatusCode, comparison, value));
  };
  CHECK(status(C::kEqual, 0));
  world.info.response_code = 500;
  CHECK(status(C::kEqual, 500));
  CHECK_FALSE(status(C::kEqual, 501));
  CHECK(status(C::kAtLeast, 500));
  CHECK_FALSE(status(C::kAtLeast, 501));
  CHECK(status(C::kAtMost, 500));
  CHECK_FALSE(status(C::kAtMost, 499));
  const auto duration = [&](C comparison, uint64_t value) {
    return world.Passes(Compare(Filter::Kind::kDuration, comparison, value));
  };
  CHECK_FALSE(duration(C::kAtLeast, 0));  // it has none
  world.info.start = 1;
  world.info.end = 5 * event::kMillisecond + 1;
  CHECK(duration(C::kEqual, 5));
  CHECK_FALSE(duration(C::kAtLeast, 6));
  Filter overridden = Compare(Filter::Kind::kStatusCode, C::kAtLeast, 600);
  overridden.runtime_key = "k";
  CHECK_FALSE(world.Passes(overridden));
  world.runtime = With("k", 400);
  CHECK(world.Passes(overridden));
}

TEST_CASE("sampling goes by the request id, or by lot") {
  World world;
  Filter filter = Of(Filter::Kind::kRuntime);
  filter.fraction = {"k", {50, 100}};
  world.request.headers.Add("x-request-id", "00000031-828d-4cef-8951-b5b650114098");  // 49
  CHECK(world.Passes(filter));
  world.request.headers.Set("x-request-id", "00000032-828d-4cef-8951-b5b650114098");  // 50
  CHECK_FALSE(world.Passes(filter));
  world.runtime = With("k", 51);
  CHECK(world.Passes(filter));
  world.runtime = With("k", 0);
  CHECK_FALSE(world.Passes(filter));
  world.runtime = runtime::Snapshot();
  filter.independent = true;
  int passed = 0;
  for (int i = 0; i < 1000; ++i) passed += world.Passes(filter);
  CHECK(passed > 400);
  CHECK(passed < 600);
}

TEST_CASE("the other conditions") {
  World world;
  CHECK(world.Passes(Of(Filter::Kind::kNotHealthCheck)));
  world.info.health_check = true;
  CHECK_FALSE(world.Passes(Of(Filter::Kind::kNotHealthCheck)));
  CHECK_FALSE(world.Passes(Of(Filter::Kind::kNever)));

  Filter flags = Of(Filter::Kind::kResponseFlag);
  CHECK_FALSE(world.Passes(flags));
  world.info.flags.Set(http::ResponseFlag::kUpstreamConnectionFailure);
  CHECK(world.Passes(flags));
  flags.flags = 1u << static_cast<unsigned>(http::ResponseFlag::kNoRouteFound);
  CHECK_FALSE(world.Passes(flags));
  flags.flags |= 1u << static_cast<unsigned>(http::ResponseFlag::kUpstreamConnectionFailure);
  CHECK(world.Passes(flags));

  Filter grpc = Of(Filter::Kind::kGrpcStatus);
  grpc.grpc = 1u << 2;
  CHECK(world.Passes(grpc));  // none was sent: unknown
  world.info.response_code = 404;
  CHECK_FALSE(world.Passes(grpc));
  grpc.exclude = true;
  CHECK(world.Passes(grpc));

  Filter type = Of(Filter::Kind::kLogType);
  type.types = 1u << static_cast<unsigned>(formatter::LogType::kDownstreamEnd);
  CHECK(world.Passes(type));
  world.type = formatter::LogType::kDownstreamStart;
  CHECK_FALSE(world.Passes(type));
  type.exclude = true;
  CHECK(world.Passes(type));

  Filter header = Of(Filter::Kind::kHeader);
  header.header = [](const http::RequestHead& head) { return head.path == "/a"; };
  CHECK_FALSE(world.Passes(header));
  world.request.path = "/a";
  CHECK(world.Passes(header));
  header.header_without_request = true;
  CHECK(header.Passes(formatter::Exchange{world.info}, {world.runtime, world.random}));
}

TEST_CASE("and, or") {
  World world;
  const Filter yes = Of(Filter::Kind::kNotHealthCheck);
  const Filter no = Of(Filter::Kind::kNever);
  Filter both = Of(Filter::Kind::kAnd);
  both.children = {yes, no};
  CHECK_FALSE(world.Passes(both));
  both.children = {yes, yes};
  CHECK(world.Passes(both));
  Filter any = Of(Filter::Kind::kOr);
  any.children = {no, no};
  CHECK_FALSE(world.Passes(any));
  any.children = {no, yes};
  CHECK(world.Passes(any));
}

TEST_CASE("the default format is Envoy's") {
  CHECK(std::string(kDefaultFormat) ==
        "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" "
        "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
        "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
        "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n");
}

}  // namespace
}  // namespace remora::access_log
