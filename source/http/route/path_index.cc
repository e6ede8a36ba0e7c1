#include "source/http/route/path_index.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "source/base/check.h"

namespace remora::route {
namespace {

constexpr auto kPrefix = static_cast<uint32_t>(PathMatch::Kind::kPrefix);
constexpr auto kPathSeparatedPrefix = static_cast<uint32_t>(PathMatch::Kind::kPathSeparatedPrefix);

template <bool kIgnoreCase>
char Fold(char c) {
  return kIgnoreCase ? absl::ascii_tolower(static_cast<unsigned char>(c)) : c;
}

// Whether the first `size` bytes of `path`, which has as many, are those of the literal.
template <bool kIgnoreCase>
bool SameBytes(const char* path, const char* literal, size_t size) {
  if constexpr (!kIgnoreCase) return size == 0 || std::memcmp(path, literal, size) == 0;
  for (size_t i = 0; i < size; ++i) {
    if (Fold<true>(path[i]) != literal[i]) return false;
  }
  return true;
}

template <bool kIgnoreCase>
bool StartsWith(std::string_view path, std::string_view literal) {
  return path.size() >= literal.size() &&
         SameBytes<kIgnoreCase>(path.data(), literal.data(), literal.size());
}

}  // namespace

// What a search has found so far.
struct PathIndex::Candidates {
  static constexpr uint32_t kNone = ~uint32_t{0};
  // Entries whose conditions have to be asked, once it is known which routes can still win.
  struct Pending {
    const Entry* begin;
    const Entry* end;
    size_t literal_size;
  };
  static constexpr size_t kMaxPending = 16;

  // Leaves `pending` as it is: clearing it would cost more than most searches.
  explicit Candidates(const RequestView& view) : request(view) {}

  const RequestView& request;
  uint32_t best = kNone;
  size_t pending_count = 0;
  Pending pending[kMaxPending];
};

// Builds one tree from its routes' literals in sorted order: a node is a range of them that agrees
// up to the end of the node's label.
class PathIndex::TreeBuilder {
 public:
  TreeBuilder(const Route* routes, const std::vector<IndexedPath>& paths, bool case_sensitive)
      : routes_(routes), paths_(paths) {
    for (uint32_t i = 0; i < paths.size(); ++i) {
      if (paths[i].case_sensitive == case_sensitive) order_.push_back(i);
    }
    std::sort(order_.begin(), order_.end(), [&paths](uint32_t a, uint32_t b) {
      const int c = paths[a].text.compare(paths[b].text);
      return c != 0 ? c < 0 : a < b;
    });
  }

  Tree Build() {
    if (order_.empty()) return {};
    AddNode({0, static_cast<uint32_t>(order_.size()), 0}, 0);
    for (uint32_t node = 0; node < tree_.nodes.size(); ++node) AddContent(node);
    tree_.nodes.shrink_to_fit();
    tree_.first_bytes.shrink_to_fit();
    tree_.entries.shrink_to_fit();
    return std::move(tree_);
  }

 private:
  // order_[begin, end), which agree in their first `depth` bytes.
  struct Range {
    uint32_t begin;
    uint32_t end;
    uint32_t depth;
  };

  std::string_view TextAt(uint32_t place) const { return paths_[order_[place]].text; }

  // `label_begin`: where in the literals the node's label starts.
  void AddNode(Range range, uint32_t label_begin) {
    // All between the first and the last agree where these two do.
    const std::string_view first = TextAt(range.begin);
    const std::string_view last = TextAt(range.end - 1);
    while (range.depth < first.size() && range.depth < last.size() &&
           first[range.depth] == last[range.depth]) {
      ++range.depth;
    }
    const std::string_view label = first.substr(label_begin, range.depth - label_begin);
    Node& node = tree_.nodes.emplace_back();
    node.label_size = static_cast<uint32_t>(label.size());
    if (label.size() <= Node::kInlineLabel) {
      std::copy(label.begin(), label.end(), node.label.bytes);
    } else {
      node.label.text = label.data();
    }
    tree_.first_bytes.push_back(label.empty() ? '\0' : label[0]);
    ranges_.push_back(range);
  }

