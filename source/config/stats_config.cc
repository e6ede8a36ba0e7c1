#include "source/config/stats_config.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "envoy/config/metrics/v3/stats.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "source/config/matcher_config.h"
#include "source/config/tag_regex_config.h"

namespace remora::config {
namespace {

namespace metrics = envoy::config::metrics::v3;

void AddPredicates(const envoy::type::matcher::v3::ListStringMatcher& list, const FieldPath& path,
                   Translation& translation, stats::Matcher& matcher) {
  const FieldPath patterns = path.Field("patterns");
  for (int i = 0; i < list.patterns_size(); ++i) {
    auto predicate =
        ParseStatPredicate(list.patterns(i), patterns.Index(static_cast<size_t>(i)), translation);
    if (predicate) matcher.predicates.push_back(std::move(predicate));
  }
}

stats::TagRule ParseTag(const metrics::TagSpecifier& proto, const FieldPath& path,
                        Translation& translation) {
  stats::TagRule rule;
  rule.name = proto.tag_name();
  if (proto.tag_value_case() == metrics::TagSpecifier::kFixedValue) {
    rule.fixed_value = proto.fixed_value();
    return rule;
  }
  rule.regex = proto.regex();
  if (!rule.regex.empty()) {
    absl::StatusOr<TagMatcher> match = CompileTagRegex(rule.regex);
    if (!match.ok()) {
      translation.errors.Add(path.Field("regex"), std::string(match.status().message()));
      return rule;
    }
    rule.match = *std::move(match);
  }
  const absl::Status usable = stats::TagExtractor::Create({false, {rule}}).status();
  if (!usable.ok()) translation.errors.Add(path, std::string(usable.message()));
  return rule;
}

}  // namespace

stats::Matcher ParseStatsMatcher(const metrics::StatsConfig& proto, const FieldPath& path,
                                 Translation& translation) {
  stats::Matcher matcher;
  if (!proto.has_stats_matcher()) return matcher;
  const metrics::StatsMatcher& given = proto.stats_matcher();
  const FieldPath matcher_path = path.Field("stats_matcher");
  switch (given.stats_matcher_case()) {
    case metrics::StatsMatcher::kRejectAll:
      if (given.reject_all()) matcher.mode = stats::Matcher::Mode::kRejectAll;
      break;
    case metrics::StatsMatcher::kInclusionList:
      matcher.mode = stats::Matcher::Mode::kInclusion;
      AddPredicates(given.inclusion_list(), matcher_path.Field("inclusion_list"), translation,
                    matcher);
      break;
    case metrics::StatsMatcher::kExclusionList:
      matcher.mode = stats::Matcher::Mode::kExclusion;
      AddPredicates(given.exclusion_list(), matcher_path.Field("exclusion_list"), translation,
                    matcher);
      break;
    case metrics::StatsMatcher::STATS_MATCHER_NOT_SET:
      translation.errors.Add(matcher_path, "exactly one kind of matcher is required");
  }
  return matcher;
}

stats::TagRules ParseStatsTags(const metrics::StatsConfig& proto, const FieldPath& path,
                               Translation& translation) {
  stats::TagRules tags;
  if (proto.has_use_all_default_tags()) {
    tags.use_all_default_tags = proto.use_all_default_tags().value();
  }
  const FieldPath list = path.Field("stats_tags");
  for (int i = 0; i < proto.stats_tags_size(); ++i) {
    tags.rules.push_back(
        ParseTag(proto.stats_tags(i), list.Index(static_cast<size_t>(i)), translation));
  }
  return tags;
}

}  // namespace remora::config
