#pragma once

// The changes of fields that a processor asks for, and the rules of what it may change.
//
// Parsed at load into MutationRules, immutable then; ApplyMutation on the exchange's worker. The
// processor is trusted to change messages, not to write valid ones: what is not valid fails it as a
// whole, what is not allowed is left out and counted (or fails it, where the rules say).
// Source: Envoy source/extensions/filters/http/ext_proc/mutation_utils.cc,
// source/extensions/filters/common/mutation_rules/mutation_rules.cc.

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "source/config/registry.h"
#include "source/http/message.h"
#include "source/http/route/conditions.h"
#include "source/stats/handles.h"

namespace envoy::config::common::mutation_rules::v3 {
class HeaderMutationRules;
}
namespace envoy::service::ext_proc::v3 {
class HeaderMutation;
}

namespace remora::extensions {

enum class ChangeKind : uint8_t { kSet, kAppend, kRemove };

struct MutationRules {
  std::shared_ptr<const route::StringMatcher> allow;  // null: none
  std::shared_ptr<const route::StringMatcher> disallow;
  bool allow_routing = false;
  bool allow_envoy = false;
  bool disallow_system = false;
  bool disallow_all = false;
  bool disallow_is_error = false;

  // `name` is in lower case.
  bool Allow(ChangeKind change, std::string_view name) const;
};

MutationRules ParseMutationRules(
    const envoy::config::common::mutation_rules::v3::HeaderMutationRules& proto,
    std::string_view field, config::ConfigContext& context);

// What is changed: a head or trailers.
struct MutationTarget {
  http::HeaderMap& fields;
  http::RequestHead* request = nullptr;  // its parts, too
  uint16_t* status = nullptr;            // of a response
  bool with_body = false;                // that has a body, which its status has to allow
  bool replacing = false;                // the method may change whatever the rules say
  bool keep_length = false;              // content-length may not be set
  bool trailers = false;                 // no fields that do harm there
};

// What of it was applied before an error stays. `rejected` counts changes that are not allowed.
absl::Status ApplyMutation(const envoy::service::ext_proc::v3::HeaderMutation& mutation,
                           const MutationRules& rules, const MutationTarget& target,
                           stats::Counter rejected);

}  // namespace remora::extensions
