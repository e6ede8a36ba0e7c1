#pragma once

// Detail strings of the HTTP/2 codec: why a stream or a connection was given up.
//
// Constants in Envoy's vocabulary (response code details), because access logs and dashboards are
// written for those. Each has static storage, so views of it never dangle. Any thread. Those at the
// end are ours: Envoy leaves the cases to its library's texts.

#include <string_view>

namespace remora::http2::detail {

inline constexpr std::string_view kInvalidHeaderField = "http2.invalid.header.field";
inline constexpr std::string_view kMessagingViolation = "http2.violation.of.messaging.rule";
inline constexpr std::string_view kProtocolError = "http2.unknown.nghttp2.error";
inline constexpr std::string_view kTooManyHeaders = "http2.too_many_headers";
inline constexpr std::string_view kOutboundFlood = "http2.outbound_frames_flood";
inline constexpr std::string_view kEmptyFramesFlood = "http2.inbound_empty_frames_flood";
inline constexpr std::string_view kUnexpectedUnderscore = "http2.unexpected_underscore";
inline constexpr std::string_view kRemoteRefuse = "http2.remote_refuse";
inline constexpr std::string_view kRemoteReset = "http2.remote_reset";

inline constexpr std::string_view kControlFlood = "http2.outbound_control_frames_flood";
inline constexpr std::string_view kPriorityFlood = "http2.inbound_priority_frames_flood";
inline constexpr std::string_view kWindowUpdateFlood = "http2.inbound_window_update_frames_flood";
inline constexpr std::string_view kMalformedFlood = "http2.malformed_messages_flood";
inline constexpr std::string_view kTooManyInformational = "http2.too_many_informational";
inline constexpr std::string_view kCut = "http2.cut";

}  // namespace remora::http2::detail
