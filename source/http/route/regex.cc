#include "source/http/route/regex.h"

#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace remora::route {

absl::StatusOr<Regex> Regex::Compile(std::string_view pattern, uint32_t max_program_size) {
  auto re = std::make_unique<const re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()),
                                             re2::RE2::Quiet);
  if (!re->ok()) return absl::InvalidArgumentError(re->error());
  const auto size = static_cast<uint32_t>(re->ProgramSize());
  if (size > max_program_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "regex '", re->pattern(), "' RE2 program size of ", size, " > max program size of ",
        max_program_size,
        " set for the error level threshold. Increase configured max program size if necessary."));
  }
  return Regex(std::move(re));
}

Regex::Regex(std::unique_ptr<const re2::RE2> re) : re_(std::move(re)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

bool Regex::FullMatch(std::string_view text) const {
  return re_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                    re2::RE2::ANCHOR_BOTH, nullptr, 0);
}

std::string_view Regex::pattern() const { return re_->pattern(); }

std::string Regex::LiteralPrefix() const {
  std::string min;
  std::string max;
  if (!re_->PossibleMatchRange(&min, &max, static_cast<int>(kMaxLiteralPrefix))) return {};
  // Every match lies between the two, so it begins with what both begin with.
  const size_t shorter = std::min({min.size(), max.size(), kMaxLiteralPrefix});
  min.resize(
      std::mismatch(min.begin(), min.begin() + static_cast<ptrdiff_t>(shorter), max.begin()).first -
      min.begin());
  return min;
}

absl::StatusOr<RegexSubstitution> RegexSubstitution::Compile(std::string_view pattern,
                                                             std::string substitution,
                                                             uint32_t max_program_size) {
  auto regex = Regex::Compile(pattern, max_program_size);
  if (!regex.ok()) return regex.status();
  std::string error;
  if (!regex->re_->CheckRewriteString(substitution, &error)) {
    return absl::InvalidArgumentError(absl::StrCat("substitution '", substitution, "': ", error));
  }
  return RegexSubstitution(*std::move(regex), std::move(substitution));
}

RegexSubstitution::RegexSubstitution(Regex regex, std::string substitution)
    : regex_(std::move(regex)), substitution_(std::move(substitution)) {}

std::optional<std::string> RegexSubstitution::Apply(std::string_view text) const {
  std::string result(text);
  if (re2::RE2::GlobalReplace(&result, *regex_.re_, substitution_) == 0) return std::nullopt;
  return result;
}

}  // namespace remora::route
