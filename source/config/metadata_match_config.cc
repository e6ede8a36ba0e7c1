#include "source/config/metadata_match_config.h"

#include "envoy/type/matcher/v3/metadata.pb.h"
#include "envoy/type/matcher/v3/number.pb.h"
#include "envoy/type/matcher/v3/value.pb.h"
#include "source/config/matcher_config.h"

namespace remora::config {
namespace {

namespace matchers = envoy::type::matcher::v3;
using Kind = route::ValueMatch::Kind;

void ParseNumber(const matchers::DoubleMatcher& proto, const FieldPath& path,
                 Translation& translation, route::ValueMatch& match) {
  switch (proto.match_pattern_case()) {
    case matchers::DoubleMatcher::kRange:
      match.kind = Kind::kRange;
      match.number = proto.range().start();
      match.range_end = proto.range().end();
      break;
    case matchers::DoubleMatcher::kExact:
      match.kind = Kind::kNumber;
      match.number = proto.exact();
      break;
    case matchers::DoubleMatcher::MATCH_PATTERN_NOT_SET:
      translation.errors.Add(path, "exactly one condition is required");
  }
}

route::ValueMatch ParseValueMatch(const matchers::ValueMatcher& proto, const FieldPath& path,
                                  Translation& translation) {
  route::ValueMatch match;
  switch (proto.match_pattern_case()) {
    case matchers::ValueMatcher::kNullMatch:
      break;
    case matchers::ValueMatcher::kDoubleMatch:
      ParseNumber(proto.double_match(), path.Field("double_match"), translation, match);
      break;
    case matchers::ValueMatcher::kStringMatch:
      match.kind = Kind::kString;
      match.string =
          ParseStringMatch(proto.string_match(), path.Field("string_match"), translation);
      break;
    case matchers::ValueMatcher::kBoolMatch:
      match.kind = Kind::kBoolean;
      match.boolean = proto.bool_match();
      break;
    case matchers::ValueMatcher::kPresentMatch:
      match.kind = Kind::kPresent;
      match.boolean = proto.present_match();
      break;
    case matchers::ValueMatcher::kListMatch: {
      match.kind = Kind::kOneOf;
      const FieldPath list = path.Field("list_match");
      match.inner.push_back(
          ParseValueMatch(proto.list_match().one_of(), list.Field("one_of"), translation));
      break;
    }
    case matchers::ValueMatcher::kOrMatch: {
      match.kind = Kind::kAnyOf;
      const FieldPath any = path.Field("or_match");
      const FieldPath list = any.Field("value_matchers");
      for (int i = 0; i < proto.or_match().value_matchers_size(); ++i) {
        match.inner.push_back(ParseValueMatch(proto.or_match().value_matchers(i),
                                              list.Index(static_cast<size_t>(i)), translation));
      }
      break;
    }
    case matchers::ValueMatcher::MATCH_PATTERN_NOT_SET:
      translation.errors.Add(path, "exactly one condition is required");
  }
  return match;
}

}  // namespace

route::MetadataMatch ParseMetadataMatch(const matchers::MetadataMatcher& proto,
                                        const FieldPath& path, Translation& translation) {
  route::MetadataMatch match;
  match.filter = proto.filter();
  for (const matchers::MetadataMatcher::PathSegment& segment : proto.path()) {
    match.path.push_back(segment.key());
  }
  match.value = ParseValueMatch(proto.value(), path.Field("value"), translation);
  match.invert = proto.invert();
  return match;
}

}  // namespace remora::config
