#pragma once

// RouteScopes: which of its route tables a connection manager uses for a request (scoped routes).
//
//   head --ScopeKeyBuilder--> key --ScopeTable--> a table, or the slot of one of a source
//
// The key is made of a piece of a header field for each fragment; where one is missing, or no scope
// has that key, there is no route. Immutable values; any thread, but ScopeSlot, of which each
// worker has its place, as with RouteSlot. Nothing fails. Source:
// envoy.config.route.v3.ScopedRouteConfiguration; Envoy source/common/router/scoped_config_impl.cc.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/http/message.h"
#include "source/http/route/conditions.h"
#include "source/http/route/route_slot.h"
#include "source/http/route/route_table.h"

namespace remora::route {

class ScopeKeyBuilder {
 public:
  struct Fragment {
    RequestField field;
    std::string element_separator;  // empty: the field's value is one element
    // Which element: by its number, or the value of the first one with that key.
    uint32_t index = 0;
    std::string key = {};
    std::string key_separator = {};  // empty: by number
  };

  explicit ScopeKeyBuilder(std::vector<Fragment> fragments) : fragments_(std::move(fragments)) {}
  // None: a fragment is missing.
  std::optional<std::string> KeyOf(const http::RequestHead& head) const;

  // As KeyOf makes it.
  static void Append(std::string_view fragment, std::string& key);

 private:
  std::vector<Fragment> fragments_;
};

// One of the two is not null.
struct Scope {
  std::shared_ptr<const RouteTable> table;
  std::shared_ptr<const RouteSlot> slot;
};
using ScopeTable = absl::flat_hash_map<std::string, Scope>;  // by key

class ScopeSlot {
 public:
  void Prepare(size_t workers) const {
    if (places_.empty()) places_.resize(workers);
  }
  const ScopeTable* Get(size_t worker) const { return places_[worker].table.get(); }
  void Put(size_t worker, std::shared_ptr<const ScopeTable> table) const {
    places_[worker].table = std::move(table);
  }

 private:
  // A cache line each: workers read theirs for every request.
  struct alignas(64) Place {
    std::shared_ptr<const ScopeTable> table;
  };
  mutable std::vector<Place> places_;
};

class RouteScopes {
 public:
  // Of the configuration itself.
  RouteScopes(ScopeKeyBuilder builder, ScopeTable table)
      : builder_(std::move(builder)), table_(std::move(table)) {}
  // Of a source.
  RouteScopes(ScopeKeyBuilder builder, std::shared_ptr<const ScopeSlot> slot)
      : builder_(std::move(builder)), slot_(std::move(slot)) {}

  // Null: there is none for this request.
  const Scope* Find(const http::RequestHead& head, size_t worker) const;

 private:
  ScopeKeyBuilder builder_;
  ScopeTable table_;
  std::shared_ptr<const ScopeSlot> slot_;  // null: `table_` it is
};

}  // namespace remora::route
