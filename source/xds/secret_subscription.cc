#include "source/xds/secret_subscription.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/xds/version_hash.h"

namespace remora::xds {
namespace {

// What Envoy shows of a secret that is not there.
constexpr const char* kNoVersion = "uninitialized";

// The directory of a file, as FileWatch wants it.
std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

SecretSubscription::SecretSubscription(tls::SecretSource source,
                                       const SubscriptionServices& services)
    : source_(std::move(source)),
      services_(services),
      scope_(services.stats.AddScope(absl::StrCat("sds.", source_.name))),
      stats_(scope_.Make<SubscriptionStats>(services.stats.main_shard())),
      secret_stats_(scope_.Make<SecretStats>(services.stats.main_shard())),
      version_text_(scope_.MakeTextReadout("version_text")),
      version_(kNoVersion),
      updated_at_(services.dispatcher.wall_now()),
      source_watch_(services.files, [this] { OnSourceMoved(); }),
      files_watch_(services.files, [this] { OnFilesMoved(); }),
      timeout_(
          services.dispatcher.timers(),
          [](void* self) { static_cast<SecretSubscription*>(self)->OnTimeout(); }, this) {
  version_text_.Set("");
}

SecretSubscription::~SecretSubscription() { services_.stats.RemoveScope(scope_); }

void SecretSubscription::Start() {
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
  stats_.init_fetch_timeout.Inc();
  REMORA_LOG(kConfig, kWarning, "secret '", source_.name, "' of ", source_.path,
             " did not come within its initial_fetch_timeout");
  for (SecretUser* user : users_) user->GiveUp(*this);
}

void SecretSubscription::OnSourceMoved() { Read(); }

void SecretSubscription::Read() {
  stats_.update_attempt.Inc();
  config::SecretFile file = config::ReadSecretFile(source_, services_.unknown_fields);
  services_.unknown_fields_met.Add(file.unknown_fields);
  if (!file.warnings.empty()) REMORA_LOG(kConfig, kWarning, file.warnings);
  if (file.unreadable) {
    stats_.update_failure.Inc();
    REMORA_LOG(kConfig, kWarning, "Filesystem config update failure: secret '", source_.name,
               "' in ", source_.path, ": ", file.error);
    return;
  }
  absl::Status status = absl::InvalidArgumentError(file.error);
  if (file.secret.has_value()) status = Offer(std::move(file.secret->value));
  if (!status.ok()) {
    stats_.update_rejected.Inc();
    REMORA_LOG(kConfig, kWarning, "Filesystem config update rejected: secret '", source_.name,
               "' in ", source_.path, ": ", std::string(status.message()));
    return;
  }
  stats_.update_success.Inc();
  stats_.update_time.Set(
      static_cast<uint64_t>(services_.dispatcher.wall_now() / event::kMillisecond));
  version_ = std::move(file.version);
  shown_ = std::move(file.shown);
  stats_.version.Set(VersionHash(version_));
  version_text_.Set(version_);
}

void SecretSubscription::OnFilesMoved() {
  if (value_ == nullptr) return;
  absl::StatusOr<tls::SecretValue> value = config::ReadFilesAgain(*value_);
  absl::Status status = value.status();
  if (value.ok()) status = Offer(*std::move(value));
  if (status.ok()) return;
  secret_stats_.key_rotation_failed.Inc();
  REMORA_LOG(kConfig, kWarning, "secret '", source_.name, "' of ", source_.path,
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
