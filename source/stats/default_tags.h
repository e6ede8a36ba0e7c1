#pragma once

// Envoy's default tag rules, as a table. Constant; any thread; nothing fails.
// Source: Envoy source/common/config/well_known_names.cc.
// Thread: main; the expressions compile at the first use. They are literals of ours: a broken one
// is a bug and aborts. Source: Envoy source/common/config/well_known_names.cc.

#include <span>
#include <string_view>

namespace remora::stats {

struct DefaultTag {
  std::string_view name;
  // Either segments: `$` is the tag's value and is cut out, `*` any one segment, a last `**` the
  // rest; or an expression whose first group is cut out and whose second is the value.
  std::string_view segments;
  std::string_view regex;      // <ADDRESS>, <NAME>, <CIPHER> stand for the obvious
  std::string_view substring;  // the name must hold it: cheaper to ask than the expression
  std::string_view not_value;  // a value that is no match
};

// Expressions first, then segments: the order in which Envoy applies them.
std::span<const DefaultTag> DefaultTags();

}  // namespace remora::stats
