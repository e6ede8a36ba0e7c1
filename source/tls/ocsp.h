#pragma once

// OcspResponse: a stapled OCSP response: its bytes, and until when they may be shown to clients.
//
// Only what serving needs is read: that the responder succeeded, that there is one single response,
// and its times; whether the signature holds is the client's to check. Plain value; any thread.
// Parse fails with Envoy's texts. Source: RFC 6960, Envoy source/common/tls/ocsp/.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace remora::tls {

struct OcspResponse {
  std::string der;
  int64_t this_update = 0;  // seconds since the Unix epoch
  int64_t next_update = 0;  // 0: it does not say

  bool empty() const { return der.empty(); }
  bool ExpiredAt(int64_t unix_seconds) const {
    return next_update == 0 || unix_seconds > next_update;
  }
};

absl::StatusOr<OcspResponse> ParseOcspResponse(const std::string& der);

}  // namespace remora::tls
