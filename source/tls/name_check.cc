#include "source/tls/name_check.h"

#include <re2/re2.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace remora::tls {
namespace {

using Kind = TextMatch::Kind;

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

bool DnsNameFits(std::string_view name, std::string_view pattern) {
  if (name.find('\0') != std::string_view::npos || pattern.find('\0') != std::string_view::npos) {
    return false;
  }
  if (!name.empty() && absl::EqualsIgnoreCase(ToAbsl(name), ToAbsl(pattern))) return true;
  if (!pattern.starts_with("*.")) return false;
  const size_t dot = name.find('.');
  return dot != std::string_view::npos && dot > 0 &&
         absl::EqualsIgnoreCase(ToAbsl(name.substr(dot)), ToAbsl(pattern.substr(1)));
}

absl::StatusOr<NameCheck> NameCheck::Compile(const std::vector<SubjectAltNameMatch>& matches) {
  NameCheck check;
  for (const SubjectAltNameMatch& match : matches) {
    Rule rule{match, nullptr};
    if (match.match.kind == Kind::kRegex) {
      auto regex = std::make_shared<const re2::RE2>(match.match.text, re2::RE2::Quiet);
      if (!regex->ok()) return absl::InvalidArgumentError(regex->error());
      rule.regex = std::move(regex);
    } else if (match.match.ignore_case) {
      absl::AsciiStrToLower(&rule.match.match.text);
    }
    check.rules_.push_back(std::move(rule));
  }
  return check;
}

bool NameCheck::Fits(const Rule& rule, std::string_view value) {
  if (value.find('\0') != std::string_view::npos) return false;
  if (rule.regex != nullptr) {
    return re2::RE2::FullMatch(re2::StringPiece(value.data(), value.size()), *rule.regex);
  }
  const std::string& text = rule.match.match.text;
  if (rule.match.type == SubjectAltNameMatch::Type::kDns && rule.match.match.kind == Kind::kExact) {
    return DnsNameFits(text, value);
  }
  std::string lower;
  if (rule.match.match.ignore_case) {
    lower = absl::AsciiStrToLower(ToAbsl(value));
    value = lower;
  }
  switch (rule.match.match.kind) {
    case Kind::kExact:
      return value == text;
    case Kind::kPrefix:
      return value.starts_with(text);
    case Kind::kSuffix:
      return value.ends_with(text);
    case Kind::kContains:
      return value.find(text) != std::string_view::npos;
    case Kind::kRegex:
      break;
  }
  return false;
}

bool NameCheck::Holds(const std::vector<SubjectAltName>& names) const {
  for (const Rule& rule : rules_) {
    for (const SubjectAltName& name : names) {
      if (name.type == rule.match.type && name.oid == rule.match.oid && Fits(rule, name.value)) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace remora::tls
