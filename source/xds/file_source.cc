#include "source/xds/file_source.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "google/protobuf/text_format.h"
#include "source/base/check.h"
#include "source/base/log.h"
#include "source/config/load_bootstrap.h"
#include "source/config/read_file.h"
#include "source/config/text.h"
#include "source/xds/response_message.h"

namespace remora::xds {

using config::Concat;
using envoy::service::discovery::v3::DiscoveryResponse;

namespace {

struct Loaded {
  DiscoveryResponse message;
  std::string error;  // empty: it could be read
  std::string warnings;
  size_t unknown_fields = 0;
};

// All in one line of the log.
std::string OneLine(const config::ErrorList& errors) {
  std::string text = errors.ToString();
  while (text.ends_with('\n')) text.pop_back();
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', end)) {
    text.replace(end, 1, "; ");
  }
  return text;
}

void LoadProto(const std::string& path, bool text, Loaded& loaded) {
  const absl::StatusOr<std::string> bytes = config::ReadFile(path, FileSource::kMaxSize);
  if (!bytes.ok()) {
    loaded.error = std::string(bytes.status().message());
    return;
  }
  const bool good = text ? google::protobuf::TextFormat::ParseFromString(*bytes, &loaded.message)
                         : loaded.message.ParseFromString(*bytes);
  if (!good) loaded.error = Concat("Unable to parse file \"", path, "\" as a DiscoveryResponse");
}

Loaded Load(const std::string& path, config::UnknownFieldPolicy unknown_fields) {
  Loaded loaded;
  if (path.ends_with(".pb") || path.ends_with(".pb_text")) {
    LoadProto(path, path.ends_with(".pb_text"), loaded);
    return loaded;
  }
  config::LoadOptions options;
  options.path = path;
  options.read.unknown_fields = unknown_fields;
  const config::LoadResult read = config::LoadMessage(options, loaded.message);
  loaded.error = OneLine(read.errors);
  loaded.warnings = OneLine(read.warnings);
  loaded.unknown_fields = read.unknown_fields;
  return loaded;
}

}  // namespace

FileSource::FileSource(std::string path, std::string watched_directory, ResourceType type,
                       const FileServices& services)
    : path_(std::move(path)),
      watched_directory_(std::move(watched_directory)),
      services_(services),
      state_(type, Flavour::kSotw),
      task_(&OnTask, this),
      watch_(services.files, [this] {
        moved_ = true;
        Wake();
      }) {
  state_.OnStreamOpened();
}

TypeState& FileSource::State(ResourceType type) {
  CHECK(type == state_.type());
  return state_;
}

void FileSource::OnTask(void* self) {
  auto* const source = static_cast<FileSource*>(self);
  if (source->closed_ || !source->state_.used()) return;
  if (!source->followed_) source->Follow();
  if (source->state_.HasLate()) source->state_.TellLate();
  if (!std::exchange(source->moved_, false) && !source->state_.WantsToSend()) return;
  source->Read();
}

void FileSource::Follow() {
  followed_ = true;
  event::FileWatch::Places places;
  if (watched_directory_.empty()) {
    places.paths.push_back(path_);
  } else {
    places.directories.push_back(watched_directory_);
  }
  const absl::Status status = watch_.Watch(std::move(places));
  if (status.ok()) return;
  REMORA_LOG(kConfig, kError, path_, " will not be read again: ", std::string(status.message()));
}

void FileSource::Read() {
  // What would be asked is who wants what: the file has it all.
  if (state_.WantsToSend()) state_.TakeRequest();
  Loaded loaded = Load(path_, services_.unknown_fields);
  services_.unknown_fields_met.Add(loaded.unknown_fields);
  if (!loaded.warnings.empty()) REMORA_LOG(kConfig, kWarning, loaded.warnings);
  if (!loaded.error.empty()) return Fail(loaded.error);
  Response response = TakeSotw(loaded.message, TypeUrl(state_.type()));
  if (response.type_url != TypeUrl(state_.type())) {
    return Fail(
        Concat("it holds resources of type ", response.type_url, ", not ", TypeUrl(state_.type())));
  }
  state_.OnResponse(std::move(response), services_.dispatcher.now());
  trouble_.clear();
  const std::optional<std::string> refusal = state_.TakeRefusal();
  if (!refusal.has_value()) return;
  REMORA_LOG(kConfig, kWarning, "Filesystem config update rejected: ", path_, ": ", *refusal);
}

void FileSource::Fail(const std::string& why) {
  trouble_ = Concat("the file ", path_, ": ", why);
  REMORA_LOG(kConfig, kWarning, "Filesystem config update failure: ", trouble_);
  for (Watch* watch : state_.watches()) watch->OnSourceFailed();
}

}  // namespace remora::xds
