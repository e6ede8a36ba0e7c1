#pragma once

// ConfigError: one fault (or warning) found in configuration, and where. ErrorList: all of them.
//
// The loader, the rule checker and every translator add to an ErrorList and go on, so that a user
// sees all faults of a file at once. Whoever knows only the field says the field's path; the file,
// line and column are filled in afterwards from the PositionMap (source/config/position_map.h).
// No protobuf here: translators' headers include this one. Plain values, one thread at a time.
//
// A path is written as in `static_resources.listeners[2].name`: proto field names, indices from 0,
// map keys as `["key"]`; it goes through an Any without a mark of its own.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "source/config/text.h"

namespace remora::config {

struct ConfigError {
  std::string file;
  int line = 0;  // From 1; 0: not known (yet).
  int column = 0;
  std::string path;  // Empty: about the document as a whole.
  std::string message;

  // "file:line:column: path: message"; what is not known is left out.
  std::string ToString() const;
};

// The path of a field while a message is walked: a chain through the callers' stack frames, turned
// into text only when there is something to report. A FieldPath must not outlive the one it was
// made from, so none can be made from a temporary: name each step, or pass it straight on as an
// argument.
class FieldPath final {
 public:
  FieldPath() = default;  // The outermost message.

  FieldPath Field(std::string_view name) const& { return FieldPath(this, name, Kind::kField); }
  FieldPath Index(size_t index) const& { return FieldPath(this, index); }
  FieldPath Key(std::string_view key) const& { return FieldPath(this, key, Kind::kKey); }
  FieldPath Field(std::string_view name) const&& = delete;
  FieldPath Index(size_t index) const&& = delete;
  FieldPath Key(std::string_view key) const&& = delete;

  std::string ToString() const;

 private:
  enum class Kind { kRoot, kField, kIndex, kKey };

  FieldPath(const FieldPath* parent, std::string_view text, Kind kind)
      : parent_(parent), text_(text), kind_(kind) {}
  FieldPath(const FieldPath* parent, size_t index)
      : parent_(parent), index_(index), kind_(Kind::kIndex) {}

  void AppendTo(std::string& out) const;

  const FieldPath* parent_ = nullptr;
  std::string_view text_;
  size_t index_ = 0;
  Kind kind_ = Kind::kRoot;
};

class ErrorList final {
 public:
  // No file can make the list grow without bound: what comes after this many is only counted.
  static constexpr size_t kMaxKept = 2'000;

  void Add(std::string_view path, std::string_view message);
  void Add(const FieldPath& path, std::string_view message);
  void Add(ConfigError error);
  void Append(ErrorList other);

  bool empty() const { return errors_.empty(); }
  size_t size() const { return errors_.size(); }
  const std::vector<ConfigError>& errors() const { return errors_; }
  std::vector<ConfigError>& mutable_errors() { return errors_; }
  // How many were counted but not kept.
  size_t left_out() const { return left_out_; }

  // Keeps the first `count` and counts the rest as left out.
  void Truncate(size_t count);

  // One line each, then how many more there are, if any. Ends with a newline unless empty.
  std::string ToString() const;

 private:
  std::vector<ConfigError> errors_;
  size_t left_out_ = 0;
};

// Paths that an error has been reported for, with everything above them. A later pass asks here
// before it reports what merely follows from an earlier error ("name is required" because the name
// that was given could not be read).
class ReportedPaths final {
 public:
  void Add(std::string_view path);

  // Was an error reported for `path` or for something below it?
  bool Covers(std::string_view path) const { return paths_.contains(ToAbsl(path)); }
  const absl::flat_hash_set<std::string>& paths() const { return paths_; }

 private:
  absl::flat_hash_set<std::string> paths_;
};

// ` (value)` as it stands at the end of messages: shortened when long, quoted when it is text.
std::string QuoteValue(std::string_view text);

// The candidate nearest to `word` by edit distance (case and `_`/`-` do not count), or empty when
// none is near enough to be what was meant.
std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& candidates);

// `; did you mean "x"?`, or empty when `word` is.
std::string DidYouMean(std::string_view word);

}  // namespace remora::config
