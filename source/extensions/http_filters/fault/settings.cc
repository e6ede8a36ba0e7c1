#include "source/extensions/http_filters/fault/settings.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "source/config/extension_values.h"
#include "source/config/text.h"

namespace remora::extensions {
namespace {

using DelayProto = envoy::extensions::filters::common::fault::v3::FaultDelay;
using LimitProto = envoy::extensions::filters::common::fault::v3::FaultRateLimit;
using AbortProto = envoy::extensions::filters::http::fault::v3::FaultAbort;
using config::ParseFraction;

constexpr std::string_view kDelay = "x-envoy-fault-delay-request";
constexpr std::string_view kDelayShare = "x-envoy-fault-delay-request-percentage";
constexpr std::string_view kAbort = "x-envoy-fault-abort-request";
constexpr std::string_view kAbortGrpc = "x-envoy-fault-abort-grpc-request";
constexpr std::string_view kAbortShare = "x-envoy-fault-abort-request-percentage";
constexpr std::string_view kThroughput = "x-envoy-fault-throughput-response";
constexpr std::string_view kThroughputShare = "x-envoy-fault-throughput-response-percentage";

// The first field of that name as a number; what is none counts as absent.
std::optional<uint64_t> NumberIn(const http::RequestHead& head, std::string_view name) {
  const http::HeaderEntry* entry = head.headers.Find(name);
  uint64_t number = 0;
  if (entry == nullptr || !absl::SimpleAtoi(config::ToAbsl(entry->value()), &number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<FaultSettings::Delay> ParseDelay(const DelayProto& proto,
                                               config::ConfigContext& context) {
  FaultSettings::Delay delay;
  delay.share.percentage = ParseFraction(proto.percentage());
  if (proto.has_fixed_delay()) {
    const event::Duration fixed =
        config::ParseExtensionDuration(proto.fixed_delay(), "delay.fixed_delay", context);
    delay.milliseconds = static_cast<uint64_t>(fixed / event::kMillisecond);
  } else if (proto.has_header_delay()) {
    delay.share.header = kDelayShare;
  }
  return delay;
}

std::optional<FaultSettings::Abort> ParseAbort(const AbortProto& proto) {
  FaultSettings::Abort abort;
  abort.share.percentage = ParseFraction(proto.percentage());
  switch (proto.error_type_case()) {
    case AbortProto::kHttpStatus:
      abort.code = proto.http_status();
      break;
    case AbortProto::kGrpcStatus:
      abort.kind = FaultSettings::Abort::Kind::kGrpc;
      abort.code = proto.grpc_status();
      break;
    case AbortProto::kHeaderAbort:
      abort.kind = FaultSettings::Abort::Kind::kHeader;
      abort.share.header = kAbortShare;
      break;
    case AbortProto::ERROR_TYPE_NOT_SET:
      return std::nullopt;  // a rule of the proto, checked by the loader
  }
  return abort;
}

std::optional<FaultSettings::RateLimit> ParseRateLimit(const LimitProto& proto) {
  FaultSettings::RateLimit limit;
  limit.share.percentage = ParseFraction(proto.percentage());
  if (proto.has_fixed_limit()) {
    limit.kib_per_second = proto.fixed_limit().limit_kbps();
  } else if (proto.has_header_limit()) {
    limit.share.header = kThroughputShare;
  }
  return limit;
}

std::string KeyOr(const std::string& key, std::string_view otherwise) {
  return key.empty() ? std::string(otherwise) : key;
}

}  // namespace

runtime::Fraction FaultShare::For(const http::RequestHead& head) const {
  if (header.empty()) return percentage;
  const std::optional<uint64_t> asked = NumberIn(head, header);
  if (!asked.has_value()) return percentage;
  return {std::min(*asked, percentage.numerator), percentage.denominator};
}

std::optional<uint64_t> FaultSettings::Delay::MillisecondsFor(const http::RequestHead& head) const {
  return milliseconds.has_value() ? milliseconds : NumberIn(head, kDelay);
}

std::optional<uint64_t> FaultSettings::Abort::HttpStatusFor(const http::RequestHead& head) const {
  if (kind == Kind::kHttp) return code;
  if (kind == Kind::kGrpc) return std::nullopt;
  const std::optional<uint64_t> asked = NumberIn(head, kAbort);
  return asked.has_value() && *asked >= 200 && *asked < 600 ? asked : std::nullopt;
}

std::optional<uint64_t> FaultSettings::Abort::GrpcStatusFor(const http::RequestHead& head) const {
  if (kind == Kind::kGrpc) return code;
  if (kind == Kind::kHttp) return std::nullopt;
  const std::optional<uint64_t> asked = NumberIn(head, kAbortGrpc);
  return asked.has_value() && *asked <= std::numeric_limits<uint32_t>::max() ? asked : std::nullopt;
}

std::optional<uint64_t> FaultSettings::RateLimit::KibPerSecondFor(
    const http::RequestHead& head) const {
  if (kib_per_second.has_value()) return kib_per_second;
  const std::optional<uint64_t> asked = NumberIn(head, kThroughput);
  return asked.has_value() && *asked > 0 ? asked : std::nullopt;
}

std::optional<FaultSettings> ParseFaultSettings(
    const envoy::extensions::filters::http::fault::v3::HTTPFault& proto,
    config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  FaultSettings settings;
  if (proto.has_delay()) settings.delay = ParseDelay(proto.delay(), context);
  if (proto.has_abort()) settings.abort = ParseAbort(proto.abort());
  if (proto.has_response_rate_limit()) {
    settings.rate_limit = ParseRateLimit(proto.response_rate_limit());
  }
  settings.upstream_cluster = proto.upstream_cluster();
  settings.headers = config::ParseHeaderMatchers(proto.headers(), "headers", context);
  settings.nodes.insert(proto.downstream_nodes().begin(), proto.downstream_nodes().end());
  if (proto.has_max_active_faults()) settings.max_active_faults = proto.max_active_faults().value();
  settings.count_by_downstream_cluster = !proto.disable_downstream_cluster_stats();
  settings.keys = {
      KeyOr(proto.delay_percent_runtime(), "fault.http.delay.fixed_delay_percent"),
      KeyOr(proto.delay_duration_runtime(), "fault.http.delay.fixed_duration_ms"),
      KeyOr(proto.abort_percent_runtime(), "fault.http.abort.abort_percent"),
      KeyOr(proto.abort_http_status_runtime(), "fault.http.abort.http_status"),
      KeyOr(proto.abort_grpc_status_runtime(), "fault.http.abort.grpc_status"),
      KeyOr(proto.max_active_faults_runtime(), "fault.http.max_active_faults"),
      KeyOr(proto.response_rate_limit_percent_runtime(), "fault.http.rate_limit.response_percent"),
  };
  if (context.errors().size() > errors) return std::nullopt;
  return settings;
}

}  // namespace remora::extensions
