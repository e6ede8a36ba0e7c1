#pragma once

// LoadMessage: what -c and --config-yaml name, as one checked message.
//
// Reads the file (YAML by the extensions .yaml and .yml in any case, JSON by every other one, as
// Envoy), reads --config-yaml as YAML, merges the second into the first as protobuf merges (a value
// replaces, lists grow), then checks the rules. All faults of both texts come back at once, in file
// order, each with its position; at most kMaxReported of them, the rest counted.
// Blocking file I/O: main thread at start. Nothing is started or changed.

#include <cstddef>
#include <string>

#include "source/config/config_error.h"
#include "source/config/position_map.h"
#include "source/config/proto_reader.h"

namespace google::protobuf {
class Message;
}

namespace remora::config {

struct LoadOptions {
  std::string path;  // -c; empty: none.
  std::string yaml;  // --config-yaml; empty: none.
  ReadOptions read;
};

struct LoadResult {
  static constexpr size_t kMaxReported = 200;

  ErrorList errors;
  ErrorList warnings;
  // For translators: their errors are positioned by positions.Finish(), and what `reported` covers
  // follows from an error that is already in `errors`.
  PositionMap positions;
  ReportedPaths reported;
  size_t unknown_fields = 0;

  bool ok() const { return errors.empty(); }
};

// `message` is complete and keeps its rules if the result is ok(); otherwise it holds what could be
// read.
LoadResult LoadMessage(const LoadOptions& options, google::protobuf::Message& message);

}  // namespace remora::config
