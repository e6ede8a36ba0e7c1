#include "examples/control_plane/table_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "google/protobuf/util/json_util.h"
#include "source/base/check.h"
#include "source/config/load_bootstrap.h"
#include "source/config/text.h"

namespace remora::control_plane {
namespace {

using config::Concat;

constexpr mode_t kMode = 0644;

absl::Status Refused(config::LoadResult& result) {
  result.positions.Finish(result.errors, config::LoadResult::kMaxReported);
  std::string text = result.errors.ToString();
  if (text.ends_with('\n')) text.pop_back();
  return absl::InvalidArgumentError(text);
}

absl::Status Failed(std::string_view what, const std::string& path) {
  return absl::UnavailableError(Concat(path, ": cannot be ", what, ": ", strerror(errno)));
}

absl::Status WriteFile(const std::string& text, const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kMode);
  if (fd < 0) return Failed("opened", path);
  absl::Status status;
  size_t done = 0;
  while (done < text.size() && status.ok()) {
    const ssize_t wrote = write(fd, text.data() + done, text.size() - done);
    if (wrote >= 0) {
      done += static_cast<size_t>(wrote);
    } else if (errno != EINTR) {
      status = Failed("written", path);
    }
  }
  if (status.ok() && fsync(fd) != 0) status = Failed("written", path);
  if (close(fd) != 0 && status.ok()) status = Failed("written", path);
  return status;
}

}  // namespace

absl::StatusOr<RouteTable> ReadTable(const std::string& path) {
  config::LoadOptions options;
  options.path = path;
  v1::RouteTable message;
  config::LoadResult result = config::LoadMessage(options, message);
  if (!result.ok()) return Refused(result);
  RouteTable table = RouteTable::Of(message, result.errors);
  if (!result.ok()) return Refused(result);
  return table;
}

absl::Status WriteTable(const RouteTable& table, const std::string& path) {
  const std::string next = path + ".new";
  absl::Status status = WriteFile(ToJson(table.ToMessage(), Defaults::kLeftOut), next);
  if (status.ok() && std::rename(next.c_str(), path.c_str()) != 0) {
    status = Failed("replaced", path);
  }
  if (!status.ok()) unlink(next.c_str());
  return status;
}

absl::Status ReadBody(std::string_view text, google::protobuf::Message& message) {
  config::LoadOptions options;
  options.yaml = text.find_first_not_of(" \t\r\n") == std::string_view::npos ? "{}" : text;
  config::LoadResult result = config::LoadMessage(options, message);
  if (result.ok()) return absl::OkStatus();
  result.positions.Locate(result.errors);
  for (config::ConfigError& error : result.errors.mutable_errors()) error.file = "body";
  return Refused(result);
}

std::string ToJson(const google::protobuf::Message& message, Defaults defaults) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = defaults == Defaults::kPrinted;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  CHECK(status.ok());  // only a message with an Any can fail
  return text;
}

}  // namespace remora::control_plane
