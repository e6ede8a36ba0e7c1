#pragma once

// PathIndex: the first route of a virtual host that takes a request.
//
// Private to this folder. Up to kMaxLinear routes are tried one after the other. More are compiled
// into radix trees over their literal paths (one for routes that mind case, one for those that do
// not; a regex stands at the literal that each of its matches starts with):
//
//   "/"  ->  "api/" -> "v1" [3: prefix] -> "/users" [0: path] [7: prefix, if headers ...]
//        ->  "img/" [1: prefix]
//
// One walk along the path meets each route whose literal fits. Of these the smallest number whose
// conditions hold wins: first match in the order of the configuration, whatever the tree's shape.
// Conditions are only asked of routes that could still win. Immutable; any thread; a walk costs at
// most one step a byte of the path, and the walk allocates nothing.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/route/conditions.h"
#include "source/http/route/route_table.h"

namespace remora::route {

// Where a route stands in the index. The texts outlive the index.
struct IndexedPath {
  std::string_view text;  // lower-case unless case_sensitive; of a regex: its literal prefix
  PathMatch::Kind kind = PathMatch::Kind::kPrefix;
  bool case_sensitive = true;
};

class PathIndex {
 public:
  static constexpr size_t kMaxLinear = 8;
  static constexpr size_t kMaxTextSize = (size_t{1} << 23) - 1;
  static constexpr size_t kMaxRoutes = size_t{1} << 29;

  // `paths[i]` belongs to `routes[i]`. Both the routes and the texts must stay where they are.
  PathIndex(const std::vector<Route>& routes, const std::vector<IndexedPath>& paths);

  // Null when no route matches.
  const Route* Find(const RequestView& request) const;
  // What a route that does not take the request asks for in vain; kNone: it takes it.
  static Mismatch Check(const Route& route, const RequestView& request);

 private:
  // A route at the node where its literal ends.
  struct Entry {
    uint32_t route : 29;
    uint32_t kind : 2;  // PathMatch::Kind; a regex and CONNECT count as a prefix
    uint32_t conditional : 1;
  };
  // The children of a node are adjacent, ordered as their first bytes in Tree::first_bytes.
  struct Node {
    static constexpr size_t kInlineLabel = 16;

    uint32_t first_child = 0;
    uint32_t first_entry = 0;
    uint32_t entry_count = 0;
    uint32_t label_size : 23 = 0;
    uint32_t child_count : 9 = 0;
    union {
      char bytes[kInlineLabel];
      const char* text;  // of a longer label: in the texts
    } label = {};
  };
  struct Tree {
    std::vector<Node> nodes;  // breadth first; empty: no route
    std::string first_bytes;  // by node: the first byte of its label
    std::vector<Entry> entries;
  };
  class TreeBuilder;
  struct Candidates;

  const Route* FindPathless(const RequestView& request) const;
  static bool Fits(uint32_t kind, std::string_view path, size_t literal_size);
  // The literal of the route's path, if it has one, suits.
  static bool FitsLiteral(const Route& route, std::string_view path);
  const Route* FindLinear(const RequestView& request) const;
  template <bool kIgnoreCase>
  void Walk(const Tree& tree, std::string_view path, Candidates& candidates) const;
  void Consider(const Tree& tree, const Node& node, size_t literal_size,
                Candidates& candidates) const;
  void Settle(const Entry* entry, const Entry* end, size_t literal_size,
              Candidates& candidates) const;

  const Route* routes_;
  size_t route_count_;
  Tree case_sensitive_;
  Tree ignore_case_;
};

}  // namespace remora::route
