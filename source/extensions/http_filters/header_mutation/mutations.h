#pragma once

// Mutations: ordered changes of header fields and query parameters, as immutable values.
//
// Made by header_mutation.cc from protos; applied here. Any thread. Values that come out empty are
// not added unless keep_empty says so. Names are in lower case.
// Source: envoy.config.common.mutation_rules.v3, envoy.config.core.v3.HeaderValueOption.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "source/extensions/http_filters/header_mutation/value_format.h"
#include "source/http/header_map.h"

namespace remora::extensions {

enum class AppendAction : uint8_t {
  kAppendIfExistsOrAdd,
  kAddIfAbsent,
  kOverwriteIfExistsOrAdd,
  kOverwriteIfExists,
};

struct RemoveField {
  std::string name;
};
struct RemoveMatchingFields {
  std::function<bool(std::string_view)> name_matches;
};
struct AddField {
  std::string name;
  ValueFormat value;
  AppendAction action = AppendAction::kAppendIfExistsOrAdd;
  bool keep_empty = false;
};
using FieldMutation = std::variant<RemoveField, RemoveMatchingFields, AddField>;

struct RemoveParameter {
  std::string name;
};
struct AddParameter {
  std::string name;
  ValueFormat value;
  AppendAction action = AppendAction::kAppendIfExistsOrAdd;
};
using ParameterMutation = std::variant<RemoveParameter, AddParameter>;

struct Mutations {
  std::vector<FieldMutation> request;
  std::vector<FieldMutation> request_trailers;
  std::vector<FieldMutation> response;
  std::vector<FieldMutation> response_trailers;
  std::vector<ParameterMutation> parameters;
};

void ApplyFieldMutations(const std::vector<FieldMutation>& mutations,
                         const ValueFormat::Facts& facts, http::HeaderMap& headers);

// The path with its query changed. Parameters come out grouped by name, names in order, as Envoy
// writes them; added values are percent-encoded.
std::string ApplyParameterMutations(const std::vector<ParameterMutation>& mutations,
                                    const ValueFormat::Facts& facts, std::string_view path);

}  // namespace remora::extensions
