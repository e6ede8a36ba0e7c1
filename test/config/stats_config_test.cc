#include <catch2/catch.hpp>

#include "source/config/tag_regex_config.h"
#include "test/config/printed_config.h"

namespace remora::config {
namespace {

stats::Matcher Matcher(const std::string& text) {
  const LoadedBootstrap loaded = Load("stats_config: {stats_matcher: " + text + "}");
  REQUIRE(loaded.config.has_value());
  return loaded.config->stats_matcher;
}

TEST_CASE("a stats matcher accepts what it says") {
  CHECK(Matcher("{reject_all: false}").Accepts("a"));
  CHECK_FALSE(Matcher("{reject_all: true}").Accepts("a"));
  const stats::Matcher some = Matcher(
      "{inclusion_list: {patterns: [{exact: a}, {prefix: b.}, {suffix: .c}, {contains: dd}, "
      "{safe_regex: {regex: 'e[0-9]+'}}, {exact: FfF, ignore_case: true}]}}");
  for (const char* name : {"a", "b.x", "x.c", "xddx", "e12", "fFf"}) CHECK(some.Accepts(name));
  for (const char* name : {"aa", "ab.", "x.c.y", "xdx", "xe12", "fF"})
    CHECK_FALSE(some.Accepts(name));
  const stats::Matcher rest = Matcher("{exclusion_list: {patterns: [{prefix: b.}]}}");
  CHECK(rest.Accepts("a"));
  CHECK_FALSE(rest.Accepts("b.a"));
}

TEST_CASE("faults of stats settings stand at their fields") {
  CHECK(
      Printed("stats_config: {stats_matcher: {inclusion_list: {patterns: [{safe_regex: {regex: "
              "'a('}}]}}}") ==
      "1: stats_config.stats_matcher.inclusion_list.patterns[0].safe_regex.regex: missing ): a(\n");
  CHECK(Printed("stats_config: {stats_tags: [{tag_name: a, regex: '^x(('}, {tag_name: b}]}") ==
        "1: stats_config.stats_tags[0].regex: Invalid regex '^x((': missing ): ^x((\n"
        "1: stats_config.stats_tags[1]: No regex specified for tag specifier and no default regex "
        "for name: 'b'\n");
}

// What the tag rules of a bootstrap make of a name: the rest, then name=value of each tag.
std::string Extracted(const std::string& settings, std::string_view name) {
  const LoadedBootstrap loaded = Load("stats_config: {" + settings + "}");
  REQUIRE(loaded.config.has_value());
  const auto extractor = stats::TagExtractor::Create(loaded.config->stats_tags);
  REQUIRE(extractor.ok());
  const stats::TagExtractor::Extracted extracted = extractor->Extract(name);
  std::string out = extracted.name;
  for (const stats::Tag& tag : extracted.tags) out += " " + tag.name + "=" + tag.value;
  return out;
}

TEST_CASE("tags come from the default rules, from expressions, or are fixed") {
  CHECK(Extracted("", "cluster.a.x") == "cluster.x envoy.cluster_name=a");
  CHECK(Extracted("use_all_default_tags: false", "cluster.a.x") == "cluster.a.x");
  CHECK(Extracted("use_all_default_tags: false, stats_tags: [{tag_name: envoy.cluster_name}]",
                  "cluster.a.x") == "cluster.x envoy.cluster_name=a");
  CHECK(
      Extracted("use_all_default_tags: false, stats_tags: [{tag_name: t, regex: '(\\.a_(\\d+))'}]",
                "x.a_17.y") == "x.y t=17");
  CHECK(Extracted("use_all_default_tags: false, stats_tags: [{tag_name: t, regex: '(a\\.)'}]",
                  "x.a.y") == "x.y t=a.");
  CHECK(Extracted("stats_tags: [{tag_name: pod, fixed_value: p}]", "x") == "x pod=p");
}

TEST_CASE("look-ahead, which control planes write, is understood") {
  CHECK(Extracted("use_all_default_tags: false, stats_tags: [{tag_name: t, regex: "
                  "'^listener(?=\\.)(.*?\\.(.*?))\\.'}]",
                  "listener.a.b.c") == "listener.b.c t=a");
}

TEST_CASE("a tag expression without a group or without a match finds nothing") {
  for (const char* regex : {"a", "(x)", "(?=b)", "(?=b)(x)"}) {
    const auto match = CompileTagRegex(regex);
    REQUIRE(match.ok());
    CHECK_FALSE((*match)("abc").has_value());
  }
}

TEST_CASE("a tag expression that needs a deep stack gives up instead") {
  const auto match = CompileTagRegex("(?=a)((a|b)*)");
  REQUIRE(match.ok());
  CHECK((*match)(std::string(2000, 'a')).has_value());
  CHECK_FALSE((*match)(std::string(1 << 20, 'a')).has_value());
}

}  // namespace
}  // namespace remora::config
