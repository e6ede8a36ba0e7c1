// What gRPC says in header fields.

#include <catch2/catch.hpp>

#include "source/http/grpc_status.h"
#include "source/http/grpc_timeout.h"

namespace remora::http {
namespace {

TEST_CASE("gRPC status: what a HTTP status means") {
  const std::pair<uint16_t, int> rows[] = {{400, 13}, {401, 16}, {403, 7},  {404, 12},
                                           {429, 14}, {502, 14}, {503, 14}, {504, 14},
                                           {500, 2},  {413, 2},  {418, 2},  {200, 2}};
  for (const auto& [status, code] : rows) CHECK(static_cast<int>(GrpcCodeOfHttp(status)) == code);
  CHECK(GrpcCodeName(GrpcCode::kDeadlineExceeded) == "DEADLINE_EXCEEDED");
  CHECK(GrpcCodeName(GrpcCode::kLast) == "UNAUTHENTICATED");
}

TEST_CASE("gRPC content types") {
  for (const char* type : {"application/grpc", "application/grpc+proto", "application/grpc+"}) {
    CHECK(IsGrpcContentType(type));
  }
  for (const char* type : {"", "application/grp", "application/grpc-web", "application/grpcx"}) {
    CHECK_FALSE(IsGrpcContentType(type));
  }
}

TEST_CASE("gRPC message: encoded and decoded") {
  const std::pair<std::string, std::string> rows[] = {
      {"plain text ~", "plain text ~"},
      {"100%", "100%25"},
      {"caf\xc3\xa9\n\x7f", "caf%C3%A9%0A%7F"},
      {std::string("\0", 1), "%00"},
  };
  for (const auto& [text, field] : rows) {
    CHECK(EncodeGrpcMessage(text) == field);
    CHECK(DecodeGrpcMessage(field) == text);
  }
  CHECK(DecodeGrpcMessage("%e2%82%ac %zz %4") == "\xe2\x82\xac %zz %4");
}

TEST_CASE("grpc-timeout: more than there is counts as very long") {
  const event::Duration longest = *ParseGrpcTimeout("99999999H");
  CHECK(longest > event::kSecond * 365 * 24 * 3600 * 50);
  CHECK(longest < INT64_MAX / 2);
  CHECK(*ParseGrpcTimeout("8H") == 8 * 3600 * event::kSecond);
}

TEST_CASE("grpc-timeout: as it is written, and read again") {
  const std::pair<event::Duration, std::string> rows[] = {
      {event::kMillisecond, "1m"},
      {1, "1m"},
      {1500 * event::kMillisecond, "1500m"},
      {99'999'999 * event::kMillisecond, "99999999m"},
      {100'000 * event::kSecond, "100000S"},
      {500'000'000 * event::kSecond, "8333334M"},
      {event::kSecond * 9'000'000'000, "2500000H"},
  };
  for (const auto& [timeout, text] : rows) {
    CHECK(FormatGrpcTimeout(timeout) == text);
    CHECK(ParseGrpcTimeout(text).has_value());
  }
}

}  // namespace
}  // namespace remora::http
