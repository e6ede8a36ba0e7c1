#include "source/config/load_bootstrap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "source/config/document.h"
#include "source/config/text.h"
#include "source/config/validate_rules.h"

namespace remora::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kMaxFileSize = 64 * 1024 * 1024;
constexpr std::string_view kInlineName = "<config-yaml>";

class FileDescriptorCloser final {
 public:
  explicit FileDescriptorCloser(int fd) : fd_(fd) {}
  ~FileDescriptorCloser() { close(fd_); }
  FileDescriptorCloser(const FileDescriptorCloser&) = delete;
  FileDescriptorCloser& operator=(const FileDescriptorCloser&) = delete;

 private:
  int fd_;
};

absl::StatusOr<std::string> ReadAll(int fd) {
  std::string text;
  char block[64 * 1024];
  while (true) {
    const ssize_t got = read(fd, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::UnavailableError(Concat("cannot be read: ", strerror(errno)));
    if (got == 0) return text;
    if (text.size() + static_cast<size_t>(got) > kMaxFileSize) {
      return absl::ResourceExhaustedError(
          Concat("is larger than ", kMaxFileSize / (1024 * 1024), " MiB"));
    }
    text.append(block, static_cast<size_t>(got));
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::NotFoundError(Concat("cannot be opened: ", strerror(errno)));
  const FileDescriptorCloser closer(fd);
  struct stat status;
  if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError("is a directory");
  }
  return ReadAll(fd);
}

std::shared_ptr<const Document> ParseFile(const std::string& path, ErrorList& errors) {
  const auto fail = [&](std::string_view message) {
    errors.Add(ConfigError{path, 0, 0, "", std::string(message)});
    return nullptr;
  };
  for (const std::string_view binary : {".pb", ".pb_text"}) {
    if (absl::EndsWithIgnoreCase(path, ToAbsl(binary))) {
      return fail(Concat("a ", binary, " file is not supported; write YAML or JSON"));
    }
  }
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) {
    return fail(std::string(text.status().message()));
  }
  if (absl::EndsWithIgnoreCase(path, ".yaml") || absl::EndsWithIgnoreCase(path, ".yml")) {
    return Document::ParseYaml(*text, path, errors);
  }
  ErrorList json_errors;
  std::shared_ptr<const Document> document = Document::ParseJson(*text, path, json_errors);
  if (!absl::EndsWithIgnoreCase(path, ".json")) {
    for (ConfigError& error : json_errors.mutable_errors()) {
      error.message += "; the file is read as JSON because its name does not end in .yaml or .yml";
    }
  }
  errors.Append(std::move(json_errors));
  return document;
}

// Which lists of `later` MergeFrom appends to items that `earlier` has, and to how many.
void CollectShifts(const Message& earlier, const Message& later, const FieldPath& path,
                   PositionMap::Shifts& shifts) {
  const Reflection& reflection = *later.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(later, &fields);
  for (const FieldDescriptor* field : fields) {
    const FieldPath field_path = path.Field(field->name());
    if (field->is_map()) continue;
    if (field->is_repeated()) {
      const int before = reflection.FieldSize(earlier, field);
      if (before > 0) shifts[field_path.ToString()] = static_cast<size_t>(before);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
               reflection.HasField(earlier, field)) {
      CollectShifts(reflection.GetMessage(earlier, field), reflection.GetMessage(later, field),
                    field_path, shifts);
    }
  }
}

// A path of the later document as it is in the merged message.
std::string ShiftPath(const std::string& path, const PositionMap::Shifts& shifts) {
  const size_t bracket = path.find('[');
  if (bracket == std::string::npos) return path;
  const auto shift = shifts.find(path.substr(0, bracket));
  const size_t end = path.find(']', bracket);
  size_t index = 0;
  if (shift == shifts.end() || end == std::string::npos ||
      !absl::SimpleAtoi(path.substr(bracket + 1, end - bracket - 1), &index)) {
    return path;
  }
  return Concat(path.substr(0, bracket + 1), index + shift->second, path.substr(end));
}

// Reads one document into the message; a second one is merged over the first.
void ReadLayer(std::shared_ptr<const Document> document, const ReadOptions& options, bool merge,
               Message& message, ReadReport& all, PositionMap& positions) {
  ReadReport report;
  PositionMap::Shifts shifts;
  if (merge) {
    const std::unique_ptr<Message> later(message.New());
    ReadMessage(*document, options, *later, report);
    CollectShifts(message, *later, FieldPath(), shifts);
    message.MergeFrom(*later);
  } else {
    ReadMessage(*document, options, message, report);
  }
  for (const std::string& path : report.reported.paths()) all.reported.Add(ShiftPath(path, shifts));
  for (auto& [path, fields] : report.passed_over) {
    std::vector<ConfigError>& list = all.passed_over[ShiftPath(path, shifts)];
    list.insert(list.end(), fields.begin(), fields.end());
  }
  all.errors.Append(std::move(report.errors));
  all.warnings.Append(std::move(report.warnings));
  all.unknown_fields += report.unknown_fields;
  positions.AddDocument(std::move(document), std::move(shifts));
}

}  // namespace

LoadResult LoadMessage(const LoadOptions& options, Message& message) {
  LoadResult result;
  if (options.path.empty() && options.yaml.empty()) {
    result.errors.Add("", "no configuration: give -c FILE or --config-yaml TEXT");
    return result;
  }
  ReadReport read;
  bool all_parsed = true;
  bool merge = false;
  const auto take = [&](std::shared_ptr<const Document> document) {
    if (document == nullptr) {
      all_parsed = false;
      return;
    }
    ReadLayer(std::move(document), options.read, merge, message, read, result.positions);
    merge = true;
  };
  if (!options.path.empty()) take(ParseFile(options.path, read.errors));
  if (!options.yaml.empty()) {
    take(Document::ParseYaml(options.yaml, kInlineName, read.errors));
  }
  result.errors = std::move(read.errors);
  result.warnings = std::move(read.warnings);
  // With a document missing, every rule about what has to be there would complain.
  if (all_parsed) ValidateRules(message, read, result.errors, result.warnings);
  result.reported = std::move(read.reported);
  result.unknown_fields = read.unknown_fields;
  result.positions.Finish(result.errors, LoadResult::kMaxReported);
  result.positions.Finish(result.warnings, LoadResult::kMaxReported);
  return result;
}

}  // namespace remora::config
