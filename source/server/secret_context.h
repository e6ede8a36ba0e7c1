#pragma once

// SecretContext: what one TLS context is made of, kept together: the secrets of the configuration,
// those of sources as they come and change, files that are read again; out of which a new context
// is built whenever something of it changed.
//
//   needs --Start--> complete? --build--> publish        (at the start, or when the last one comes)
//   source: Check --build--> ok? --Use--> publish        (later)
//   files moved --build--> ok? -> publish
//
// Owner: SecretContexts. Thread: main. What cannot be built is not published: an error of Check
// refuses the secret for all its users, a file that is wrong is logged and the old context stays.
// Source: Envoy source/common/tls/context_config_impl.cc, server_ssl_socket.cc.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "source/event/file_watch.h"
#include "source/stats/handles.h"
#include "source/tls/secret.h"
#include "source/xds/secret_provider.h"

namespace remora::server {

class SecretContext final : public xds::SecretUser {
 public:
  // Puts a context that was built in its place.
  using Publish = std::function<void()>;
  // Builds a context; an error says what is wrong with the secrets.
  using Build = std::function<absl::StatusOr<Publish>(const tls::ContextSecrets&)>;

  struct Setup {
    std::string name;  // for the log
    tls::SecretNeeds needs;
    Build build;
    stats::Counter updates;  // ssl_context_update_by_sds
    // A secret of that name has come or is given up.
    std::function<void(const std::string& secret)> on_settled;
  };

  // Both outlive it.
  SecretContext(Setup setup, xds::SecretProvider& provider, event::FileWatcher& files);
  ~SecretContext();
  SecretContext(const SecretContext&) = delete;
  SecretContext& operator=(const SecretContext&) = delete;

  // Builds at once when there is nothing to wait for, and asks for the rest. Fails when what the
  // configuration itself holds is wrong.
  absl::Status Start();
  // Whether secrets like these may change; if not, there is nothing to follow.
  static bool Changes(const tls::SecretNeeds& needs);

  absl::Status Check(const xds::SecretSubscription& from, const tls::SecretValue& value) override;
  void Use(const xds::SecretSubscription& from) override;
  void GiveUp(const xds::SecretSubscription& from) override;

 private:
  // A secret of a source.
  struct Sourced {
    tls::SecretSource source;
    tls::SecretValue kind;                            // an empty value of the kind that is wanted
    xds::SecretSubscription* subscription = nullptr;  // null: an earlier one has the same
    std::shared_ptr<const tls::SecretValue> value = nullptr;
  };

  absl::Status WatchFiles();
  void OnFilesMoved();
  // With the values that there are, but `value` for the secrets that come from there. Builds if
  // nothing is missing.
  absl::Status BuildWith(const xds::SecretSubscription* from, const tls::SecretValue* value);
  void PublishBuilt();

  Setup setup_;
  xds::SecretProvider& provider_;
  std::vector<Sourced> sourced_;  // certificates in the order of the configuration
  Publish built_;                 // by the last Check; null: not complete
  event::FileWatch files_;
};

}  // namespace remora::server
