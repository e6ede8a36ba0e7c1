#pragma once

// Splits a metric's name into a name without variables and tags, as Prometheus wants it:
// `cluster.up.upstream_rq_200` -> `cluster.upstream_rq` {envoy.response_code=200,
// envoy.cluster_name=up}. Rules are Envoy's defaults (default_tags.cc) and the operator's
// (bootstrap stats_config.stats_tags), handed over as plain values.
//
// Every rule sees the whole name; what the rules matched is cut out at the end. Rules without a
// fixed first segment are tried first, then those for the name's first segment: that is Envoy's
// order, and it is the order of the labels.
// Main thread only: the default expressions are compiled when first needed, since most processes
// are never scraped. Create fails with InvalidArgument, in Envoy's words.
// Source: Envoy source/common/stats/tag_producer_impl.cc, tag_extractor_impl.cc.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/stats/default_tags.h"

namespace re2 {
class RE2;
}

namespace remora::stats {

struct Tag {
  std::string name;
  std::string value;
};

// What an operator's expression found in a name.
struct TagMatch {
  size_t remove_begin = 0;  // the first group, cut out of the name
  size_t remove_end = 0;
  std::string value;  // the second group, or the first where there is no second
};

// One entry of stats_tags. Without a fixed value and without a match function it stands for the
// default rules of that tag name.
struct TagRule {
  std::string name;
  std::optional<std::string> fixed_value;
  std::string regex;  // the text of what `match` compiled; tells the order of rules only
  std::function<std::optional<TagMatch>(std::string_view)> match;
};

struct TagRules {
  bool use_all_default_tags = true;
  std::vector<TagRule> rules;
};

class TagExtractor {
 public:
  struct Extracted {
    std::string name;
    std::vector<Tag> tags;
  };

  static absl::StatusOr<TagExtractor> Create(const TagRules& rules);
  TagExtractor(TagExtractor&&) noexcept;
  TagExtractor& operator=(TagExtractor&&) noexcept;
  ~TagExtractor();

  Extracted Extract(std::string_view full_name) const;

 private:
  struct Rule;

  TagExtractor();
  void AddDefault(const DefaultTag& tag);
  // The number of default rules of that name.
  size_t AddDefaultsOf(std::string_view name);
  void Add(std::unique_ptr<Rule> rule, std::string_view first_segment);

  std::vector<std::unique_ptr<Rule>> any_;  // rules for every name
  absl::flat_hash_map<std::string, std::vector<std::unique_ptr<Rule>>> by_first_segment_;
};

}  // namespace remora::stats
