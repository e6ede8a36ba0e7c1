#include "source/stats/tag_extractor.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "source/base/check.h"

namespace remora::stats {
namespace {

using Cut = std::pair<size_t, size_t>;  // a part of the name: begin, end

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

std::string Expand(std::string_view regex) {
  return absl::StrReplaceAll(
      absl::string_view(regex.data(), regex.size()),
      {{"<ADDRESS>", R"((?:(?:\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[[a-fA-F_\d]+\])_\d+))"},
       {"<CIPHER>", R"([\w-]+)"},
       {"<NAME>", R"([^\.]+)"}});
}

// The segment that a name must begin with for an expression to match: of `^cluster\.x` "cluster".
// Empty where the expression does not say.
std::string_view FirstSegmentOfRegex(std::string_view regex) {
  if (regex.empty() || regex.front() != '^') return {};
  regex.remove_prefix(1);
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto end =
      static_cast<size_t>(std::find_if_not(regex.begin(), regex.end(), is_word) - regex.begin());
  const std::string_view rest = regex.substr(end);
  const bool ends = rest == "$" || rest.starts_with("\\.") || rest.starts_with("(?=\\.)");
  return ends ? regex.substr(0, end) : std::string_view();
}

// A name and where its first dots are: every rule asks, and the name is searched once.
class SplitName {
 public:
  static constexpr size_t kMostDots = 8;  // no rule looks further

  explicit SplitName(std::string_view text) : text_(text) {
    for (size_t dot = text.find('.'); dot != std::string_view::npos && count_ < kMostDots;
         dot = text.find('.', dot + 1)) {
      dots_[count_++] = dot;
    }
  }

  std::string_view text() const { return text_; }
  size_t dots() const { return count_; }
  size_t dot(size_t index) const { return dots_[index]; }

 private:
  std::string_view text_;
  size_t dots_[kMostDots];
  size_t count_ = 0;
};

std::string CutOut(std::string_view name, std::vector<Cut>& cuts) {
  std::sort(cuts.begin(), cuts.end());
  std::string result;
  result.reserve(name.size());
  size_t kept_to = 0;
  for (const auto& [begin, end] : cuts) {
    if (begin > kept_to) result.append(name.substr(kept_to, begin - kept_to));
    kept_to = std::max(kept_to, end);
  }
  result.append(name.substr(kept_to));
  return result;
}

}  // namespace

struct TagExtractor::Rule {
  std::optional<TagMatch> Match(const SplitName& name) {
    if (!segments.empty()) return MatchSegments(name);
    if (fixed_value.has_value()) return TagMatch{0, 0, *fixed_value};
    if (custom) return custom(name.text());
    return MatchRegex(name.text());
  }

  std::optional<TagMatch> MatchSegments(const SplitName& name) const;
  std::optional<TagMatch> MatchRegex(std::string_view name);

