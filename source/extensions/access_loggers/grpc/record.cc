#include "source/extensions/access_loggers/grpc/record.h"

#include <utility>

#include "envoy/data/accesslog/v3/accesslog.pb.h"
#include "source/config/proto_values.h"
#include "source/extensions/access_loggers/grpc/tls_values.h"
#include "source/http/header_id.h"

namespace remora::extensions {
namespace {

namespace data = envoy::data::accesslog::v3;
using config::SetAddress;
using config::SetDuration;
using config::SetMetadata;
using config::SetTimestamp;
using config::ToUtf8;
using formatter::Exchange;
using http::HeaderId;
using http::ResponseFlag;
using http::StreamInfo;

using Common = data::AccessLogCommon;
using Flags = data::ResponseFlags;

// --- what HTTP and TCP have in common

// Only where both ends of the span are known.
void SetSpan(const StreamInfo& info, event::TimePoint end,
             google::protobuf::Duration* (Common::*mutable_field)(), Common& common) {
  if (end == 0 || end < info.start) return;
  SetDuration(end - info.start, *(common.*mutable_field)());
}

void SetTimes(const Exchange& exchange, Common& common) {
  const StreamInfo& info = exchange.info;
  SetTimestamp(info.start_wall, *common.mutable_start_time());
  SetSpan(info, info.end, &Common::mutable_duration, common);
  SetSpan(info, info.request_end, &Common::mutable_time_to_last_rx_byte, common);
  SetSpan(info, info.upstream_request_begin, &Common::mutable_time_to_first_upstream_tx_byte,
          common);
  SetSpan(info, info.upstream_request_end, &Common::mutable_time_to_last_upstream_tx_byte, common);
  SetSpan(info, info.upstream_first_byte, &Common::mutable_time_to_first_upstream_rx_byte, common);
  SetSpan(info, info.upstream_last_byte, &Common::mutable_time_to_last_upstream_rx_byte, common);
  SetSpan(info, info.response_begin, &Common::mutable_time_to_first_downstream_tx_byte, common);
  SetSpan(info, info.response_end, &Common::mutable_time_to_last_downstream_tx_byte, common);
}

constexpr std::pair<ResponseFlag, void (Flags::*)(bool)> kFlags[] = {
    {ResponseFlag::kFailedLocalHealthCheck, &Flags::set_failed_local_healthcheck},
    {ResponseFlag::kNoHealthyUpstream, &Flags::set_no_healthy_upstream},
    {ResponseFlag::kUpstreamRequestTimeout, &Flags::set_upstream_request_timeout},
    {ResponseFlag::kLocalReset, &Flags::set_local_reset},
    {ResponseFlag::kUpstreamRemoteReset, &Flags::set_upstream_remote_reset},
    {ResponseFlag::kUpstreamConnectionFailure, &Flags::set_upstream_connection_failure},
    {ResponseFlag::kUpstreamConnectionTermination, &Flags::set_upstream_connection_termination},
    {ResponseFlag::kUpstreamOverflow, &Flags::set_upstream_overflow},
    {ResponseFlag::kNoRouteFound, &Flags::set_no_route_found},
    {ResponseFlag::kDelayInjected, &Flags::set_delay_injected},
    {ResponseFlag::kFaultInjected, &Flags::set_fault_injected},
    {ResponseFlag::kRateLimited, &Flags::set_rate_limited},
    {ResponseFlag::kRateLimitServiceError, &Flags::set_rate_limit_service_error},
    {ResponseFlag::kDownstreamConnectionTermination, &Flags::set_downstream_connection_termination},
    {ResponseFlag::kUpstreamRetryLimitExceeded, &Flags::set_upstream_retry_limit_exceeded},
    {ResponseFlag::kStreamIdleTimeout, &Flags::set_stream_idle_timeout},
    {ResponseFlag::kInvalidEnvoyRequestHeaders, &Flags::set_invalid_envoy_request_headers},
    {ResponseFlag::kDownstreamProtocolError, &Flags::set_downstream_protocol_error},
    {ResponseFlag::kUpstreamMaxStreamDurationReached,
     &Flags::set_upstream_max_stream_duration_reached},
    {ResponseFlag::kResponseFromCacheFilter, &Flags::set_response_from_cache_filter},
    {ResponseFlag::kNoFilterConfigFound, &Flags::set_no_filter_config_found},
    {ResponseFlag::kDurationTimeout, &Flags::set_duration_timeout},
    {ResponseFlag::kUpstreamProtocolError, &Flags::set_upstream_protocol_error},
    {ResponseFlag::kNoClusterFound, &Flags::set_no_cluster_found},
    {ResponseFlag::kOverloadManagerTerminated, &Flags::set_overload_manager},
    {ResponseFlag::kDnsResolutionFailed, &Flags::set_dns_resolution_failure},
    {ResponseFlag::kDownstreamRemoteReset, &Flags::set_downstream_remote_reset},
};

void SetFlags(const http::ResponseFlags& from, Common& common) {
  if (from.empty()) return;
  Flags& flags = *common.mutable_response_flags();
  for (const auto& [flag, set] : kFlags) {
    if (from.Has(flag)) (flags.*set)(true);
  }
  if (from.Has(ResponseFlag::kUnauthorizedExternalService)) {
    flags.mutable_unauthorized_details()->set_reason(Flags::Unauthorized::EXTERNAL_SERVICE);
  }
}

void SetDownstream(const StreamInfo& info, Common& common) {
  const http::ConnectionFacts* const connection = info.connection;
  if (info.downstream_remote != nullptr) {
    SetAddress(*info.downstream_remote, *common.mutable_downstream_remote_address());
  }
  common.set_downstream_wire_bytes_sent(info.downstream_wire.sent);
  common.set_downstream_wire_bytes_received(info.downstream_wire.received);
  if (connection == nullptr) return;
  if (connection->direct_remote != nullptr) {
    SetAddress(*connection->direct_remote, *common.mutable_downstream_direct_remote_address());
  }
  if (const net::Address* local = connection->FindLocal(); local != nullptr) {
    SetAddress(*local, *common.mutable_downstream_local_address());
  }
  if (connection->tls != nullptr) {
    SetTls(*connection->tls, connection->requested_server_name, *common.mutable_tls_properties());
  }
  common.set_downstream_transport_failure_reason(ToUtf8(connection->transport_failure));
}

void SetUpstream(const StreamInfo& info, Common& common) {
  if (info.upstream_remote != nullptr) {
    SetAddress(*info.upstream_remote, *common.mutable_upstream_remote_address());
    common.set_upstream_cluster(std::string(info.cluster_name));
  }
  if (info.upstream_local != nullptr) {
    SetAddress(*info.upstream_local, *common.mutable_upstream_local_address());
  }
  common.set_upstream_transport_failure_reason(ToUtf8(info.upstream_failure));
  common.set_upstream_request_attempt_count(info.upstream_attempts);
  common.set_upstream_wire_bytes_sent(info.upstream_wire.sent);
  common.set_upstream_wire_bytes_received(info.upstream_wire.received);
}

data::AccessLogType TypeOf(formatter::LogType type) {
  data::AccessLogType result = data::NotSet;
  data::AccessLogType_Parse(std::string(formatter::LogTypeName(type)), &result);
  return result;
}

void SetCommon(const Exchange& exchange, Common& common) {
  const StreamInfo& info = exchange.info;
  SetTimes(exchange, common);
  SetDownstream(info, common);
  SetUpstream(info, common);
  SetFlags(info.flags, common);
  if (info.dynamic_metadata != nullptr && !info.dynamic_metadata->empty()) {
    SetMetadata(*info.dynamic_metadata, *common.mutable_metadata());
  }
  common.set_route_name(std::string(info.route_name));
  common.set_connection_termination_details(ToUtf8(info.connection_termination_details));
  if (exchange.request != nullptr) {
    common.set_stream_id(ToUtf8(exchange.request->headers.Get(HeaderId::kXRequestId)));
  }
  common.set_access_log_type(TypeOf(exchange.log_type));
}

// --- HTTP

using FieldMap = google::protobuf::Map<std::string, std::string>;

// Values of one name are joined, as in Envoy.
void CopyFields(const std::vector<std::string>& names, const http::HeaderMap& from, FieldMap& to) {
  for (const std::string& name : names) {
    if (from.Find(name) == nullptr) continue;
    std::string joined;
    bool first = true;
    from.ForEach([&](const http::HeaderEntry& entry) {
      if (entry.name() != name) return;
      if (!std::exchange(first, false)) joined += ',';
      joined += entry.value();
    });
    to[name] = ToUtf8(joined);
  }
}

void SetRequest(const Exchange& exchange, const RecordFields& fields,
                data::HTTPRequestProperties& to) {
  const StreamInfo& info = exchange.info;
  to.set_request_headers_bytes(formatter::RequestHeadBytes(exchange));
  to.set_request_body_bytes(info.bytes_received);
  to.set_downstream_header_bytes_received(info.downstream_wire.head_received);
  to.set_upstream_header_bytes_sent(info.upstream_wire.head_sent);
  if (exchange.request == nullptr) return;
  const http::RequestHead& head = *exchange.request;
  envoy::config::core::v3::RequestMethod method = envoy::config::core::v3::METHOD_UNSPECIFIED;
  if (envoy::config::core::v3::RequestMethod_Parse(std::string(head.method), &method)) {
    to.set_request_method(method);
  }
  to.set_scheme(ToUtf8(head.scheme));
  to.set_authority(ToUtf8(head.authority));
  to.set_path(ToUtf8(head.path));
  to.set_user_agent(ToUtf8(head.headers.Get(HeaderId::kUserAgent)));
  to.set_referer(ToUtf8(head.headers.Get(HeaderId::kReferer)));
  to.set_forwarded_for(ToUtf8(head.headers.Get(HeaderId::kXForwardedFor)));
  to.set_request_id(ToUtf8(head.headers.Get(HeaderId::kXRequestId)));
  to.set_original_path(ToUtf8(head.headers.Get(HeaderId::kXEnvoyOriginalPath)));
  CopyFields(fields.request, head.headers, *to.mutable_request_headers());
}

void SetResponse(const Exchange& exchange, const RecordFields& fields,
                 data::HTTPResponseProperties& to) {
  const StreamInfo& info = exchange.info;
  if (info.response_code != 0) to.mutable_response_code()->set_value(info.response_code);
  to.set_response_code_details(ToUtf8(info.response_code_details));
  to.set_response_headers_bytes(formatter::ResponseHeadBytes(exchange));
  to.set_response_body_bytes(info.bytes_sent);
  to.set_upstream_header_bytes_received(info.upstream_wire.head_received);
  to.set_downstream_header_bytes_sent(info.downstream_wire.head_sent);
  if (exchange.response != nullptr) {
    CopyFields(fields.response, exchange.response->headers, *to.mutable_response_headers());
  }
  if (exchange.response_trailers != nullptr) {
    CopyFields(fields.trailers, *exchange.response_trailers, *to.mutable_response_trailers());
  }
}

data::HTTPAccessLogEntry::HTTPVersion VersionOf(const StreamInfo& info) {
  if (!info.version_known) return data::HTTPAccessLogEntry::PROTOCOL_UNSPECIFIED;
  switch (info.version) {
    case http::Version::kHttp10:
      return data::HTTPAccessLogEntry::HTTP10;
    case http::Version::kHttp11:
      return data::HTTPAccessLogEntry::HTTP11;
    case http::Version::kHttp2:
      return data::HTTPAccessLogEntry::HTTP2;
  }
  return data::HTTPAccessLogEntry::PROTOCOL_UNSPECIFIED;
}

}  // namespace

void AppendHttpRecord(const Exchange& exchange, const RecordFields& fields, std::string& out) {
  data::HTTPAccessLogEntry entry;
  SetCommon(exchange, *entry.mutable_common_properties());
  entry.set_protocol_version(VersionOf(exchange.info));
  SetRequest(exchange, fields, *entry.mutable_request());
  SetResponse(exchange, fields, *entry.mutable_response());
  entry.AppendToString(&out);
}

void AppendTcpRecord(const Exchange& exchange, std::string& out) {
  data::TCPAccessLogEntry entry;
  SetCommon(exchange, *entry.mutable_common_properties());
  data::ConnectionProperties& connection = *entry.mutable_connection_properties();
  connection.set_received_bytes(exchange.info.bytes_received);
  connection.set_sent_bytes(exchange.info.bytes_sent);
  entry.AppendToString(&out);
}

}  // namespace remora::extensions
