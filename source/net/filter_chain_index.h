#pragma once

// FilterChainIndex: finds the filter chain of a connection. The conditions are asked in Envoy's
// order, each as a level of a tree:
//
//   destination port > destination prefix > server name > transport protocol
//     > application protocols > direct source prefix > source type > source prefix > source port
//
// At each level the most specific entry wins (an exact name before the longest wildcard, the
// longest prefix), and there is no way back: when nothing below it fits, no chain does. So the
// order of the chains in the configuration means nothing.
//
// Owner: the listener's configuration. Threads: built on main, then shared read-only. Find
// allocates nothing. Source: Envoy source/common/listener_manager/filter_chain_manager_impl.cc.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/net/filter_chain_match.h"

namespace remora::net {

class FilterChainIndex {
 public:
  FilterChainIndex();
  ~FilterChainIndex();
  FilterChainIndex(FilterChainIndex&&) noexcept;
  FilterChainIndex& operator=(FilterChainIndex&&) noexcept;

  // False when a chain that is there already takes some of the same connections; the index is then
  // of no more use.
  [[nodiscard]] bool Add(const FilterChainMatch& match, size_t chain);

  // nullopt: no chain takes it.
  std::optional<size_t> Find(const ConnectionTraits& traits) const;
  // The conditions, in the order in which they are asked.
  enum class Condition : uint8_t {
    kDestinationPort,
    kDestinationPrefix,
    kServerName,
    kTransportProtocol,
    kApplicationProtocols,
    kDirectSourcePrefix,
    kSourceType,
    kSourcePrefix,
    kSourcePort,
  };
  // A chain that does not take it, and where it fell out: it does not fit, or another fits better.
  struct Loser {
    size_t chain;
    Condition condition;
  };
  // Find, and what becomes of the other chains on the way. For people: asks every chain.
  std::optional<size_t> Explain(const ConnectionTraits& traits, std::vector<Loser>& losers) const;
  // The one chain there is, which takes whatever comes: Find needs to know nothing.
  std::optional<size_t> only() const { return only_; }

 private:
  struct Node;

  bool AddBelow(Node& node, size_t level, const std::vector<std::vector<std::string>>& keys,
                size_t chain);

  std::unique_ptr<Node> root_;
  std::optional<size_t> only_;
};

}  // namespace remora::net