  std::string name;
  std::optional<std::string> fixed_value;
  std::function<std::optional<TagMatch>(std::string_view)> custom;
  std::vector<std::string> segments;  // without the last `**`
  DefaultTag default_tag;
  std::unique_ptr<re2::RE2> regex;  // of default_tag, once needed
};

std::optional<TagMatch> TagExtractor::Rule::MatchSegments(const SplitName& name) const {
  // The rest that `**` stands for is never empty.
  if (name.dots() < segments.size()) return std::nullopt;
  size_t variable = 0;
  size_t begin = 0;
  for (size_t i = 0; i < segments.size(); ++i) {
    const std::string& segment = segments[i];
    if (segment == "$") {
      variable = i;
    } else if (segment != "*" && segment != name.text().substr(begin, name.dot(i) - begin)) {
      return std::nullopt;
    }
    begin = name.dot(i) + 1;
  }
  const size_t from = variable == 0 ? 0 : name.dot(variable - 1) + 1;
  const size_t to = name.dot(variable);
  return TagMatch{from, to + 1, std::string(name.text().substr(from, to - from))};
}

std::optional<TagMatch> TagExtractor::Rule::MatchRegex(std::string_view full_name) {
  if (full_name.find(default_tag.substring) == std::string_view::npos) return std::nullopt;
  if (regex == nullptr) {
    regex = std::make_unique<re2::RE2>(Expand(default_tag.regex), re2::RE2::Quiet);
    CHECK(regex->ok());
  }
  re2::StringPiece cut;
  re2::StringPiece value;
  if (!re2::RE2::PartialMatch(Piece(full_name), *regex, &cut, &value)) return std::nullopt;
  if (value.as_string() == default_tag.not_value) return std::nullopt;
  const auto begin = static_cast<size_t>(cut.data() - full_name.data());
  return TagMatch{begin, begin + cut.size(), value.as_string()};
}

TagExtractor::TagExtractor() = default;
TagExtractor::TagExtractor(TagExtractor&&) noexcept = default;
TagExtractor& TagExtractor::operator=(TagExtractor&&) noexcept = default;
TagExtractor::~TagExtractor() = default;

absl::StatusOr<TagExtractor> TagExtractor::Create(const TagRules& rules) {
  TagExtractor extractor;
  if (rules.use_all_default_tags) {
    for (const DefaultTag& tag : DefaultTags()) extractor.AddDefault(tag);
  }
  for (const TagRule& given : rules.rules) {
    if (!given.fixed_value.has_value() && !given.match) {
      if (extractor.AddDefaultsOf(given.name) > 0) continue;
      return absl::InvalidArgumentError(
          "No regex specified for tag specifier and no default regex for name: '" + given.name +
          "'");
    }
    if (given.name.empty()) return absl::InvalidArgumentError("tag_name cannot be empty");
    auto rule = std::make_unique<Rule>();
    rule->name = given.name;
    rule->fixed_value = given.fixed_value;
    rule->custom = given.match;
    extractor.Add(std::move(rule), given.fixed_value.has_value()
                                       ? std::string_view()
                                       : FirstSegmentOfRegex(given.regex));
  }
  return extractor;
}

void TagExtractor::AddDefault(const DefaultTag& tag) {
  auto rule = std::make_unique<Rule>();
  rule->name = tag.name;
  rule->default_tag = tag;
  if (tag.segments.empty()) {
    Add(std::move(rule), FirstSegmentOfRegex(tag.regex));
    return;
  }
  rule->segments = absl::StrSplit(absl::string_view(tag.segments.data(), tag.segments.size()), '.');
  rule->segments.pop_back();
  CHECK(rule->segments.size() <= SplitName::kMostDots);
  const std::string first = rule->segments.front();
  Add(std::move(rule), first == "$" ? std::string_view() : first);
}

size_t TagExtractor::AddDefaultsOf(std::string_view name) {
  size_t found = 0;
  for (const DefaultTag& tag : DefaultTags()) {
    if (tag.name != name) continue;
    AddDefault(tag);
    ++found;
  }
  return found;
}

void TagExtractor::Add(std::unique_ptr<Rule> rule, std::string_view first_segment) {
  if (first_segment.empty()) {
    any_.push_back(std::move(rule));
  } else {
    by_first_segment_[std::string(first_segment)].push_back(std::move(rule));
  }
}

TagExtractor::Extracted TagExtractor::Extract(std::string_view full_name) const {
  Extracted result;
  std::vector<Cut> cuts;
  const SplitName name(full_name);
  const auto apply = [&](Rule& rule) {
    std::optional<TagMatch> match = rule.Match(name);
    if (!match.has_value()) return;
    // Of several rules for one tag the first that matches counts.
    const bool known = std::any_of(result.tags.begin(), result.tags.end(),
                                   [&](const Tag& tag) { return tag.name == rule.name; });
    if (known) return;
    if (match->remove_begin < match->remove_end && match->remove_end <= full_name.size()) {
      cuts.emplace_back(match->remove_begin, match->remove_end);
    }
    result.tags.push_back({rule.name, std::move(match->value)});
  };
  for (const std::unique_ptr<Rule>& rule : any_) apply(*rule);
  if (name.dots() > 0) {
    const auto rules = by_first_segment_.find(absl::string_view(full_name.data(), name.dot(0)));
    if (rules != by_first_segment_.end()) {
      for (const std::unique_ptr<Rule>& rule : rules->second) apply(*rule);
    }
  }
  result.name = CutOut(full_name, cuts);
  return result;
}

}  // namespace remora::stats
