#include "source/server/secret_context.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "source/base/log.h"
#include "source/config/secret_file.h"

namespace remora::server {
namespace {

// The directories that say when files of the configuration's own secrets are to be read again.
std::vector<std::string> OwnDirectories(const tls::SecretNeeds& needs) {
  std::vector<std::string> all;
  const auto add = [&all](const std::vector<std::string>& directories) {
    all.insert(all.end(), directories.begin(), directories.end());
  };
  for (const tls::Certificate& certificate : needs.certificates) {
    add(certificate.watched_directories);
  }
  if (needs.validation.has_value()) add(needs.validation->watched_directories);
  if (needs.ticket_keys.has_value()) add(needs.ticket_keys->watched_directories);
  return all;
}

template <typename Value>
absl::Status ReadAgain(Value& value) {
  absl::StatusOr<tls::SecretValue> read = config::ReadFilesAgain(value);
  if (!read.ok()) return read.status();
  value = std::get<Value>(*std::move(read));
  return absl::OkStatus();
}

// The configuration's own secrets with the present content of their files.
absl::Status ReadAgain(tls::SecretNeeds& needs) {
  absl::Status status;
  for (tls::Certificate& certificate : needs.certificates) status.Update(ReadAgain(certificate));
  if (needs.validation.has_value()) status.Update(ReadAgain(*needs.validation));
  if (needs.ticket_keys.has_value()) status.Update(ReadAgain(*needs.ticket_keys));
  return status;
}

}  // namespace

SecretContext::SecretContext(Setup setup, xds::SecretProvider& provider, event::FileWatcher& files)
    : setup_(std::move(setup)), provider_(provider), files_(files, [this] { OnFilesMoved(); }) {
  const tls::SecretNeeds& needs = setup_.needs;
  for (const tls::SecretSource& source : needs.certificate_sources) {
    sourced_.push_back({source, tls::Certificate()});
  }
  if (needs.validation_source.has_value()) {
    sourced_.push_back({*needs.validation_source, tls::Validation()});
  }
  if (needs.ticket_keys_source.has_value()) {
    sourced_.push_back({*needs.ticket_keys_source, tls::TicketKeys()});
  }
}

SecretContext::~SecretContext() {
  for (const Sourced& sourced : sourced_) {
    if (sourced.subscription != nullptr) provider_.Unsubscribe(*sourced.subscription, *this);
  }
}

absl::Status SecretContext::Start() {
  absl::Status status = BuildWith(nullptr, nullptr);
  if (!status.ok()) return status;
  PublishBuilt();
  status = WatchFiles();
  // A subscription may have a value, and tell of it, at once.
  for (size_t i = 0; i < sourced_.size(); ++i) {
    const auto same = [&](const Sourced& other) { return other.source == sourced_[i].source; };
    const auto end = sourced_.begin() + static_cast<ptrdiff_t>(i);
    if (std::any_of(sourced_.begin(), end, same)) continue;
    sourced_[i].subscription = &provider_.Subscribe(sourced_[i].source, *this);
  }
  return status;
}

bool SecretContext::Changes(const tls::SecretNeeds& needs) {
  return needs.waits() || !OwnDirectories(needs).empty();
}

absl::Status SecretContext::WatchFiles() {
  event::FileWatch::Places places;
  places.directories = OwnDirectories(setup_.needs);
  return places.directories.empty() ? absl::OkStatus() : files_.Watch(std::move(places));
}

void SecretContext::OnFilesMoved() {
  tls::SecretNeeds needs = setup_.needs;
  absl::Status status = ReadAgain(needs);
  if (status.ok() && needs == setup_.needs) return;
  if (status.ok()) {
    std::swap(needs, setup_.needs);
    status = BuildWith(nullptr, nullptr);
    if (!status.ok()) std::swap(needs, setup_.needs);
  }
  if (status.ok()) return PublishBuilt();
  REMORA_LOG(kConfig, kWarning, setup_.name,
             ": failed to reload its files: ", std::string(status.message()));
}

absl::Status SecretContext::BuildWith(const xds::SecretSubscription* from,
                                      const tls::SecretValue* value) {
  built_ = nullptr;
  tls::ContextSecrets secrets{setup_.needs.certificates, setup_.needs.validation,
                              setup_.needs.ticket_keys};
  for (const Sourced& sourced : sourced_) {
    const bool offered = from != nullptr && sourced.source == from->source();
    const tls::SecretValue* used = offered ? value : sourced.value.get();
    if (used == nullptr) return absl::OkStatus();
    if (const auto* certificate = std::get_if<tls::Certificate>(used)) {
      secrets.certificates.push_back(*certificate);
    } else if (const auto* validation = std::get_if<tls::Validation>(used)) {
      secrets.validation = secrets.validation.has_value()
                               ? tls::MergeValidation(*secrets.validation, *validation)
                               : *validation;
    } else if (const auto* keys = std::get_if<tls::TicketKeys>(used)) {
      secrets.ticket_keys = *keys;
    }
  }
  absl::StatusOr<Publish> built = setup_.build(secrets);
  if (!built.ok()) return built.status();
  built_ = *std::move(built);
  return absl::OkStatus();
}

void SecretContext::PublishBuilt() {
  if (built_ == nullptr) return;
  std::exchange(built_, nullptr)();
}

absl::Status SecretContext::Check(const xds::SecretSubscription& from,
                                  const tls::SecretValue& value) {
  for (const Sourced& sourced : sourced_) {
    if (sourced.source != from.source() || sourced.kind.index() == value.index()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(setup_.name, " wants a ", std::string(tls::KindName(sourced.kind)),
                     ", the secret is a ", std::string(tls::KindName(value))));
  }
  return BuildWith(&from, &value);
}

void SecretContext::Use(const xds::SecretSubscription& from) {
  for (Sourced& sourced : sourced_) {
    if (sourced.source == from.source()) sourced.value = from.value();
  }
  PublishBuilt();
  setup_.updates.Inc();
  setup_.on_settled(from.source().name);
}

void SecretContext::GiveUp(const xds::SecretSubscription& from) {
  setup_.on_settled(from.source().name);
}

}  // namespace remora::server
