#include "source/admin/request.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "source/http/ascii.h"
#include "source/http/content_codings.h"

namespace remora::admin {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte of a `%41` at the start of `text`; -1 if there is none.
int EscapedByte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return -1;
  const int high = HexValue(text[1]);
  const int low = HexValue(text[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// RFC 3986 section 2.3.
bool IsUnreserved(int byte) {
  const char c = static_cast<char>(byte);
  return byte < 0x80 && (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
                         c == '.' || c == '_' || c == '~');
}

template <class Wanted>
std::string Decode(std::string_view text, const Wanted& wanted) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int byte = EscapedByte(text.substr(i));
    if (byte >= 0 && wanted(byte)) {
      result += static_cast<char>(byte);
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string DecodeAll(std::string_view text) {
  return Decode(text, [](int) { return true; });
}

}  // namespace

const std::string* FindParameter(const Parameters& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [name](const auto& entry) { return entry.first == name; });
  return found == parameters.end() ? nullptr : &found->second;
}

Parameters ParseParameters(std::string_view text, bool plus_is_space) {
  std::string spaced;
  if (plus_is_space) {
    spaced = text;
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    text = spaced;
  }
  Parameters parameters;
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
    if (!pair.empty()) parameters.emplace_back(DecodeAll(pair.substr(0, equals)), DecodeAll(value));
  }
  return parameters;
}

std::string NormalizePath(std::string_view path) {
  std::string decoded = Decode(path, IsUnreserved);
  std::replace(decoded.begin(), decoded.end(), '\\', '/');
  // Dot segments first, empty ones afterwards: `/a//../b` is `/a/b`.
  std::vector<std::string_view> segments;
  bool directory = false;  // it ends with a slash
  std::string_view rest = decoded;
  if (!rest.empty() && rest.front() == '/') rest.remove_prefix(1);
  for (bool last = false; !last;) {
    const std::string_view segment = rest.substr(0, rest.find('/'));
    last = segment.size() == rest.size();
    rest.remove_prefix(last ? segment.size() : segment.size() + 1);
    directory = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (segment != ".") {
      segments.push_back(segment);
    }
  }
  std::string result;
  for (const std::string_view segment : segments) {
    if (!segment.empty()) result.append("/").append(segment);
  }
  if (directory || result.empty()) result += '/';
  return result;
}

bool IsForm(std::string_view content_type) {
  return http::EqualsWord(http::MediaType(content_type), "application/x-www-form-urlencoded");
}

Request MakeRequest(std::string_view method, std::string_view target, std::string_view form) {
  target = target.substr(0, target.find('#'));
  const size_t query = target.find('?');
  Request request;
  request.method = method;
  request.path = NormalizePath(target.substr(0, query));
  request.target = request.path;
  if (query != std::string_view::npos) request.target += target.substr(query);
  if (query != std::string_view::npos) {
    request.parameters = ParseParameters(target.substr(query + 1));
  }
  if (request.parameters.empty()) request.parameters = ParseParameters(form);
  return request;
}

}  // namespace remora::admin
