#include "source/http/http1/start_line.h"

#include <cstring>

#include "source/http/byte_set.h"
#include "source/http/http1/details.h"

namespace remora::http1 {
namespace {

// " HTTP/1.x" or "HTTP/1.x": 8 bytes as one number, without the last digit.
constexpr size_t kVersionSize = 8;
bool ReadVersion(const char* text, http::Version& version) {
  if (std::memcmp(text, "HTTP/1.", kVersionSize - 1) != 0) return false;
  const char minor = text[kVersionSize - 1];
  if (minor != '0' && minor != '1') return false;
  version = minor == '1' ? http::Version::kHttp11 : http::Version::kHttp10;
  return true;
}

}  // namespace

bool ParseRequestLine(std::string_view line, RequestLine& result, http::CodecError& error) {
  error = {400, detail::kCodecError};
  const size_t method = http::kTokenBytes.Span(line.data(), line.size());
  // method SP target SP version: at least one byte of method and target.
  if (method == 0 || line.size() < method + 3 + kVersionSize || line[method] != ' ') return false;
  const char* version = line.data() + line.size() - kVersionSize;
  if (version[-1] != ' ' || !ReadVersion(version, result.version)) return false;
  result.method = line.substr(0, method);
  result.target = line.substr(method + 1, line.size() - method - 2 - kVersionSize);
  result.method_id = http::ParseMethod(result.method);
  if (http::kTargetBytes.Span(result.target.data(), result.target.size()) != result.target.size()) {
    error.detail = detail::kInvalidUrl;
    return false;
  }
  return true;
}

bool ParseResponseLine(std::string_view line, ResponseLine& result) {
  // HTTP/1.x SP three digits, then nothing or SP and a reason phrase.
  constexpr size_t kDigits = kVersionSize + 1;
  constexpr size_t kShortest = kDigits + 3;
  if (line.size() < kShortest || !ReadVersion(line.data(), result.version)) return false;
  if (line[kVersionSize] != ' ') return false;
  if (line.size() > kShortest && line[kShortest] != ' ') return false;
  unsigned status = 0;
  for (size_t i = kDigits; i < kShortest; ++i) {
    const unsigned digit = static_cast<unsigned>(line[i]) - '0';
    if (digit > 9) return false;
    status = status * 10 + digit;
  }
  if (status < 100 || status > 599) return false;
  result.status = static_cast<uint16_t>(status);
  return true;
}

}  // namespace remora::http1
