#include "source/http/route/metadata_matcher.h"

#include <algorithm>
#include <utility>

namespace remora::route {

using http::MetadataValue;

absl::StatusOr<ValueMatcher> ValueMatcher::Compile(ValueMatch config, uint32_t max_program_size) {
  ValueMatcher matcher;
  matcher.kind_ = config.kind;
  matcher.number_ = config.number;
  matcher.range_end_ = config.range_end;
  matcher.boolean_ = config.boolean;
  if (config.kind == ValueMatch::Kind::kString) {
    auto string = StringMatcher::Compile(std::move(config.string), max_program_size);
    if (!string.ok()) return string.status();
    matcher.string_ = *std::move(string);
  }
  for (ValueMatch& inner : config.inner) {
    auto compiled = Compile(std::move(inner), max_program_size);
    if (!compiled.ok()) return compiled.status();
    matcher.inner_.push_back(*std::move(compiled));
  }
  return matcher;
}

bool ValueMatcher::Matches(const MetadataValue& value) const {
  const bool is_number = value.kind == MetadataValue::Kind::kNumber;
  switch (kind_) {
    case ValueMatch::Kind::kNull:
      return value.kind == MetadataValue::Kind::kNull;
    case ValueMatch::Kind::kRange:
      return is_number && value.number >= number_ && value.number < range_end_;
    case ValueMatch::Kind::kNumber:
      return is_number && value.number == number_;
    case ValueMatch::Kind::kString:
      return value.kind == MetadataValue::Kind::kString && string_->Matches(value.text);
    case ValueMatch::Kind::kBoolean:
      return value.kind == MetadataValue::Kind::kBoolean && value.boolean == boolean_;
    case ValueMatch::Kind::kPresent:
      return boolean_;
    case ValueMatch::Kind::kOneOf:
      return value.kind == MetadataValue::Kind::kList &&
             std::any_of(value.items.begin(), value.items.end(),
                         [this](const MetadataValue& item) { return inner_[0].Matches(item); });
    case ValueMatch::Kind::kAnyOf:
      return std::any_of(inner_.begin(), inner_.end(),
                         [&value](const ValueMatcher& matcher) { return matcher.Matches(value); });
  }
  return false;
}

MetadataMatcher::MetadataMatcher(MetadataMatch& config, ValueMatcher value)
    : filter_(std::move(config.filter)),
      path_(std::move(config.path)),
      value_(std::move(value)),
      invert_(config.invert) {}

absl::StatusOr<MetadataMatcher> MetadataMatcher::Compile(MetadataMatch config,
                                                         uint32_t max_program_size) {
  auto value = ValueMatcher::Compile(std::move(config.value), max_program_size);
  if (!value.ok()) return value.status();
  return MetadataMatcher(config, *std::move(value));
}

const MetadataValue* MetadataMatcher::Find(const http::Metadata* metadata) const {
  if (metadata == nullptr) return nullptr;
  const auto found = metadata->find(filter_);
  return found == metadata->end() ? nullptr : found->second.Find(path_);
}

bool MetadataMatcher::Matches(const http::Metadata* metadata) const {
  const MetadataValue* value = Find(metadata);
  return (value != nullptr && value_.Matches(*value)) != invert_;
}

}  // namespace remora::route
