#include "source/extensions/http_filters/ratelimit/limit_answer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "source/config/format_config.h"
#include "source/config/proto_values.h"
#include "source/config/text.h"

namespace remora::extensions {
namespace {

using config::Concat;
using config::ToUtf8;
using envoy::service::ratelimit::v3::RateLimitRequest;
using envoy::service::ratelimit::v3::RateLimitResponse;

// 0: not known.
uint64_t SecondsOf(const RateLimitResponse::RateLimit& limit) {
  // In the order of the enum.
  constexpr uint64_t kHour = 3600;
  constexpr uint64_t kSeconds[] = {0,          1,           60,           kHour,
                                   24 * kHour, 720 * kHour, 8760 * kHour, 168 * kHour};
  const auto unit = static_cast<size_t>(limit.unit());
  if (unit >= std::size(kSeconds)) return 0;
  return kSeconds[unit] * (limit.has_unit_multiplier() ? limit.unit_multiplier().value() : 1);
}

LimitAnswer::Fields ClientFields(const RateLimitResponse& response) {
  const RateLimitResponse::DescriptorStatus* least = nullptr;
  std::string policy;
  for (const auto& status : response.statuses()) {
    if (!status.has_current_limit()) continue;
    if (least == nullptr || status.limit_remaining() < least->limit_remaining()) least = &status;
    const RateLimitResponse::RateLimit& limit = status.current_limit();
    const uint64_t seconds = SecondsOf(limit);
    if (seconds == 0) continue;
    policy += Concat(", ", limit.requests_per_unit(), ";w=", seconds);
    if (!limit.name().empty()) policy += Concat(";name=\"", limit.name(), "\"");
  }
  if (least == nullptr) return {};
  return {{"x-ratelimit-limit", Concat(least->current_limit().requests_per_unit(), policy)},
          {"x-ratelimit-remaining", std::to_string(least->limit_remaining())},
          {"x-ratelimit-reset", std::to_string(least->duration_until_reset().seconds())}};
}

std::optional<int64_t> RetryAfter(const RateLimitResponse& response) {
  std::optional<int64_t> seconds;
  for (const auto& status : response.statuses()) {
    if (status.code() != RateLimitResponse::OVER_LIMIT) continue;
    seconds = std::max(seconds.value_or(1), status.duration_until_reset().seconds());
  }
  return seconds;
}

template <class List>
LimitAnswer::Fields ReadFields(const List& list) {
  LimitAnswer::Fields fields;
  for (const auto& field : list) {
    fields.emplace_back(absl::AsciiStrToLower(field.key()), field.value());
  }
  return fields;
}

}  // namespace

std::string MakeLimitRequest(const std::string& domain,
                             const std::vector<route::RateLimitDescriptor>& descriptors) {
  RateLimitRequest request;
  request.set_domain(domain);
  for (const route::RateLimitDescriptor& descriptor : descriptors) {
    auto& to = *request.add_descriptors();
    for (const route::RateLimitEntry& entry : descriptor.entries) {
      auto& pair = *to.add_entries();
      pair.set_key(std::string(entry.key));
      pair.set_value(ToUtf8(entry.value));
    }
    if (descriptor.limit.has_value()) {
      to.mutable_limit()->set_requests_per_unit(descriptor.limit->requests);
      to.mutable_limit()->set_unit(
          static_cast<envoy::type::v3::RateLimitUnit>(descriptor.limit->unit));
    }
    if (descriptor.hits.has_value()) to.mutable_hits_addend()->set_value(*descriptor.hits);
    to.set_is_negative_hits(descriptor.gives_back);
  }
  return request.SerializeAsString();
}

std::optional<LimitAnswer> ReadLimitAnswer(std::string_view message) {
  RateLimitResponse response;
  if (!response.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return std::nullopt;
  }
  LimitAnswer answer;
  const bool over = response.overall_code() == RateLimitResponse::OVER_LIMIT;
  answer.kind = over ? LimitAnswer::Kind::kOverLimit : LimitAnswer::Kind::kAllowed;
  answer.body = response.raw_body();
  answer.request_fields = ReadFields(response.request_headers_to_add());
  answer.response_fields = ReadFields(response.response_headers_to_add());
  answer.client_fields = ClientFields(response);
  answer.retry_after = RetryAfter(response);
  if (!response.dynamic_metadata().fields().empty()) {
    answer.metadata = config::ToMetadataValue(response.dynamic_metadata());
  }
  return answer;
}

}  // namespace remora::extensions
