#pragma once

// DocumentBuilder: makes a Document out of the events of a parser, YAML's or JSON's.
//
// Enforces what holds for both: keys are unique scalars, depth and size are bounded, an alias
// counts as what it stands for and cannot stand inside itself. Fail() is fatal: all further calls
// do nothing and failed() tells the parser to stop; Report() notes a fault and lets parsing go on.
// Either way Finish() then gives null. Used by document*.cc only; one parser, one builder, one
// thread.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/config/document.h"

namespace remora::config {

class DocumentBuilder final {
 public:
  DocumentBuilder(std::string_view file, ErrorList& errors);

  // Each of these starts the next node (a key, where a map wants one) and returns it, or null if it
  // was a key or the builder has failed. A null, boolean or number as a key is its text.
  const Node* Null(Mark mark);
  const Node* Bool(bool value, std::string text, Mark mark);
  const Node* Number(std::string text, Mark mark);
  const Node* String(std::string text, bool quoted, Mark mark);
  const Node* BeginSequence(Mark mark);
  const Node* BeginMap(Mark mark);
  void End();
  // A key whose entry is left out of its map (an alias to what is in it works all the same).
  void IgnoredKey(Mark mark);
  // `target` is an earlier node of the same document.
  void Alias(const Node* target, Mark mark);

  void Fail(Mark mark, std::string_view message);
  void Report(Mark mark, std::string_view message);

  bool failed() const { return failed_; }
  bool AtKey() const { return !open_.empty() && open_.back().in_map && !open_.back().has_key; }

  // The document, or null when anything was reported or nothing was read.
  std::shared_ptr<const Document> Finish();

 private:
  struct Open {
    Node* node;
    bool in_map;
    bool has_key = false;
    bool ignored = false;  // The key at hand.
    std::string key;
    Mark key_mark;
    // Keys so far -> line; made when a map grows large enough for a linear search to hurt.
    absl::flat_hash_map<std::string, int> lines_by_key;
    size_t indexed = 0;  // How many entries are in lines_by_key.
  };

  const Node* Scalar(NodeKind kind, std::string text, Mark mark, Node** created);
  const Node* Begin(NodeKind kind, Mark mark);
  void TakeKey(std::string key, Mark mark);
  int LineOfKey(Open& open, std::string_view key) const;
  Node* NewNode(NodeKind kind, Mark mark);
  void Attach(const Node* node);
  void CountInto(Node& parent, const Node& child, Mark mark);

  std::shared_ptr<Document> document_;
  ErrorList& errors_;
  std::vector<Open> open_;
  bool failed_ = false;
  bool reported_ = false;
};

// Where the first byte stands that is not UTF-8 or (other than tab, CR, LF) a control character, or
// a Mark of line 0 if there is none.
Mark FindBadText(std::string_view text);
inline constexpr std::string_view kBadTextMessage =
    "a control character or a byte that is not UTF-8 text";

}  // namespace remora::config
