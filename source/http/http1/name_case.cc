#include "source/http/http1/name_case.h"

#include <string>

#include "source/http/ascii.h"

namespace remora::http1 {
namespace {

// "content-type" to "Content-Type": letters at the start and behind what is no letter or digit.
void ToProperCase(char* name, size_t size) {
  bool upper = true;
  for (size_t i = 0; i < size; ++i) {
    const char c = name[i];
    const bool letter = c >= 'a' && c <= 'z';
    if (upper && letter) name[i] = static_cast<char>(c - 'a' + 'A');
    upper = !letter && !(c >= '0' && c <= '9');
  }
}

// The first line of `head` that begins with `name` and a colon, or nothing.
std::string_view FindName(std::string_view head, std::string_view name) {
  for (size_t at = head.find('\n'); at != std::string_view::npos; at = head.find('\n', at)) {
    ++at;
    if (at + name.size() < head.size() && head[at + name.size()] == ':' &&
        http::EqualsWord(head.substr(at, name.size()), name)) {
      return head.substr(at, name.size());
    }
  }
  return {};
}

}  // namespace

void WriteWithNameCase(const buffer::Buffer& head, std::string_view received,
                       http::NameCase name_case, buffer::Buffer& output) {
  std::string text(head.length(), '\0');
  head.CopyOut(0, text.size(), text.data());
  for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at)) {
    ++at;
    const size_t colon = text.find(':', at);
    if (colon == std::string::npos) break;  // the empty line
    if (received.empty()) {
      if (name_case == http::NameCase::kProper) ToProperCase(text.data() + at, colon - at);
      continue;
    }
    const std::string_view name = FindName(received, std::string_view(text).substr(at, colon - at));
    if (!name.empty()) text.replace(at, name.size(), name);
  }
  output.Append(text);
}

}  // namespace remora::http1
