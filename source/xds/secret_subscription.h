#pragma once

// SecretSubscription: one secret of one source, followed: reads the file that it is in, again
// whenever that or a file that the secret names is moved in place, or takes what a control plane
// sends; asks the secret's users whether they can use it, and keeps the last value that all of them
// could.
//
//   Start -> value -> new value ...            a broken or refused one: counted, logged, passed
//   over
//        \-> GiveUp (initial_fetch_timeout) -> value -> ...
//
// Owner: SecretProvider. Thread: main. A fault is logged with the file's path (never with a
// secret's bytes) and counted: update_failure when the source is no document, update_rejected when
// what it says is wrong or no user's, key_rotation_failed when a file that the secret names is.
// Source: Envoy source/common/secret/sds_api.cc.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "source/config/secret_file.h"
#include "source/event/file_watch.h"
#include "source/event/timer.h"
#include "source/stats/store.h"
#include "source/tls/secret.h"
#include "source/xds/subscription.h"
#include "source/xds/subscription_record.h"

namespace remora::xds {

class SecretSubscription;

// A face: who uses secrets. One object may use several.
class SecretUser {
 public:
  // Could it use `value`? An error keeps the old one, for all users.
  virtual absl::Status Check(const SecretSubscription& from, const tls::SecretValue& value) = 0;
  // The value that Check agreed to is the subscription's value now.
  virtual void Use(const SecretSubscription& from) = 0;
  // There is no value yet and no use in waiting any longer. One may still come.
  virtual void GiveUp(const SecretSubscription& from) = 0;

 protected:
  ~SecretUser() = default;
};

// What subscriptions are made with; outlives them.
struct SubscriptionServices {
  event::Dispatcher& dispatcher;
  event::FileWatcher& files;
  stats::Store& stats;
  config::UnknownFieldPolicy unknown_fields = config::UnknownFieldPolicy::kWarn;
  stats::Counter unknown_fields_met = {};  // server.dynamic_unknown_fields
  Sources* sources = nullptr;              // what secrets of control planes come from
};

class SecretSubscription final : private ResourceUser {
 public:
  SecretSubscription(tls::SecretSource source, const SubscriptionServices& services);
  ~SecretSubscription();
  SecretSubscription(const SecretSubscription&) = delete;
  SecretSubscription& operator=(const SecretSubscription&) = delete;

  // Reads the source for the first time and follows it from then on.
  void Start();
  // A user outlives the subscription or is removed. When there is a value, it is asked at once.
  void Add(SecretUser& user);
  void Remove(SecretUser& user);
  bool used() const { return !users_.empty(); }

  const tls::SecretSource& source() const { return source_; }
  // Null: none yet.
  const std::shared_ptr<const tls::SecretValue>& value() const { return value_; }
  // Of the last value taken, for /config_dump.
  const std::string& version() const { return version_; }
  const std::string& shown() const { return shown_; }
  // When it was taken, or when the subscription was made; ns since the epoch.
  int64_t updated_at() const { return updated_at_; }

 private:
  // ResourceUser
  std::vector<ResourceError> OnUpdate(const ResourceUpdate& update) override;
  void OnFetchTimeout(absl::Span<const std::string> names) override;

  void StartFile();
  void OnFilesMoved();
  void OnTimeout();
  void GiveUp(std::string_view why);
  void Read();
  // The version and form of the value that was just taken.
  void Note(config::SecretFile secret);
  // Asks all users, and makes it the value if none objects. The same value as now is not asked
  // about.
  absl::Status Offer(tls::SecretValue value);
  void WatchFiles();

  tls::SecretSource source_;
  std::string place_;  // the source, for the log
  SubscriptionServices services_;
  stats::Scope& scope_;
  SubscriptionRecord record_;  // of a file; what a server says is counted by its subscription
  SecretStats secret_stats_;
  std::vector<SecretUser*> users_;
  std::shared_ptr<const tls::SecretValue> value_;
  std::string version_;
  std::string shown_;
  int64_t updated_at_;
  event::FileWatch source_watch_;
  event::FileWatch files_watch_;          // of files that the secret names
  event::Timer timeout_;                  // of a file
  std::unique_ptr<Subscription> stream_;  // to a control plane
};

}  // namespace remora::xds
