// The configuration of access logs that go to a service.

#include "source/extensions/access_loggers/grpc/grpc_log.h"

#include <catch2/catch.hpp>

#include "envoy/extensions/access_loggers/grpc/v3/als.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

TEST_CASE("gRPC access log: its configuration, and what is refused") {
  config::ErrorList errors;
  config::ConfigContext context(errors, "");
  const auto parse = [&context](const std::string& text) {
    return HttpGrpcLog::Parse(fakes::ProtoFromText<HttpGrpcLog::Proto>(text), context);
  };
  const auto full = parse(
      "common_config { log_name: 'l' buffer_flush_interval { seconds: 3 } "
      "buffer_size_bytes { value: 9 } grpc_service { timeout { seconds: 5 } "
      "envoy_grpc { cluster_name: 'c' authority: 'a' skip_envoy_headers: true "
      "max_receive_message_length { value: 10 } } "
      "initial_metadata { key: 'X-Token' value: 't' } } }");
  REQUIRE(errors.empty());
  const GrpcLogSettings& settings = static_cast<const GrpcLog&>(*full).settings();
  CHECK(settings.flush_interval == 3 * event::kSecond);
  CHECK(settings.buffer_bytes == 9);
  CHECK(settings.service.cluster == "c");
  CHECK(settings.service.authority == "a");
  CHECK_FALSE(settings.service.envoy_fields);
  CHECK(settings.service.max_message_bytes == 10);
  CHECK(settings.service.initial_metadata.at(0).first == "x-token");
  CHECK(settings.service.timeout == 0);

  const std::string plain =
      "common_config { log_name: 'l' grpc_service { envoy_grpc { cluster_name: 'c' } } }";
  CHECK(parse(plain)->destination() == parse(plain)->destination());
  CHECK(parse(plain)->destination() != full->destination());
  CHECK(static_cast<const GrpcLog&>(*parse(plain)).settings().buffer_bytes == 16'384);

  CHECK(parse("common_config { log_name: 'l' grpc_service { envoy_grpc { cluster_name: 'c' } "
              "initial_metadata { key: 'a b' value: 't' } } }") == nullptr);
  REQUIRE(errors.size() == 1);
  CHECK(errors.errors()[0].path == "common_config.grpc_service.initial_metadata[0]");
}

}  // namespace
}  // namespace remora::extensions
