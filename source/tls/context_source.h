#pragma once

// ContextSource: the settings of one TLS context, the secrets it needs, and the slot that its
// connections look into.
//
// Made by the TLS translator, shared by the transport factory (which reads the slot) and by whoever
// follows secrets on main, who builds and puts contexts:
//   needs() says what to find; Build(found) makes a context or says what is wrong; Put() swaps it
// A source without needs to wait for is filled by the translator at once.

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "source/tls/context.h"
#include "source/tls/context_slot.h"

namespace remora::tls {

class ContextSource {
 public:
  using Settings = std::variant<ServerSettings, ClientSettings>;

  ContextSource(Settings settings, SecretNeeds needs)
      : settings_(std::move(settings)), needs_(std::move(needs)) {}

  bool server() const { return std::holds_alternative<ServerSettings>(settings_); }
  const SecretNeeds& needs() const { return needs_; }
  // Main. `parts` is what all contexts of the process share.
  absl::StatusOr<std::shared_ptr<const Context>> Build(const ContextSecrets& secrets,
                                                       PartCache& parts) const;
  void Put(std::shared_ptr<const Context> context) const { slot_.Put(std::move(context)); }
  // Any thread; null: not ready.
  std::shared_ptr<const Context> Get() const { return slot_.Get(); }

 private:
  Settings settings_;
  SecretNeeds needs_;
  mutable ContextSlot slot_;
};

// A context and whose it is.
struct ContextUse {
  std::string owner;  // "listener '0.0.0.0:443'", "cluster 'b'"
  std::shared_ptr<const ContextSource> source;
};

}  // namespace remora::tls
