// With sanitizers, GCC 12 takes what std::regex holds for uninitialised (GCC bug 105562).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "source/config/tag_regex_config.h"

#include <re2/re2.h>

#include <memory>
#include <regex>
#include <utility>
#include <vector>

#include "source/config/text.h"

namespace remora::config {
namespace {

// libstdc++ takes up to about 1 KiB of stack for each character of a name.
constexpr size_t kMaxRecursiveName = 2048;

TagMatcher WithRe2(std::shared_ptr<const re2::RE2> regex) {
  const int groups = regex->NumberOfCapturingGroups();
  return [regex = std::move(regex),
          groups](std::string_view name) -> std::optional<stats::TagMatch> {
    re2::StringPiece parts[3];
    const re2::StringPiece text(name.data(), name.size());
    // Envoy too finds nothing with an expression that has no group.
    if (groups < 1 || !regex->Match(text, 0, text.size(), re2::RE2::UNANCHORED, parts, 3)) {
      return std::nullopt;
    }
    // A first group that took no part in the match stands for nothing.
    const size_t begin =
        parts[1].data() == nullptr ? 0 : static_cast<size_t>(parts[1].data() - name.data());
    const re2::StringPiece value = groups > 1 ? parts[2] : parts[1];
    return stats::TagMatch{begin, begin + parts[1].size(), std::string(value.data(), value.size())};
  };
}

TagMatcher WithStdRegex(std::shared_ptr<const std::regex> regex) {
  return [regex = std::move(regex)](std::string_view name) -> std::optional<stats::TagMatch> {
    if (name.size() > kMaxRecursiveName) return std::nullopt;
    std::cmatch match;
    try {
      if (!std::regex_search(name.data(), name.data() + name.size(), match, *regex)) {
        return std::nullopt;
      }
    } catch (const std::regex_error&) {
      return std::nullopt;  // Too complex for this name.
    }
    if (match.size() < 2) return std::nullopt;
    const size_t begin = match[1].matched ? static_cast<size_t>(match.position(1)) : 0;
    const auto length = static_cast<size_t>(match.length(1));
    return stats::TagMatch{begin, begin + length, match.size() > 2 ? match.str(2) : match.str(1)};
  };
}

}  // namespace

absl::StatusOr<TagMatcher> CompileTagRegex(const std::string& regex) {
  auto fast = std::make_shared<const re2::RE2>(regex, re2::RE2::Quiet);
  if (fast->ok()) return WithRe2(std::move(fast));
  try {
    return WithStdRegex(
        std::make_shared<const std::regex>(regex, std::regex::ECMAScript | std::regex::optimize));
  } catch (const std::regex_error&) {
    return absl::InvalidArgumentError(Concat("Invalid regex '", regex, "': ", fast->error()));
  }
}

}  // namespace remora::config
