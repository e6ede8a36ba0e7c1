#include "source/http/http1/framing_rules.h"

#include "source/http/ascii.h"
#include "source/http/codes.h"
#include "source/http/field_rules.h"
#include "source/http/http1/details.h"

namespace remora::http1 {
namespace {

FramingDecision Reject(uint16_t status, std::string_view detail) {
  FramingDecision decision;
  decision.status = status;
  decision.detail = detail;
  return decision;
}

FramingDecision Accept(http::Framing framing, uint64_t length = 0) {
  FramingDecision decision;
  decision.framing = framing;
  decision.length = length;
  return decision;
}

FramingDecision AcceptChunked() {
  FramingDecision decision = Accept(http::Framing::kStreamed);
  decision.chunked = true;
  return decision;
}

bool IsChunked(std::string_view coding) { return http::EqualsWord(coding, "chunked"); }

// CONNECT has no body in either direction; a 2xx answer turns the connection into a tunnel.
FramingDecision DecideConnectRequest(const FramingInput& input, uint64_t length) {
  if (input.transfer_encoding_count > 0) return Reject(400, detail::kTransferEncodingNotAllowed);
  if (length > 0) return Reject(400, detail::kBodyDisallowed);
  return Accept(http::Framing::kTunnel);
}

FramingDecision DecideBodilessResponse(const FramingInput& input, uint64_t length) {
  const bool forbids_fields = input.status < 200 || input.status == 204;
  if (forbids_fields && input.transfer_encoding_count > 0) {
    return Reject(502, detail::kTransferEncodingNotAllowed);
  }
  if (forbids_fields && length > 0) return Reject(502, detail::kContentLengthNotAllowed);
  return Accept(http::Framing::kNone);
}

}  // namespace

FramingDecision DecideFraming(const FramingInput& input) {
  const uint16_t bad = input.is_response ? 502 : 400;
  const bool has_length = input.content_length_count > 0;
  const bool has_coding = input.transfer_encoding_count > 0;
  // Most requests have neither, and no body.
  if (!has_length && !has_coding && !input.is_response && input.method != http::Method::kConnect) {
    return Accept(http::Framing::kNone);
  }
  uint64_t length = 0;
  if (has_length) {
    if (has_coding && !input.allow_chunked_length) {
      return Reject(bad, detail::kContentLengthAndChunked);
    }
    if (input.content_length_count > 1) return Reject(bad, detail::kCodecError);
    if (!http::ParseContentLength(input.content_length, length))
      return Reject(bad, detail::kCodecError);
  }
  if (has_coding) {
    if (input.version == http::Version::kHttp10) {
      return Reject(bad, detail::kTransferEncodingNotAllowed);
    }
    if (input.transfer_encoding_count > 1) return Reject(bad, detail::kInvalidTransferEncoding);
    if (!IsChunked(input.transfer_encoding)) {
      return Reject(input.is_response ? 502 : 501, detail::kInvalidTransferEncoding);
    }
  }
  const bool connect = input.method == http::Method::kConnect;
  if (!input.is_response) {
    if (connect) return DecideConnectRequest(input, length);
  } else {
    if (http::StatusForbidsBody(input.status) || input.method == http::Method::kHead) {
      return DecideBodilessResponse(input, length);
    }
    if (connect && input.status < 300) return Accept(http::Framing::kTunnel);
  }
  if (has_coding) return AcceptChunked();
  if (length > 0) return Accept(http::Framing::kLength, length);
  if (has_length || !input.is_response) return Accept(http::Framing::kNone);
  return Accept(http::Framing::kStreamed);  // until the connection ends
}

}  // namespace remora::http1
