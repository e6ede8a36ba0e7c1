#pragma once

// Explanation: the answer to a Question, as a plain value: what was decided, step by step.
//
// Thread: made on a worker, which lets it go; main adds what it knows of the resources (Origin,
// written configuration) and shows it. Nothing refers to the configuration any more, so it may
// outlive it. Nothing fails.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/config/written_filters.h"

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

  // `describe` makes the Loser; of those that are not named it is not asked, for there may be
  // thousands.
  template <class Describe>
  void AddLoser(const Describe& describe) {
    if (losers.size() < kMaxLosers) {
      losers.push_back(describe());
    } else {
      ++more_losers;
    }
  }
};

// A filter of the chain, in its order.
struct ShownFilter {
  std::string name;
  std::string type_url;
  bool runs = true;
  config::RouteLevel level = config::RouteLevel::kNone;  // whose word counts for the request
  std::string config = {};                               // JSON; empty: not known
  std::string route_config = {};                         // that of `level`
};

// What becomes of the request, as far as its head decides it.
struct Outcome {
  bool forwarded = false;
  uint16_t status = 0;       // of the answer when it is not forwarded; 0: the connection is closed
  std::string flags = {};    // response flags
  std::string details = {};  // response code details
  std::string text = {};     // in words
};

struct Explanation {
  std::vector<Step> steps;
  std::vector<ShownFilter> filters;
  config::FilterPlace place;  // of the filters
  Outcome outcome;
};

}  // namespace remora::explain
