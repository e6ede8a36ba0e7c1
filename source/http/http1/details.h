#pragma once

// Detail strings of the HTTP/1 codec: why a message was refused.
//
// Constants in Envoy's vocabulary (response code details), because access logs and dashboards are
// written for those. A server codec puts them into its CodecError, a client codec into the message
// of its status. Each has static storage, so views of it never dangle. Any thread. Details that
// Envoy's connection manager finds and ours leaves to the codec are at the end.

#include <string_view>

namespace remora::http1::detail {

inline constexpr std::string_view kCodecError = "http1.codec_error";
inline constexpr std::string_view kTooManyHeaders = "http1.too_many_headers";
inline constexpr std::string_view kHeadersTooLarge = "http1.headers_too_large";
inline constexpr std::string_view kInvalidCharacters = "http1.invalid_characters";
inline constexpr std::string_view kConnectionHeaderRejected = "http1.connection_header_rejected";
inline constexpr std::string_view kInvalidUrl = "http1.invalid_url";
inline constexpr std::string_view kInvalidScheme = "http1.invalid_scheme";
inline constexpr std::string_view kInvalidTransferEncoding = "http1.invalid_transfer_encoding";
inline constexpr std::string_view kBodyDisallowed = "http1.body_disallowed";
inline constexpr std::string_view kUpgradeFailed = "upgrade_failed";
inline constexpr std::string_view kTransferEncodingNotAllowed =
    "http1.transfer_encoding_not_allowed";
inline constexpr std::string_view kContentLengthNotAllowed = "http1.content_length_not_allowed";
inline constexpr std::string_view kContentLengthAndChunked =
    "http1.content_length_and_chunked_not_allowed";
inline constexpr std::string_view kUnexpectedUnderscore = "http1.unexpected_underscore";
inline constexpr std::string_view kHttpsUrlOnPlaintext = "http1.https_url_on_plaintext_connection";
// HTTP/1.0 that is not accepted, and a missing Host: Envoy's connection manager finds those.
inline constexpr std::string_view kLowVersion = "low_version";
inline constexpr std::string_view kMissingHostHeader = "missing_host_header";

}  // namespace remora::http1::detail