  void AddContent(uint32_t index) {
    const Range range = ranges_[index];
    uint32_t at = AddEntries(index, range);
    tree_.nodes[index].first_child = static_cast<uint32_t>(tree_.nodes.size());
    while (at < range.end) {
      const char byte = TextAt(at)[range.depth];
      uint32_t end = at + 1;
      while (end < range.end && TextAt(end)[range.depth] == byte) ++end;
      AddNode({at, end, range.depth + 1}, range.depth);
      tree_.nodes[index].child_count = tree_.nodes[index].child_count + 1;
      at = end;
    }
  }

  // Returns the place behind those that end at the node.
  uint32_t AddEntries(uint32_t index, Range range) {
    Node& node = tree_.nodes[index];
    node.first_entry = static_cast<uint32_t>(tree_.entries.size());
    bool shadowed = false;
    uint32_t at = range.begin;
    for (; at < range.end && TextAt(at).size() == range.depth; ++at) {
      if (shadowed) continue;
      const uint32_t route = order_[at];
      const PathMatch::Kind kind = paths_[route].kind;
      const bool conditional = routes_[route].conditions_ != nullptr;
      tree_.entries.push_back(
          {.route = route,
           .kind = kind >= PathMatch::Kind::kSafeRegex ? kPrefix : static_cast<uint32_t>(kind),
           .conditional = conditional});
      ++node.entry_count;
      // A prefix without conditions takes all that gets here: those behind it never match.
      shadowed = kind == PathMatch::Kind::kPrefix && !conditional;
    }
    return at;
  }

