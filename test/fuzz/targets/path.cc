#include <vector>

#include "source/http/connection_manager/path_normalizer.h"
#include "source/http/connection_manager/target_policy.h"
#include "test/fuzz/targets/targets.h"

namespace remora::fuzz {
namespace {

using connection_manager::Config;
using connection_manager::EscapedSlashes;
using connection_manager::StripPort;

// The byte that text[at] and what follows stand for when they are an escape; -1 otherwise.
int Escaped(std::string_view text, size_t at) {
  constexpr std::string_view kDigits = "0123456789abcdef0123456789ABCDEF";
  if (text[at] != '%' || at + 2 >= text.size()) return -1;
  const size_t high = kDigits.find(text[at + 1]);
  const size_t low = kDigits.find(text[at + 2]);
  if (high == std::string_view::npos || low == std::string_view::npos) return -1;
  return static_cast<int>(high % 16 * 16 + low % 16);
}

bool IsUnreserved(int byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_' || byte == '~';
}

bool NeedsEscape(char c) {
  return c <= ' ' || c == '\x7f' || std::string_view("\"#<>?^`{|}").find(c) < 11;
}

// What NormalizePath should make of a path without stray percent signs, written for clearness:
// every byte first, then the segments.
struct Model {
  bool comparable = true;
  bool refused = false;
  std::string text;

  explicit Model(std::string_view path) {
    std::vector<std::string> segments;
    std::string bytes;
    for (size_t at = 0; at < path.size(); ++at) {
      const int byte = Escaped(path, at);
      if (path[at] == '%' && byte < 0) comparable = false;
      if (byte == 0) refused = true;
      if (byte < 0) {
        AppendByte(bytes, path[at]);
        continue;
      }
      if (byte == '.' || IsUnreserved(byte)) {
        bytes += static_cast<char>(byte);
      } else {
        bytes += path.substr(at, 3);
      }
      at += 2;
    }
    if (bytes.empty() || bytes[0] != '/') bytes.insert(0, "/");
    for (size_t begin = 1, end = 0; end != std::string::npos; begin = end + 1) {
      end = bytes.find('/', begin);
      const std::string segment = bytes.substr(begin, end - begin);
      const bool dots = segment == "." || segment == "..";
      if (segment == ".." && !segments.empty()) segments.pop_back();
      if (!dots) segments.push_back(segment);
      // Dots at the end leave the slash before them.
      if (dots && end == std::string::npos) segments.emplace_back();
    }
    for (const std::string& segment : segments) text += "/" + segment;
  }

  static void AppendByte(std::string& bytes, char c) {
    constexpr char kHex[] = "0123456789ABCDEF";
    if (!NeedsEscape(c)) {
      bytes += c == '\\' ? '/' : c;
      return;
    }
    const auto byte = static_cast<unsigned char>(c);
    bytes += {'%', kHex[byte / 16], kHex[byte % 16]};
  }
};

bool HasEscapedSlash(std::string_view path) {
  for (size_t at = 0; at < path.size(); ++at) {
    const int byte = Escaped(path, at);
    if (byte == '/' || byte == '\\') return true;
  }
  return false;
}

void CheckNormal(std::string_view path, base::Arena& arena) {
  const Model model(path);
  const auto normal = connection_manager::NormalizePath(path, arena);
  if (normal.has_value() == model.refused) throw FuzzFailure("refused, or not: " + model.text);
  if (!normal.has_value()) return;
  const std::string text(*normal);
  Require(text.starts_with('/'), "no path: " + text);
  for (const char c : text) Require(!NeedsEscape(c) && c != '\\', "bytes unescaped: " + text);
  Require(!HasEscapedSlash(text) || HasEscapedSlash(path), "an escaped slash came: " + text);
  const std::string ended = text + "/";
  Require(ended.find("/./") == std::string::npos && ended.find("/../") == std::string::npos,
          "dots are left: " + text);
  if (!model.comparable) return;
  Require(text == model.text, "normal form " + text + ", expected " + model.text);
  const auto again = connection_manager::NormalizePath(text, arena);
  Require(again == text, "normal form of a normal form: " + text);
}

void CheckPolicy(uint8_t choice, std::string_view authority, std::string_view target,
                 base::Arena& arena) {
  Config config;
  config.normalize_path = (choice & 1) != 0;
  config.merge_slashes = (choice & 2) != 0;
  config.escaped_slashes = static_cast<EscapedSlashes>(choice >> 2 & 3);
  config.strip_port = static_cast<StripPort>((choice >> 4 & 3) % 3);
  config.strip_trailing_host_dot = (choice & 64) != 0;
  http::RequestHead head(arena);
  head.authority = authority;
  head.path = target;
  const bool replied = connection_manager::ApplyTargetPolicy(config, 80, head).has_value();
  Require(head.authority.size() <= authority.size(), "a host grew");
  if (!target.starts_with('/')) {
    Require(!replied && head.path == target, "what is no path was changed");
    return;
  }
  if (replied) return;
  const size_t question = target.find('?');
  const std::string_view query = question > target.size() ? "" : target.substr(question);
  Require(head.path.starts_with('/') && head.path.ends_with(query), "path or query was lost");
  const std::string_view path = head.path.substr(0, head.path.size() - query.size());
  Require(path.find('?') == std::string_view::npos, "a question mark came into the path");
  if (config.merge_slashes) {
    Require(path.find("//") == std::string_view::npos, "slashes in a row");
  }
  if (config.escaped_slashes == EscapedSlashes::kReject) {
    Require(!HasEscapedSlash(path), "an escaped slash passed");
  }
}

}  // namespace

// A byte of options, then lines: authority, target.
void RunPath(std::string_view input) {
  // No codec lets a NUL pass.
  if (input.empty() || input.find('\0') != std::string_view::npos) return;
  base::ArenaPool arenas;
  base::Arena arena(arenas);
  const auto choice = static_cast<uint8_t>(input[0]);
  const size_t end = std::min(input.find('\n'), input.size());
  const std::string_view target = input.substr(std::min(end + 1, input.size()));
  CheckPolicy(choice, input.substr(1, end > 0 ? end - 1 : 0), target, arena);
  CheckNormal(target.substr(0, target.find('?')), arena);
}

}  // namespace remora::fuzz
