#include "source/http/proxy_error.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace remora::http {
namespace {

using Flag = ResponseFlag;

// Indexed by ErrorKind.
constexpr std::array<ErrorReply, static_cast<size_t>(ErrorKind::kCount)> kReplies = {{
    {200, Flag::kNone, "", "", ""},
    {503, Flag::kUpstreamConnectionFailure, "remote connection failure", "", ""},
    {503, Flag::kUpstreamConnectionFailure, "connection timeout", "", ""},
    {503, Flag::kUpstreamConnectionFailure, "local connection failure", "", ""},
    {503, Flag::kUpstreamConnectionTermination, "connection termination", "", ""},
    {503, Flag::kUpstreamRemoteReset, "remote reset", "", ""},
    {502, Flag::kUpstreamProtocolError, "protocol error", "", ""},
    {503, Flag::kUpstreamOverflow, "overflow", "", ""},
    {503, Flag::kNoHealthyUpstream, "", "no_healthy_upstream", "no healthy upstream"},
    {504, Flag::kUpstreamRequestTimeout, "", "response_timeout", "upstream request timeout"},
    {504, Flag::kStreamIdleTimeout, "", "stream_idle_timeout", "stream timeout"},
    {404, Flag::kNoRouteFound, "", "route_not_found", ""},
    {503, Flag::kNoClusterFound, "", "cluster_not_found", ""},
    {503, Flag::kLocalReset, "local reset", "", ""},
    {413, Flag::kNone, "", "request_payload_too_large", "Payload Too Large"},
    {500, Flag::kNone, "", "response_payload_too_large", "Internal Server Error"},
    {0, Flag::kDownstreamConnectionTermination, "", "downstream_remote_disconnect", ""},
    {400, Flag::kDownstreamProtocolError, "", "", "Bad Request"},
    {504, Flag::kUpstreamRequestTimeout, "", "upstream_per_try_timeout",
     "upstream request timeout"},
    {504, Flag::kUpstreamRequestTimeout, "", "upstream_per_try_idle_timeout",
     "upstream request timeout"},
    {507, Flag::kNone, "", "request_payload_exceeded_retry_buffer_limit",
     "exceeded request buffer limit while retrying upstream"},
    {408, Flag::kNone, "", "request_header_timeout", "request header timeout"},
    {408, Flag::kNone, "", "request_overall_timeout", "request timeout"},
    {504, Flag::kNone, "", "max_duration_timeout", "downstream duration timeout"},
    {503, Flag::kUpstreamOverflow, "", "maintenance_mode", "maintenance mode"},
    {503, Flag::kUpstreamRemoteReset, "remote refused stream reset", "", ""},
    {0, Flag::kDownstreamRemoteReset, "", "", ""},
    {504, Flag::kUpstreamMaxStreamDurationReached, "", "upstream_max_stream_duration_reached",
     "upstream max stream duration reached"},
}};

}  // namespace

const ErrorReply& ReplyFor(ErrorKind kind) { return kReplies[static_cast<size_t>(kind)]; }

std::string UpstreamResetBody(ErrorKind kind, bool retried) {
  return absl::StrCat("upstream connect error or disconnect/reset before headers. ",
                      retried ? "retried and the latest " : "",
                      "reset reason: ", std::string(ReplyFor(kind).reset_reason));
}

std::string UpstreamResetDetails(ErrorKind kind, bool response_started,
                                 std::string_view transport_failure) {
  std::string reason(ReplyFor(kind).reset_reason);
  if (!transport_failure.empty()) {
    reason += '|';
    reason += transport_failure;
  }
  std::replace(reason.begin(), reason.end(), ' ', '_');
  return absl::StrCat(response_started ? "upstream_reset_after_response_started{"
                                       : "upstream_reset_before_response_started{",
                      reason, "}");
}

}  // namespace remora::http
