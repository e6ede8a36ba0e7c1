#pragma once

// ReadMessage: a Document's tree into any generated protobuf message, by reflection.
//
// Follows the protobuf JSON mapping with what Envoy adds to it: snake_case and camelCase names,
// enum names in any case or numbers, a lone value for a list of one, quoted numbers and booleans,
// null for "not set", xds.type.v3.TypedStruct unwrapped. An Any is read as the message its "@type"
// names and stored packed; its type has to be linked into the binary. Every fault is added to
// `report` and reading goes on with the next field; the message then holds what could be read.
// Pure: no files, no clock, any thread.

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/config/config_error.h"
#include "source/config/document.h"

namespace google::protobuf {
class Message;
}

namespace remora::config {

// What to do about a field that this version does not have. A field that holds its type's default
// value (false, 0, "", [], {}, null) is passed over silently in all three.
enum class UnknownFieldPolicy { kReject, kWarn, kIgnore };

struct ReadOptions {
  UnknownFieldPolicy unknown_fields = UnknownFieldPolicy::kReject;
  // Full names of the types that extensions have, for "did you mean" at "@type".
  std::vector<std::string> extension_types;
};

// Of each message (by its path): the fields that this version knows of but does not support and
// that were passed over because they hold `{}`, the default of a map. If it turns out that the
// message lacks something without them, they are what to complain about: `http2_protocol_options:
// {}` is not a map and chooses HTTP/2.
using PassedOver = absl::flat_hash_map<std::string, std::vector<ConfigError>>;

struct ReadReport {
  ErrorList errors;
  ErrorList warnings;
  // Of `errors`: so that later passes do not report what follows from them.
  ReportedPaths reported;
  PassedOver passed_over;
  // Unknown fields met, under every policy (the statistic `server.static_unknown_fields`).
  size_t unknown_fields = 0;
};

void ReadMessage(const Document& document, const ReadOptions& options,
                 google::protobuf::Message& message, ReadReport& report);

}  // namespace remora::config
