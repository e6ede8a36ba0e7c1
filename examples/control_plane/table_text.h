#pragma once

// The route table as text: its file, and the bodies of the API.
//
// Reading is strict: every fault is reported at once, with line, column and field. A file's format
// is its name's end (.yaml, .yml, else JSON); a body is JSON or YAML. Blocking file I/O.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/control_plane/route_table.h"

namespace google::protobuf {
class Message;
}

namespace remora::control_plane {

absl::StatusOr<RouteTable> ReadTable(const std::string& path);
// As JSON, by a file that takes the old one's place: there is a whole one at any time.
absl::Status WriteTable(const RouteTable& table, const std::string& path);

// Reads a body; its rules are checked. An empty one is an empty message.
absl::Status ReadBody(std::string_view text, google::protobuf::Message& message);
enum class Defaults { kLeftOut, kPrinted };
std::string ToJson(const google::protobuf::Message& message, Defaults defaults);

}  // namespace remora::control_plane
