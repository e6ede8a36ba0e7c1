// Messages of the rate limit service in and out. What Envoy 1.40 makes of them was measured.

#include "source/extensions/http_filters/ratelimit/limit_answer.h"

#include <catch2/catch.hpp>

#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "test/fakes/extension_world.h"

namespace remora::extensions {
namespace {

using envoy::service::ratelimit::v3::RateLimitRequest;
using envoy::service::ratelimit::v3::RateLimitResponse;

LimitAnswer Read(const std::string& text) {
  const auto answer =
      ReadLimitAnswer(fakes::ProtoFromText<RateLimitResponse>(text).SerializeAsString());
  REQUIRE(answer.has_value());
  return *answer;
}

// "name=value" of all fields.
std::string Text(const LimitAnswer::Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + "=" + value + " ";
  return text;
}

std::string Status(const std::string& unit, int remaining, const std::string& more = "") {
  return "statuses { code: OK current_limit { requests_per_unit: 10 unit: " + unit + " " + more +
         "} limit_remaining: " + std::to_string(remaining) +
         " duration_until_reset { seconds: " + std::to_string(remaining * 10) + " } } ";
}

TEST_CASE("rate limit request: descriptors as they are") {
  std::vector<route::RateLimitDescriptor> descriptors(2);
  descriptors[0].entries = {{"k", "v"}, {"empty", ""}};
  descriptors[0].hits = 0;
  descriptors[1].entries = {{"bytes", "a\xff"}};
  descriptors[1].gives_back = true;
  descriptors[1].limit = route::RateLimitOverride{42, 3};
  RateLimitRequest request;
  REQUIRE(request.ParseFromString(MakeLimitRequest("d", descriptors)));
  CHECK(request.ShortDebugString() == fakes::ProtoFromText<RateLimitRequest>(R"(
            domain: 'd'
            descriptors {
              entries { key: 'k' value: 'v' } entries { key: 'empty' } hits_addend { value: 0 }
            }
            descriptors {
              entries { key: 'bytes' value: 'a!' } is_negative_hits: true
              limit { requests_per_unit: 42 unit: HOUR }
            })")
                                          .ShortDebugString());
}

TEST_CASE("rate limit answer: the code") {
  CHECK(Read("").kind == LimitAnswer::Kind::kAllowed);
  CHECK(Read("overall_code: OK").kind == LimitAnswer::Kind::kAllowed);
  CHECK(Read("overall_code: OVER_LIMIT").kind == LimitAnswer::Kind::kOverLimit);
  RateLimitResponse unknown;
  unknown.set_overall_code(static_cast<RateLimitResponse::Code>(7));
  CHECK(ReadLimitAnswer(unknown.SerializeAsString())->kind == LimitAnswer::Kind::kAllowed);
  CHECK_FALSE(ReadLimitAnswer("\xff\xff").has_value());
}

TEST_CASE("rate limit answer: fields, body and metadata") {
  const LimitAnswer answer = Read(R"(
      response_headers_to_add { key: 'X-Told' value: '1' }
      response_headers_to_add { key: 'x-told' value: '2' }
      request_headers_to_add { key: 'X-New' value: '3' }
      raw_body: 'no'
      dynamic_metadata { fields { key: 'k' value { string_value: 'v' } } })");
  CHECK(Text(answer.response_fields) == "x-told=1 x-told=2 ");
  CHECK(Text(answer.request_fields) == "x-new=3 ");
  CHECK(answer.body == "no");
  CHECK(answer.metadata.fields.at("k").text == "v");
  CHECK(Read("").metadata.kind == http::MetadataValue::Kind::kNull);
}

TEST_CASE("rate limit answer: what the client is told is the tightest limit, and all of them") {
  CHECK(Text(Read("").client_fields).empty());
  CHECK(Text(Read("statuses { code: OK limit_remaining: 1 }").client_fields).empty());
  CHECK(Text(Read(Status("MINUTE", 7, "name: 'per-minute' ") + Status("HOUR", 6) +
                  Status("UNKNOWN", 6) + "statuses { code: OK }")
                 .client_fields) ==
        "x-ratelimit-limit=10, 10;w=60;name=\"per-minute\", 10;w=3600 x-ratelimit-remaining=6 "
        "x-ratelimit-reset=60 ");
  CHECK(Text(Read(Status("SECOND", 9) + Status("DAY", 8) + Status("MONTH", 7) + Status("YEAR", 6) +
                  Status("WEEK", 5) + Status("MINUTE", 4, "unit_multiplier { value: 5 } "))
                 .client_fields)
            .rfind("x-ratelimit-limit=10, 10;w=1, 10;w=86400, 10;w=2592000, 10;w=31536000, "
                   "10;w=604800, 10;w=300 ",
                   0) == 0);
}

TEST_CASE("rate limit answer: when to come back is when the last of those over the limit is") {
  const auto over = [](int seconds) {
    return "statuses { code: OVER_LIMIT duration_until_reset { seconds: " +
           std::to_string(seconds) + " } } ";
  };
  CHECK_FALSE(Read(Status("MINUTE", 1)).retry_after.has_value());
  CHECK(Read(over(33) + over(44) + Status("MINUTE", 9)).retry_after == 44);
  CHECK(Read(over(0)).retry_after == 1);
  CHECK(Read("statuses { code: OVER_LIMIT }").retry_after == 1);
}

}  // namespace
}  // namespace remora::extensions
