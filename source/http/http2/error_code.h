#pragma once

// Error codes of RST_STREAM and GOAWAY that the codecs choose or tell apart (RFC 9113 section 7).
// Values on the wire, any thread. Owner: nobody; they cannot fail.

#include <cstdint>

namespace remora::http2 {

inline constexpr uint32_t kNoError = 0;
inline constexpr uint32_t kProtocolError = 1;
inline constexpr uint32_t kInternalError = 2;
inline constexpr uint32_t kRefusedStream = 7;
inline constexpr uint32_t kCancel = 8;
inline constexpr uint32_t kEnhanceYourCalm = 11;

}  // namespace remora::http2
