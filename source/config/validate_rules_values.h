#pragma once

// One value against the rules of its field (api/validate/validate.proto).
//
// Each function gives what is wrong, complete with the value in brackets, or an empty text. Rules
// of the original that Envoy's own checks do not enforce either (`uri`, `uri_ref`) are not looked
// at. Used by validate_rules.cc only. A RuleChecks keeps the regular expressions that it has
// compiled, so it is for one thread; the rest is pure.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "google/protobuf/duration.pb.h"
#include "re2/re2.h"
#include "validate/validate.pb.h"

namespace remora::config {

class RuleChecks final {
 public:
  std::string Check(const validate::StringRules& rules, std::string_view value);

 private:
  const re2::RE2& Regex(const std::string& pattern);

  absl::flat_hash_map<std::string, std::unique_ptr<re2::RE2>> regexes_;
};

std::string Check(const validate::FloatRules& rules, float value);
std::string Check(const validate::DoubleRules& rules, double value);
std::string Check(const validate::Int32Rules& rules, int32_t value);
std::string Check(const validate::Int64Rules& rules, int64_t value);
std::string Check(const validate::UInt32Rules& rules, uint32_t value);
std::string Check(const validate::UInt64Rules& rules, uint64_t value);
std::string Check(const validate::BoolRules& rules, bool value);
std::string Check(const validate::BytesRules& rules, std::string_view value);
std::string Check(const validate::DurationRules& rules, const google::protobuf::Duration& value);

// How many items a list, or pairs a map, may have; 0 for `max` means any number.
std::string CheckCount(size_t count, uint64_t min, uint64_t max, std::string_view one,
                       std::string_view many);

}  // namespace remora::config
