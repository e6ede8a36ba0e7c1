#include "source/config/document.h"

#include <utility>

#include "source/config/document_builder.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

// From this many keys on a map is searched for duplicates through a hash table.
constexpr size_t kManyKeys = 16;

// The length of the well-formed UTF-8 sequence at the front of `text`, 0 if there is none
// (Unicode 15, table 3-7).
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto follows = [&](size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return follows(1) ? 2 : 0;
  if (first < 0xf0) {
    const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned high = first == 0xed ? 0x9f : 0xbf;
    return follows(1, low, high) && follows(2) ? 3 : 0;
  }
  if (first < 0xf5) {
    const unsigned low = first == 0xf0 ? 0x90 : 0x80;
    const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

bool IsForbiddenControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

}  // namespace

const Node::Entry* Node::Find(std::string_view key) const {
  for (const Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

Mark FindBadText(std::string_view text) {
  Mark mark;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0 || IsForbiddenControl(text.front())) return mark;
    if (text.front() == '\n') {
      ++mark.line;
      mark.column = 1;
    } else {
      mark.column += static_cast<int>(length);
    }
    text.remove_prefix(length);
  }
  return Mark{0, 0};
}

DocumentBuilder::DocumentBuilder(std::string_view file, ErrorList& errors)
    : document_(new Document(file)), errors_(errors) {}

void DocumentBuilder::Report(Mark mark, std::string_view message) {
  reported_ = true;
  errors_.Add(ConfigError{document_->file_, mark.line, mark.column, "", std::string(message)});
}

void DocumentBuilder::Fail(Mark mark, std::string_view message) {
  if (failed_) return;
  failed_ = true;
  Report(mark, message);
}

Node* DocumentBuilder::NewNode(NodeKind kind, Mark mark) {
  if (document_->nodes_.size() >= Document::kMaxNodes) {
    Fail(mark, Concat("more than ", Document::kMaxNodes, " values in one document"));
    return nullptr;
  }
  Node& node = document_->nodes_.emplace_back();
  node.kind = kind;
  node.mark = mark;
  return &node;
}

const Node* DocumentBuilder::Scalar(NodeKind kind, std::string text, Mark mark, Node** created) {
  if (failed_) return nullptr;
  if (AtKey()) {
    TakeKey(std::move(text), mark);
    return nullptr;
  }
  Node* node = NewNode(kind, mark);
  if (node == nullptr) return nullptr;
  node->text = std::move(text);
  *created = node;
  Attach(node);
  return node;
}

const Node* DocumentBuilder::Null(Mark mark) {
  Node* node = nullptr;
  return Scalar(NodeKind::kNull, "null", mark, &node);
}

const Node* DocumentBuilder::Bool(bool value, std::string text, Mark mark) {
  Node* node = nullptr;
  Scalar(NodeKind::kBool, std::move(text), mark, &node);
  if (node != nullptr) node->bool_value = value;
  return node;
}

const Node* DocumentBuilder::Number(std::string text, Mark mark) {
  Node* node = nullptr;
  return Scalar(NodeKind::kNumber, std::move(text), mark, &node);
}

const Node* DocumentBuilder::String(std::string text, bool quoted, Mark mark) {
  Node* node = nullptr;
  Scalar(NodeKind::kString, std::move(text), mark, &node);
  if (node != nullptr) node->quoted = quoted;
  return node;
}

const Node* DocumentBuilder::Begin(NodeKind kind, Mark mark) {
  if (failed_) return nullptr;
  if (AtKey()) {
    Fail(mark, "a list or a map cannot be a key");
    return nullptr;
  }
  if (open_.size() >= static_cast<size_t>(Document::kMaxDepth)) {
    Fail(mark, Concat("nested deeper than ", Document::kMaxDepth, " levels"));
    return nullptr;
  }
  Node* node = NewNode(kind, mark);
  if (node == nullptr) return nullptr;
  node->height = 1;
  open_.push_back(Open{node, kind == NodeKind::kMap, false, false, {}, {}, {}, 0});
  return node;
}

const Node* DocumentBuilder::BeginSequence(Mark mark) { return Begin(NodeKind::kSequence, mark); }

const Node* DocumentBuilder::BeginMap(Mark mark) { return Begin(NodeKind::kMap, mark); }

void DocumentBuilder::End() {
  if (failed_ || open_.empty()) return;
  Node* node = open_.back().node;
  open_.pop_back();
  Attach(node);
}

void DocumentBuilder::Alias(const Node* target, Mark mark) {
  if (failed_) return;
  for (const Open& open : open_) {
    if (open.node == target) {
      Fail(mark, "this alias stands inside of what it is an alias for");
      return;
    }
  }
  if (AtKey()) {
    if (target->kind == NodeKind::kSequence || target->kind == NodeKind::kMap) {
      Fail(mark, "a list or a map cannot be a key");
    } else {
      TakeKey(target->text, mark);
    }
    return;
  }
  if (open_.size() + target->height > static_cast<size_t>(Document::kMaxDepth)) {
    Fail(mark, Concat("nested deeper than ", Document::kMaxDepth, " levels"));
    return;
  }
  Attach(target);
}

int DocumentBuilder::LineOfKey(Open& open, std::string_view key) const {
  const std::vector<Node::Entry>& entries = open.node->entries;
  if (entries.size() < kManyKeys) {
    const Node::Entry* entry = open.node->Find(key);
    return entry == nullptr ? 0 : entry->mark.line;
  }
  for (; open.indexed < entries.size(); ++open.indexed) {
    const Node::Entry& entry = entries[open.indexed];
    open.lines_by_key.emplace(entry.key, entry.mark.line);
  }
  const auto found = open.lines_by_key.find(ToAbsl(key));
  return found == open.lines_by_key.end() ? 0 : found->second;
}

void DocumentBuilder::TakeKey(std::string key, Mark mark) {
  Open& open = open_.back();
  const int line = LineOfKey(open, key);
  if (line != 0) {
    Report(mark, Concat("duplicate key", QuoteValue(key), ", already given on line ", line));
  }
  open.has_key = true;
  open.key = std::move(key);
  open.key_mark = mark;
}

void DocumentBuilder::IgnoredKey(Mark mark) {
  if (failed_) return;
  Open& open = open_.back();
  open.has_key = true;
  open.ignored = true;
  open.key_mark = mark;
}

void DocumentBuilder::CountInto(Node& parent, const Node& child, Mark mark) {
  // No overflow: both are at most kMaxNodes.
  parent.extent += child.extent;
  if (parent.extent > Document::kMaxNodes) {
    Fail(mark, Concat("more than ", Document::kMaxNodes,
                      " values in one document, counting each alias as what it stands for"));
  }
  if (child.height + 1 > parent.height) parent.height = static_cast<uint8_t>(child.height + 1);
}

void DocumentBuilder::Attach(const Node* node) {
  if (open_.empty()) {
    document_->root_ = node;
    return;
  }
  Open& open = open_.back();
  if (open.in_map) {
    // A duplicate may stay in the tree: nobody sees the tree once that has been reported.
    if (!open.ignored) {
      open.node->entries.push_back(Node::Entry{std::move(open.key), open.key_mark, node});
    }
    open.has_key = false;
    open.ignored = false;
    CountInto(*open.node, *node, open.key_mark);
  } else {
    open.node->items.push_back(node);
    CountInto(*open.node, *node, node->mark);
  }
}

std::shared_ptr<const Document> DocumentBuilder::Finish() {
  if (reported_) return nullptr;
  if (document_->root_ == nullptr) {
    Fail(Mark{}, "the document is empty");
    return nullptr;
  }
  return std::move(document_);
}

}  // namespace remora::config
