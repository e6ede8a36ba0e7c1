#pragma once

// Explanation: the answer to a Question, as a plain value: what was decided, step by step.
//
// Made on a worker, completed (Origin) and shown on main. Nothing fails.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace remora::explain {

// A resource of the configuration.
struct Origin {
  enum class Type : uint8_t { kNone, kListener, kRoutes, kCluster, kEndpoints };

  Type type = Type::kNone;
  std::string name = {};  // of endpoints: their cluster's
  std::string text = {};  // where it came from, and in which version
};

struct Fact {
  std::string_view name;  // a literal
  std::string text;
};

// What was not chosen.
struct Loser {
  std::string name;
  std::string reason;
};

struct Step {
  static constexpr size_t kMaxLosers = 100;

  std::string_view what;    // a literal: "listener"
  std::string chosen = {};  // empty: there is none
  std::vector<Fact> facts = {};
  std::vector<Loser> losers = {};
  size_t more_losers = 0;  // that are not named
  Origin origin = {};

  void AddLoser(std::string name, std::string reason) {
    if (losers.size() < kMaxLosers) {
      losers.push_back({std::move(name), std::move(reason)});
    } else {
      ++more_losers;
    }
  }
};

// A filter of the chain, in its order.
struct ShownFilter {
  // Where a route table says something of the filter.
  enum class Level : uint8_t { kNone, kTable, kVirtualHost, kRoute, kWeightedCluster };

  std::string name;
  std::string type_url;
  bool runs = true;
  Level level = Level::kNone;     // whose word counts for the request
  std::string config = {};        // JSON; empty: not known
  std::string route_config = {};  // that of `level`
};

// Where in its resources the configuration of the filters is.
struct FilterPlace {
  std::optional<size_t> filter_chain = {};      // absent: the default one
  std::optional<size_t> virtual_host = {};      // in the route table
  std::optional<size_t> route = {};             // in the virtual host
  std::optional<size_t> weighted_cluster = {};  // in the route
};

// What becomes of the request, as far as its head decides it.
struct Outcome {
  bool forwarded = false;
  uint16_t status = 0;       // of the answer when it is not forwarded; 0: the connection is closed
  std::string flags = {};    // response flags
  std::string details = {};  // response code details
  std::string text = {};     // in words
};

std::string_view NameOf(ShownFilter::Level level);

struct Explanation {
  std::vector<Step> steps;
  std::vector<ShownFilter> filters;
  FilterPlace place;
  Outcome outcome;
};

}  // namespace remora::explain
