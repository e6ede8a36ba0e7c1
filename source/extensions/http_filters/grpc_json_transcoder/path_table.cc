#include "source/extensions/http_filters/grpc_json_transcoder/path_table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"

namespace remora::extensions {
namespace {

bool IsFieldPath(std::string_view text) {
  bool begins = true;
  for (const char c : text) {
    if (c == '.') {
      if (begins) return false;
      begins = true;
    } else if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_') {
      return false;
    } else {
      begins = false;
    }
  }
  return !begins;
}

bool IsLiteral(std::string_view text) {
  return !text.empty() && text.find_first_of("*{}=:") == std::string_view::npos;
}

// RFC 3986 section 2.2.
bool IsReserved(char c) {
  return std::string_view("!#$&'()*+,/:;=?@[]").find(c) != std::string_view::npos;
}

bool IsKept(char c, PathOptions::Kept kept) {
  switch (kept) {
    case PathOptions::Kept::kReserved:
      return IsReserved(c);
    case PathOptions::Kept::kSlash:
      return c == '/';
    case PathOptions::Kept::kNothing:
      return false;
  }
  return false;
}

}  // namespace

// A template, taken apart.
struct PathTable::Parsed {
  std::vector<std::string> segments;
  std::vector<Variable> variables;
  std::string verb;
};

absl::Status PathTable::Parse(std::string_view path, Parsed& parsed) {
  const auto bad = [](const char* what) { return absl::InvalidArgumentError(what); };
  if (path.empty() || path.front() != '/') return bad("a path template begins with /");
  const size_t colon = path.rfind(':');
  if (colon != std::string_view::npos && colon > path.rfind('/') &&
      path.find('}', colon) == std::string_view::npos) {
    parsed.verb = path.substr(colon + 1);
    if (!IsLiteral(parsed.verb)) return bad("no verb behind the colon");
    path = path.substr(0, colon);
  }
  bool inside = false;
  bool complete = false;  // "**" has been there
  path.remove_prefix(1);
  for (bool more = !path.empty(); more;) {
    std::string_view segment = path.substr(0, path.find_first_of(inside ? "/}" : "/{"));
    if (!inside && segment.empty() && !path.empty() && path.front() == '{') {
      const size_t end = path.find_first_of("=}");
      if (end == std::string_view::npos) return bad("a variable without an end");
      const std::string_view field = path.substr(1, end - 1);
      if (!IsFieldPath(field)) return bad("a variable is named by a field");
      parsed.variables.push_back(
          {std::string(field), parsed.segments.size(), parsed.segments.size(), false});
      inside = true;
      if (path[end] == '=') {
        path.remove_prefix(end + 1);
        continue;
      }
      path.remove_prefix(end);
      segment = "*";
    } else {
      path.remove_prefix(segment.size());
    }
    if (complete) return bad("** is not the last segment");
    if (segment != "*" && segment != "**" && !IsLiteral(segment)) return bad("no segment");
    complete = segment == "**";
    parsed.segments.emplace_back(segment);
    if (inside && !path.empty() && path.front() == '}') {
      parsed.variables.back().end = parsed.segments.size();
      parsed.variables.back().open = complete;
      inside = false;
      path.remove_prefix(1);
    }
    more = !path.empty();
    if (!more) break;
    if (path.front() != '/') return bad("no / between two segments");
    path.remove_prefix(1);
  }
  return inside ? bad("a variable without an end") : absl::OkStatus();
}

absl::Status PathTable::Add(std::string_view http_method, std::string_view path, size_t target) {
  Parsed parsed;
  if (absl::Status status = Parse(path, parsed); !status.ok()) return status;
  Node* node = &root_;
  for (const std::string& segment : parsed.segments) {
    std::unique_ptr<Node>& next = segment == "*"    ? node->one
                                  : segment == "**" ? node->rest
                                                    : node->literals[segment];
    if (next == nullptr) next = std::make_unique<Node>();
    node = next.get();
  }
  if (!parsed.verb.empty()) verbs_.insert(parsed.verb);
  const auto [place, is_new] = node->leaves.try_emplace({std::string(http_method), parsed.verb},
                                                        Leaf{target, std::move(parsed.variables)});
  return is_new ? absl::OkStatus() : absl::AlreadyExistsError("another method has this template");
}

const PathTable::Leaf* PathTable::Match(const Node& node, const Parts& parts, size_t at,
                                        const Key& key) const {
  if (at == parts.size()) {
    const auto leaf = node.leaves.find(key);
    if (leaf != node.leaves.end()) return &leaf->second;
  } else {
    const auto literal = node.literals.find(parts[at]);
    if (literal != node.literals.end()) {
      if (const Leaf* found = Match(*literal->second, parts, at + 1, key)) return found;
    }
    if (node.one != nullptr) {
      if (const Leaf* found = Match(*node.one, parts, at + 1, key)) return found;
    }
  }
  if (node.rest == nullptr) return nullptr;
  const auto leaf = node.rest->leaves.find(key);
  return leaf != node.rest->leaves.end() ? &leaf->second : nullptr;
}

std::string PathTable::Value(const Variable& variable, const Parts& parts) const {
  const size_t end = variable.open ? parts.size() : variable.end;
  const bool several = variable.open || end - variable.begin > 1;
  const PathOptions::Kept kept = several ? options_.kept : PathOptions::Kept::kNothing;
  std::string value;
  for (size_t i = variable.begin; i < end; ++i) {
    if (i > variable.begin) value += '/';
    value += DecodePercent(parts[i], kept, false);
  }
  return value;
}

bool PathTable::Find(std::string_view http_method, std::string_view path, size_t& target,
                     Variables& variables) const {
  path = path.substr(0, path.find('?'));
  Key key{std::string(http_method), {}};
  const size_t colon = path.rfind(':');
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return false;
  if (colon != std::string_view::npos && colon > slash) {
    const std::string_view verb = path.substr(colon + 1);
    if (options_.any_verb || verbs_.find(verb) != verbs_.end()) {
      key.second = verb;
      path = path.substr(0, colon);
    }
  }
  Parts parts;
  path.remove_prefix(1);
  while (!path.empty()) {
    parts.push_back(path.substr(0, path.find('/')));
    path.remove_prefix(std::min(parts.back().size() + 1, path.size()));
  }
  while (!parts.empty() && parts.back().empty()) parts.pop_back();
  const Leaf* const leaf = Match(root_, parts, 0, key);
  if (leaf == nullptr) return false;
  target = leaf->target;
  for (const Variable& variable : leaf->variables) {
    variables.emplace_back(variable.field, Value(variable, parts));
  }
  return true;
}

std::string DecodePercent(std::string_view text, PathOptions::Kept kept, bool plus_is_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && absl::ascii_isxdigit(text[i + 1]) &&
        absl::ascii_isxdigit(text[i + 2])) {
      const std::string byte = absl::HexStringToBytes(std::string(text.substr(i + 1, 2)));
      if (IsKept(byte[0], kept)) {
        out += text.substr(i, 3);
      } else {
        out += byte;
      }
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

}  // namespace remora::extensions
