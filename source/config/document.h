#pragma once

// Document: a YAML or JSON text as a tree of Nodes that know their line and column.
//
// Plain scalars mean what they mean to Envoy: unquoted y, n, yes, no, on, off, true, false (in
// lower case, upper case or capitalised) are booleans, whole numbers that fit 32 bits are numbers
// (0x1f and 010 too), ~ and null are null; everything else is text, also 1.5 and 12345678901, which
// are read as numbers where a field wants one. Aliases share the node they name; an entry whose key
// has the tag !ignore is left out (a place for anchors).
//
// Refused, with position, all in one go where the syntax allows it: bad syntax, duplicate keys, the
// merge key <<, a second document, lists or maps as keys, text that is not UTF-8, nesting deeper
// than kMaxDepth, more than kMaxNodes nodes counted with every alias written out.
//
// JSON is RFC 8259, strictly. Immutable once parsed; any thread may read. document_yaml.cc is
// compiled with exceptions, because yaml-cpp throws; none leaves it.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/config_error.h"

namespace remora::config {

enum class NodeKind : uint8_t { kNull, kBool, kNumber, kString, kSequence, kMap };

struct Mark {
  int line = 1;
  int column = 1;  // In bytes.
};

struct Node {
  struct Entry {
    std::string key;
    Mark mark;
    const Node* value = nullptr;
  };

  NodeKind kind = NodeKind::kNull;
  bool quoted = false;      // kString: written in quotes, as a block or with the tag !!str.
  bool bool_value = false;  // kBool
  Mark mark;
  std::string text;  // Scalars: the text; a kNumber's is decimal, a kBool's as written.
  std::vector<const Node*> items;
  std::vector<Entry> entries;  // In file order, keys unique.

  // With every alias below it written out: how many nodes, and how many levels of lists and maps.
  uint32_t extent = 1;
  uint8_t height = 0;

  // The entry of that key, or null.
  const Entry* Find(std::string_view key) const;
};

class Document final {
 public:
  static constexpr int kMaxDepth = 64;
  static constexpr size_t kMaxNodes = 2'000'000;

  // nullptr when anything is wrong; `errors` then has at least one more entry.
  static std::shared_ptr<const Document> ParseYaml(std::string_view text, std::string_view file,
                                                   ErrorList& errors);
  static std::shared_ptr<const Document> ParseJson(std::string_view text, std::string_view file,
                                                   ErrorList& errors);

  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  const Node& root() const { return *root_; }
  const std::string& file() const { return file_; }

 private:
  friend class DocumentBuilder;

  explicit Document(std::string_view file) : file_(file) {}

  std::string file_;
  std::deque<Node> nodes_;
  const Node* root_ = nullptr;
};

}  // namespace remora::config
