#pragma once

// Scalars of the protobuf JSON mapping: from a Node's text to a value.
//
// Each function gives nullopt when the node does not hold such a value, and never anything rounded
// or cut. They are as liberal as Envoy is: numbers and booleans may be quoted, a whole number may
// be written as 80.0 or 8e1. Used by proto_reader*.cc only; pure, any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "source/config/document.h"

namespace remora::config {

std::optional<bool> ReadBool(const Node& node);
std::optional<double> ReadDouble(const Node& node);
std::optional<int64_t> ReadSigned(const Node& node, int64_t min, int64_t max);
std::optional<uint64_t> ReadUnsigned(const Node& node, uint64_t max);

// Base64, standard or URL-safe, with or without padding.
std::optional<std::string> ReadBase64(std::string_view text);

struct SecondsAndNanos {
  int64_t seconds = 0;
  int32_t nanos = 0;
};

// "5s", "-0.25s": whole seconds, then at most nine digits, then `s`; +-10,000 years.
std::optional<SecondsAndNanos> ReadDuration(std::string_view text);

// "fooBar,a.bC" -> foo_bar, a.b_c. Nullopt where a name has no such form.
std::optional<std::string> SnakeCase(std::string_view camel_case);

// What stands there, for the end of a message: ` (5)`, ` (a list)`, ` (a map)`.
std::string Describe(const Node& node);

}  // namespace remora::config
