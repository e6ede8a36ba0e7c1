#pragma once

// SecretProvider: all secrets that come from sources: one subscription for each (source, name),
// shared by everybody who asks for it.
//
// Owner: Server. Thread: main. Users are asked and told through SecretUser; a user that ends calls
// Unsubscribe, and a subscription without users ends. Nothing here fails: what is wrong with a
// source is its subscription's to count and log.

#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "source/xds/secret_subscription.h"

namespace remora::xds {

class SecretProvider {
 public:
  explicit SecretProvider(const SubscriptionServices& services) : services_(services) {}
  SecretProvider(const SecretProvider&) = delete;
  SecretProvider& operator=(const SecretProvider&) = delete;

  // Before Start nothing is read, so that all users of a secret are asked about its first value.
  SecretSubscription& Subscribe(const tls::SecretSource& source, SecretUser& user);
  void Unsubscribe(SecretSubscription& subscription, SecretUser& user);

  // Starts the subscriptions that there are; later ones start when they are made.
  void Start();

  // In the order of their names.
  std::vector<const SecretSubscription*> subscriptions() const;

 private:
  using Key = std::vector<std::string>;
  static Key KeyOf(const tls::SecretSource& source);

  SubscriptionServices services_;
  bool started_ = false;
  absl::btree_map<Key, std::unique_ptr<SecretSubscription>> subscriptions_;
};

}  // namespace remora::xds
