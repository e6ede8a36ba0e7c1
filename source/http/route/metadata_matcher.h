#pragma once

// MetadataMatcher: a condition on one value in metadata.
//
// Compiled from the configuration, immutable; any thread. What is not there matches nothing but an
// inverted condition. Compile fails for a bad expression.
// Source: envoy.type.matcher.v3.MetadataMatcher as Envoy 1.40 implements it.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "source/http/metadata.h"
#include "source/http/route/conditions.h"

namespace remora::route {

class ValueMatcher {
 public:
  static absl::StatusOr<ValueMatcher> Compile(ValueMatch config, uint32_t max_program_size);
  bool Matches(const http::MetadataValue& value) const;

 private:
  ValueMatcher() = default;

  ValueMatch::Kind kind_ = ValueMatch::Kind::kNull;
  double number_ = 0;
  double range_end_ = 0;
  bool boolean_ = false;
  std::optional<StringMatcher> string_;
  std::vector<ValueMatcher> inner_;
};

class MetadataMatcher {
 public:
  static absl::StatusOr<MetadataMatcher> Compile(MetadataMatch config, uint32_t max_program_size);
  // `metadata` may be null.
  bool Matches(const http::Metadata* metadata) const;
  // The value that the condition is about; null: not there.
  const http::MetadataValue* Find(const http::Metadata* metadata) const;
  // The condition on the value itself, not inverted.
  const ValueMatcher& value() const { return value_; }

 private:
  MetadataMatcher(MetadataMatch& config, ValueMatcher value);

  std::string filter_;
  std::vector<std::string> path_;
  ValueMatcher value_;
  bool invert_;
};

}  // namespace remora::route
