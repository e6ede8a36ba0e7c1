#include "test/fuzz/targets/http1_rig.h"

namespace remora::fuzz {

std::string FieldsText(const http::HeaderMap& headers) {
  std::string text;
  headers.ForEach([&text](const http::HeaderEntry& entry) {
    Require(http::IsValidHeaderName(entry.name()), "a field name that is none");
    Require(http::IsValidHeaderValue(entry.value()), "a field value that is none");
    text += std::string(entry.name()) + ": " + std::string(entry.value()) + "\n";
  });
  return text;
}

void Parts::End(const http::HeaderMap* map) {
  Require(begun && !ended, "an end outside a message");
  ended = true;
  if (map != nullptr) trailers = FieldsText(*map);
}

}  // namespace remora::fuzz
