#include "source/http/http1/cross_check.h"

#include <llhttp.h>

namespace remora::http1 {
namespace {

// What llhttp has read.
struct Reading {
  const char* target = nullptr;
  size_t target_size = 0;
  uint32_t fields = 0;
  bool complete = false;
};

Reading& Of(llhttp_t* parser) { return *static_cast<Reading*>(parser->data); }

int OnUrl(llhttp_t* parser, const char* at, size_t size) {
  Of(parser).target = at;
  Of(parser).target_size = size;
  return 0;
}

int OnField(llhttp_t* parser) {
  ++Of(parser).fields;
  return 0;
}

// Stops llhttp right behind the head, with its decisions still in place.
int OnHead(llhttp_t* parser) {
  Of(parser).complete = true;
  return HPE_PAUSED;
}

llhttp_settings_t MakeSettings() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_url = OnUrl;
  settings.on_header_field_complete = OnField;
  settings.on_headers_complete = OnHead;
  return settings;
}

bool SameFraming(const llhttp_t& parser, const HeadClaim& claim) {
  const bool length = (parser.flags & F_CONTENT_LENGTH) != 0;
  const bool encoding = (parser.flags & F_TRANSFER_ENCODING) != 0;
  if (length != (claim.content_length_count > 0)) return false;
  if (encoding != (claim.transfer_encoding_count > 0)) return false;
  if (claim.framing.chunked && (parser.flags & F_CHUNKED) == 0) return false;
  return claim.framing.framing != http::Framing::kLength ||
         (length && parser.content_length == claim.framing.length);
}

CrossCheck Check(llhttp_type_t type, const HeadClaim& claim) {
  const llhttp_settings_t settings = MakeSettings();
  llhttp_t parser;
  llhttp_init(&parser, type, &settings);
  // Only where our own rules have allowed both.
  if (claim.content_length_count > 0 && claim.transfer_encoding_count > 0) {
    llhttp_set_lenient_chunked_length(&parser, 1);
  }
  Reading reading;
  parser.data = &reading;
  const llhttp_errno_t result = llhttp_execute(&parser, claim.head.data(), claim.head.size());
  if (result == HPE_INVALID_URL) return CrossCheck::kInvalidTarget;
  if (result != HPE_PAUSED || !reading.complete) return CrossCheck::kDisagreed;
  const uint8_t minor = claim.version == http::Version::kHttp11 ? 1 : 0;
  const bool same =
      llhttp_get_error_pos(&parser) + 1 >= claim.head.data() + claim.head.size() &&
      parser.http_major == 1 && parser.http_minor == minor && reading.fields == claim.fields &&
      (type == HTTP_REQUEST ? std::string_view(reading.target, reading.target_size) == claim.target
                            : parser.status_code == claim.status) &&
      SameFraming(parser, claim);
  return same ? CrossCheck::kAgreed : CrossCheck::kDisagreed;
}

}  // namespace

CrossCheck CrossCheckRequest(const HeadClaim& claim) { return Check(HTTP_REQUEST, claim); }

CrossCheck CrossCheckResponse(const HeadClaim& claim) { return Check(HTTP_RESPONSE, claim); }

}  // namespace remora::http1
