#pragma once

// Regex: an RE2 expression that has to match a whole text. RegexSubstitution: one whose matches in
// a text are replaced.
//
// Immutable; may be used on every worker at once. RE2 builds its automaton while it matches, behind
// a reader lock of its own, and may allocate states then (at most 8 MiB an expression): the one
// exception from "no lock, no allocation" in this folder.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace re2 {
class RE2;
}

namespace remora::route {

class Regex {
 public:
  // LiteralPrefix() is never longer.
  static constexpr size_t kMaxLiteralPrefix = 64;

  // Refuses what RE2 refuses, with its words, and what compiles to more than `max_program_size`.
  static absl::StatusOr<Regex> Compile(std::string_view pattern, uint32_t max_program_size);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  bool FullMatch(std::string_view text) const;
  std::string_view pattern() const;
  // Each text that matches starts with this; empty when nothing is known.
  std::string LiteralPrefix() const;

 private:
  friend class RegexSubstitution;
  explicit Regex(std::unique_ptr<const re2::RE2> re);
  std::unique_ptr<const re2::RE2> re_;
};

class RegexSubstitution {
 public:
  // As Regex::Compile; `substitution` may name groups as \1 to \9 and the whole match as \0.
  static absl::StatusOr<RegexSubstitution> Compile(std::string_view pattern,
                                                   std::string substitution,
                                                   uint32_t max_program_size);

  // With every match replaced; nothing when there is none.
  std::optional<std::string> Apply(std::string_view text) const;

 private:
  RegexSubstitution(Regex regex, std::string substitution);
  Regex regex_;
  std::string substitution_;
};

}  // namespace remora::route
