#include "source/xds/secret_subscription.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/check.h"
#include "source/base/log.h"
#include "source/config/text.h"

namespace remora::xds {
namespace {

constexpr std::string_view kTooLate = "did not come within its initial_fetch_timeout";
// What Envoy shows of a secret that is not there.
constexpr const char* kNoVersion = "uninitialized";

// The directory of a file, as FileWatch wants it.
std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

const config::ConfigSource& ServerOf(const tls::SecretSource& source) {
  return *static_cast<const config::ConfigSource*>(source.server.get());
}

}  // namespace

SecretSubscription::SecretSubscription(tls::SecretSource source,
                                       const SubscriptionServices& services)
    : source_(std::move(source)),
      place_(source_.path),
      services_(services),
      scope_(services.stats.AddScope(absl::StrCat("sds.", source_.name))),
      record_(services.stats, absl::StrCat("sds.", source_.name, ".")),
      secret_stats_(scope_.Make<SecretStats>(services.stats.main_shard())),
      version_(kNoVersion),
      updated_at_(services.dispatcher.wall_now()),
      source_watch_(services.files, [this] { Read(); }),
      files_watch_(services.files, [this] { OnFilesMoved(); }),
      timeout_(
          services.dispatcher.timers(),
          [](void* self) { static_cast<SecretSubscription*>(self)->OnTimeout(); }, this) {
  if (source_.server != nullptr) place_ = config::Describe(ServerOf(source_));
}

SecretSubscription::~SecretSubscription() { services_.stats.RemoveScope(scope_); }

void SecretSubscription::Start() {
  if (source_.server == nullptr) return StartFile();
  CHECK(services_.sources != nullptr);
  stream_ = services_.sources->Subscribe(ServerOf(source_), ResourceType::kSecret,
                                         /*wildcard=*/false,
                                         config::Concat("sds.", source_.name, "."), *this);
  stream_->SetNames({source_.name});
  stream_->Start();
}

void SecretSubscription::StartFile() {
  event::FileWatch::Places places;
  if (source_.watched_directory.empty()) {
    places.paths.push_back(source_.path);
  } else {
    places.directories.push_back(source_.watched_directory);
  }
  const absl::Status status = source_watch_.Watch(std::move(places));
  if (!status.ok()) {
    REMORA_LOG(kConfig, kError, "secret '", source_.name,
               "' will not be updated: ", std::string(status.message()));
  }
  if (source_.initial_fetch_timeout > 0) {
    timeout_.Arm(services_.dispatcher.now() + source_.initial_fetch_timeout);
  }
  Read();
}

void SecretSubscription::Add(SecretUser& user) {
  users_.push_back(&user);
  if (value_ == nullptr) return;
  const absl::Status status = user.Check(*this, *value_);
  if (status.ok()) return user.Use(*this);
  REMORA_LOG(kConfig, kWarning, "secret '", source_.name, "' of ", source_.path,
             " cannot be used: ", std::string(status.message()));
}

void SecretSubscription::Remove(SecretUser& user) {
  users_.erase(std::remove(users_.begin(), users_.end(), &user), users_.end());
}

void SecretSubscription::OnTimeout() {
  if (value_ != nullptr) return;
  record_.OnFetchTimeout();
  GiveUp(kTooLate);
}

void SecretSubscription::OnFetchTimeout(absl::Span<const std::string>) {
  if (value_ == nullptr) GiveUp(kTooLate);
}

void SecretSubscription::GiveUp(std::string_view why) {
  REMORA_LOG(kConfig, kWarning, "secret '", source_.name, "' of ", place_, " ", std::string(why));
  for (SecretUser* user : users_) user->GiveUp(*this);
}

void SecretSubscription::Read() {
  config::SecretFile file = config::ReadSecretFile(source_, services_.unknown_fields);
  services_.unknown_fields_met.Add(file.unknown_fields);
  if (!file.warnings.empty()) REMORA_LOG(kConfig, kWarning, file.warnings);
  if (file.unreadable) {
    record_.OnFailed();
    REMORA_LOG(kConfig, kWarning, "Filesystem config update failure: secret '", source_.name,
               "' in ", source_.path, ": ", file.error);
    return;
  }
  absl::Status status = absl::InvalidArgumentError(file.error);
  if (file.secret.has_value()) status = Offer(std::move(file.secret->value));
  if (!status.ok()) {
    record_.OnRejected();
    REMORA_LOG(kConfig, kWarning, "Filesystem config update rejected: secret '", source_.name,
               "' in ", source_.path, ": ", std::string(status.message()));
    return;
  }
  record_.OnTaken(file.version, 0, services_.dispatcher.wall_now());
  Note(std::move(file));
}

void SecretSubscription::Note(config::SecretFile secret) {
  version_ = std::move(secret.version);
  shown_ = std::move(secret.shown);
}

// A secret that its control plane removes stays in use: there is nothing to put in its place.
std::vector<ResourceError> SecretSubscription::OnUpdate(const ResourceUpdate& update) {
  std::vector<ResourceError> errors;
  for (const Resource& resource : update.changed) {
    config::SecretFile secret =
        config::ReadSecret(source_, resource.bytes, resource.version, services_.unknown_fields);
    services_.unknown_fields_met.Add(secret.unknown_fields);
    if (!secret.warnings.empty()) REMORA_LOG(kConfig, kWarning, secret.warnings);
    absl::Status status = absl::InvalidArgumentError(secret.error);
    if (secret.secret.has_value()) status = Offer(std::move(secret.secret->value));
    if (status.ok()) {
      Note(std::move(secret));
      continue;
    }
    errors.push_back({source_.name, std::string(status.message())});
    REMORA_LOG(kConfig, kWarning, "secret '", source_.name, "' of ", place_,
               " refused: ", errors.back().message);
  }
  // As in Envoy: who has waited for the first one goes on without.
  if (value_ == nullptr) GiveUp(errors.empty() ? "is not there" : "cannot be used");
  return errors;
}

void SecretSubscription::OnFilesMoved() {
  if (value_ == nullptr) return;
  absl::StatusOr<tls::SecretValue> value = config::ReadFilesAgain(*value_);
  absl::Status status = value.status();
  if (value.ok()) status = Offer(*std::move(value));
  if (status.ok()) return;
  secret_stats_.key_rotation_failed.Inc();
  REMORA_LOG(kConfig, kWarning, "secret '", source_.name, "' of ", place_,
             ": failed to reload its files: ", std::string(status.message()));
}

absl::Status SecretSubscription::Offer(tls::SecretValue value) {
  if (value_ != nullptr && *value_ == value) return absl::OkStatus();
  for (SecretUser* user : users_) {
    const absl::Status status = user->Check(*this, value);
    if (!status.ok()) return status;
  }
  value_ = std::make_shared<const tls::SecretValue>(std::move(value));
  updated_at_ = services_.dispatcher.wall_now();
  timeout_.Disarm();
  WatchFiles();
  for (SecretUser* user : users_) user->Use(*this);
  return absl::OkStatus();
}

void SecretSubscription::WatchFiles() {
  event::FileWatch::Places places;
  places.directories = tls::WatchedDirectories(*value_);
  // Unless it says what to watch, whatever is moved beside its files may mean them.
  if (places.directories.empty()) {
    places.paths = tls::FilesOf(*value_);
    for (const std::string& path : places.paths) {
      places.directories.push_back(DirectoryOf(path));
    }
  }
  std::sort(places.directories.begin(), places.directories.end());
  places.directories.erase(std::unique(places.directories.begin(), places.directories.end()),
                           places.directories.end());
  const absl::Status status = files_watch_.Watch(std::move(places));
  if (status.ok()) return;
  REMORA_LOG(kConfig, kError, "files of secret '", source_.name,
             "' will not be read again: ", std::string(status.message()));
}

}  // namespace remora::xds
