// From all the ways in which a call can end to one status.

#include <catch2/catch.hpp>

#include "source/grpc/status.h"

namespace remora::grpc {
namespace {

using http::ErrorKind;
using http::Side;

std::string Read(std::string_view status, std::string_view message) {
  base::ArenaPool pool;
  base::Arena arena(pool);
  http::HeaderMap fields(arena);
  if (!status.empty()) fields.Set(http::HeaderId::kGrpcStatus, status);
  if (!message.empty()) fields.Set(http::HeaderId::kGrpcMessage, message);
  return ReadStatus(fields).ToString();
}

TEST_CASE("gRPC status: as a server writes it") {
  CHECK(Read("0", "") == "OK");
  CHECK(Read("14", "down") == "UNAVAILABLE: down");
  CHECK(Read("16", "caf%C3%A9 100%25") == "UNAUTHENTICATED: caf\xc3\xa9 100%");
  CHECK(Read("17", "what") == "UNKNOWN: what");
  CHECK(Read("-1", "") == "UNKNOWN");
  CHECK(Read("zero", "") == "UNKNOWN");
  CHECK(Read("", "x") == "UNKNOWN: the response has no grpc-status");
}

TEST_CASE("gRPC status: of responses that are none of gRPC") {
  CHECK(StatusOfHttp(401).ToString() == "UNAUTHENTICATED: HTTP status 401");
  CHECK(StatusOfHttp(404).ToString() == "UNIMPLEMENTED: HTTP status 404");
  CHECK(StatusOfHttp(503).ToString() == "UNAVAILABLE: HTTP status 503");
  CHECK(StatusOfHttp(500).ToString() == "UNKNOWN: HTTP status 500");
}

TEST_CASE("gRPC status: of exchanges that fail") {
  const auto of = [](ErrorKind kind, bool began, std::string_view detail = {}) {
    return StatusOfError({Side::kUpstream, kind, detail}, began).ToString();
  };
  CHECK(of(ErrorKind::kRouteTimeout, false) == "DEADLINE_EXCEEDED: the deadline has passed");
  CHECK(of(ErrorKind::kRouteTimeout, true) == "DEADLINE_EXCEEDED: the deadline has passed");
  CHECK(of(ErrorKind::kNoHealthyHost, false) == "UNAVAILABLE: no healthy upstream");
  CHECK(of(ErrorKind::kConnectFailure, false, "ECONNREFUSED") ==
        "UNAVAILABLE: upstream connect error or disconnect/reset before headers. reset reason: "
        "remote connection failure: ECONNREFUSED");
  CHECK(of(ErrorKind::kConnectionTermination, true) == "UNAVAILABLE: connection termination");
  CHECK(of(ErrorKind::kRemoteReset, true) == "INTERNAL: remote reset");
  CHECK(of(ErrorKind::kProtocolError, false).starts_with("INTERNAL: "));
}

}  // namespace
}  // namespace remora::grpc
