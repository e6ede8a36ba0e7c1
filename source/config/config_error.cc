#include "source/config/config_error.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

// Longer values are cut: the position says where to look, and secrets do not belong into logs.
constexpr size_t kMaxQuoted = 60;

char Fold(char c) { return c == '-' ? '_' : absl::ascii_tolower(static_cast<unsigned char>(c)); }

std::string FoldWord(std::string_view word) {
  std::string folded;
  // Without '_', so that camelCase and snake_case of one name are the same word.
  for (const char c : word) {
    if (Fold(c) != '_') folded.push_back(Fold(c));
  }
  return folded;
}

// Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`; anything above
// `limit` may come back as limit + 1.
size_t EditDistance(std::string_view a, std::string_view b, size_t limit) {
  if (a.size() > b.size() + limit || b.size() > a.size() + limit) return limit + 1;
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    size_t best = row[0];
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
      best = std::min(best, row[j]);
    }
    if (best > limit) return limit + 1;
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string ConfigError::ToString() const {
  std::string out;
  if (!file.empty()) {
    out += Concat(file, ":");
    if (line > 0) out += Concat(line, ":", column, ":");
    out.push_back(' ');
  }
  if (!path.empty()) out += Concat(path, ": ");
  out += Concat(message);
  return out;
}

void FieldPath::AppendTo(std::string& out) const {
  if (parent_ != nullptr) parent_->AppendTo(out);
  switch (kind_) {
    case Kind::kRoot:
      break;
    case Kind::kField:
      if (!out.empty()) out.push_back('.');
      out += Concat(text_);
      break;
    case Kind::kIndex:
      out += Concat("[", index_, "]");
      break;
    case Kind::kKey:
      out += Concat("[\"", text_, "\"]");
      break;
  }
}

std::string FieldPath::ToString() const {
  std::string out;
  AppendTo(out);
  return out;
}

void ErrorList::Add(std::string_view path, std::string_view message) {
  Add(ConfigError{"", 0, 0, std::string(path), std::string(message)});
}

void ErrorList::Add(const FieldPath& path, std::string_view message) {
  if (errors_.size() >= kMaxKept) {
    ++left_out_;
    return;
  }
  Add(path.ToString(), message);
}

void ErrorList::Add(ConfigError error) {
  if (errors_.size() >= kMaxKept) {
    ++left_out_;
  } else {
    errors_.push_back(std::move(error));
  }
}

void ErrorList::Append(ErrorList other) {
  left_out_ += other.left_out_;
  for (ConfigError& error : other.errors_) Add(std::move(error));
}

void ErrorList::Truncate(size_t count) {
  if (errors_.size() <= count) return;
  left_out_ += errors_.size() - count;
  errors_.resize(count);
}

std::string ErrorList::ToString() const {
  std::string out;
  for (const ConfigError& error : errors_) out += Concat(error.ToString(), "\n");
  if (left_out_ > 0) out += Concat("and ", left_out_, " more\n");
  return out;
}

void ReportedPaths::Add(std::string_view path) {
  while (!path.empty()) {
    if (!paths_.emplace(ToAbsl(path)).second) return;  // And so are all above it.
    // Up to the parent: cut `.name`, `[2]` or `["key"]`, whatever the key holds.
    size_t cut = 0;
    if (path.size() > 2 && path.substr(path.size() - 2) == "\"]") {
      cut = path.rfind("[\"");
    } else {
      cut = path.find_last_of(".[");
    }
    path = cut == std::string_view::npos ? std::string_view() : path.substr(0, cut);
  }
}

std::string QuoteValue(std::string_view text) {
  if (text.size() <= kMaxQuoted) {
    return Concat(" (", absl::Utf8SafeCEscape(ToAbsl(text)), ")");
  }
  size_t cut = kMaxQuoted;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
  return Concat(" (", absl::Utf8SafeCEscape(ToAbsl(text.substr(0, cut))), "...)");
}

std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& candidates) {
  const std::string folded = FoldWord(word);
  // A third of the word may be wrong.
  size_t limit = std::min<size_t>(3, (folded.size() + 2) / 3);
  if (folded.empty() || folded.size() > 200) return {};
  std::string_view nearest;
  for (const std::string_view candidate : candidates) {
    const size_t distance = EditDistance(folded, FoldWord(candidate), limit);
    if (distance > limit || (distance == limit && !nearest.empty())) continue;
    nearest = candidate;
    limit = distance;
    if (limit == 0) break;
  }
  return nearest;
}

std::string DidYouMean(std::string_view word) {
  if (word.empty()) return "";
  return Concat("; did you mean \"", word, "\"?");
}

}  // namespace remora::config