  const Route* routes_;
  const std::vector<IndexedPath>& paths_;
  std::vector<uint32_t> order_;  // numbers of routes, by text, then as configured
  std::vector<Range> ranges_;    // by node
  Tree tree_;
};

PathIndex::PathIndex(const std::vector<Route>& routes, const std::vector<IndexedPath>& paths)
    : routes_(routes.data()), route_count_(routes.size()) {
  CHECK(routes.size() == paths.size() && routes.size() <= kMaxRoutes);
  if (route_count_ <= kMaxLinear) return;
  case_sensitive_ = TreeBuilder(routes_, paths, true).Build();
  ignore_case_ = TreeBuilder(routes_, paths, false).Build();
}

// `path` starts with the literal; does the rest suit the kind of match?
inline bool PathIndex::Fits(uint32_t kind, std::string_view path, size_t literal_size) {
  if (kind == kPrefix || path.size() == literal_size) return true;
  return kind == kPathSeparatedPrefix && path[literal_size] == '/';
}

inline bool PathIndex::FitsLiteral(const Route& route, std::string_view path) {
  if (route.path_kind_ >= PathMatch::Kind::kSafeRegex) return true;
  const std::string_view text = route.path_text_;
  const bool starts =
      route.case_sensitive_ ? StartsWith<false>(path, text) : StartsWith<true>(path, text);
  return starts && Fits(static_cast<uint32_t>(route.path_kind_), path, text.size());
}

const Route* PathIndex::FindLinear(const RequestView& request) const {
  for (const Route* route = routes_; route != routes_ + route_count_; ++route) {
    if (!FitsLiteral(*route, request.path)) continue;
    if (route->conditions_ == nullptr || route->conditions_->Hold(request)) return route;
  }
  return nullptr;
}

Mismatch PathIndex::Check(const Route& route, const RequestView& request) {
  using Kind = RouteConditions::Kind;
  // As FindPathless.
  const bool pathless = request.head.path.empty();
  if (pathless && route.path_kind_ != PathMatch::Kind::kConnect) return {Mismatch::Kind::kPath};
  if (!pathless && !FitsLiteral(route, request.path)) return {Mismatch::Kind::kPath};
  if (route.conditions_ == nullptr) return {};
  const RouteConditions::Condition failing = route.conditions_->FirstFailing(request);
  switch (failing.kind) {
    case Kind::kNone:
      return {};
    case Kind::kConnect:
      return {Mismatch::Kind::kConnect};
    case Kind::kRuntimeFraction:
      return {Mismatch::Kind::kRuntimeFraction};
    case Kind::kGrpc:
      return {Mismatch::Kind::kGrpc};
    case Kind::kHeader:
      return {Mismatch::Kind::kHeader, route.conditions_->headers[failing.index].name()};
    case Kind::kQueryParameter:
      return {Mismatch::Kind::kQueryParameter,
              route.conditions_->query_parameters[failing.index].name()};
    case Kind::kCookie:
      return {Mismatch::Kind::kCookie, route.conditions_->cookies[failing.index].name()};
    case Kind::kDynamicMetadata:
      return {Mismatch::Kind::kDynamicMetadata};
    case Kind::kPathRegex:
      return {Mismatch::Kind::kPath};
  }
  return {};
}

// Entries in ascending order: the first that holds is the best of them.
void PathIndex::Settle(const Entry* entry, const Entry* end, size_t literal_size,
                       Candidates& candidates) const {
  const RequestView& request = candidates.request;
  for (; entry != end && entry->route < candidates.best; ++entry) {
    if (!entry->conditional || !Fits(entry->kind, request.path, literal_size)) continue;
    if (routes_[entry->route].conditions_->Hold(request)) candidates.best = entry->route;
  }
}

inline void PathIndex::Consider(const Tree& tree, const Node& node, size_t literal_size,
                                Candidates& candidates) const {
  const Entry* const begin = &tree.entries[node.first_entry];
  const Entry* const end = begin + node.entry_count;
  const Entry* first_conditional = nullptr;
  for (const Entry* entry = begin; entry != end && entry->route < candidates.best; ++entry) {
    if (entry->conditional) {
      if (first_conditional == nullptr) first_conditional = entry;
    } else if (Fits(entry->kind, candidates.request.path, literal_size)) {
      candidates.best = entry->route;
    }
  }
  if (first_conditional == nullptr) return;
  if (candidates.pending_count == Candidates::kMaxPending) {
    Settle(first_conditional, end, literal_size, candidates);
    return;
  }
  candidates.pending[candidates.pending_count++] = {first_conditional, end, literal_size};
}

template <bool kIgnoreCase>
void PathIndex::Walk(const Tree& tree, std::string_view path, Candidates& candidates) const {
  if (tree.nodes.empty()) return;
  const Node* node = tree.nodes.data();
  size_t depth = 0;
  for (;;) {
    const size_t label_size = node->label_size;
    if (label_size > path.size() - depth) return;
    const char* label = label_size <= Node::kInlineLabel ? node->label.bytes : node->label.text;
    if (!SameBytes<kIgnoreCase>(path.data() + depth, label, label_size)) return;
    depth += label_size;
    if (node->entry_count != 0) Consider(tree, *node, depth, candidates);
    if (depth == path.size() || node->child_count == 0) return;
    const char* first_bytes = tree.first_bytes.data() + node->first_child;
    const void* found = std::memchr(
        first_bytes, static_cast<unsigned char>(Fold<kIgnoreCase>(path[depth])), node->child_count);
    if (found == nullptr) return;
    node = &tree.nodes[node->first_child +
                       static_cast<size_t>(static_cast<const char*>(found) - first_bytes)];
  }
}

// A request without a path (CONNECT): as in Envoy only those routes that are for CONNECT.
const Route* PathIndex::FindPathless(const RequestView& request) const {
  for (const Route* route = routes_; route != routes_ + route_count_; ++route) {
    if (route->path_kind_ == PathMatch::Kind::kConnect && route->conditions_->Hold(request)) {
      return route;
    }
  }
  return nullptr;
}

const Route* PathIndex::Find(const RequestView& request) const {
  if (request.head.path.empty()) [[unlikely]]
    return FindPathless(request);
  if (route_count_ <= kMaxLinear) return FindLinear(request);
  Candidates candidates(request);
  Walk<false>(case_sensitive_, request.path, candidates);
  Walk<true>(ignore_case_, request.path, candidates);
  for (size_t i = 0; i < candidates.pending_count; ++i) {
    const Candidates::Pending& pending = candidates.pending[i];
    Settle(pending.begin, pending.end, pending.literal_size, candidates);
  }
  return candidates.best == Candidates::kNone ? nullptr : &routes_[candidates.best];
}

}  // namespace remora::route
