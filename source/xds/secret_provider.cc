#include "source/xds/secret_provider.h"

#include "absl/strings/str_cat.h"

namespace remora::xds {

SecretProvider::Key SecretProvider::KeyOf(const tls::SecretSource& source) {
  return {source.name, source.path, source.watched_directory,
          absl::StrCat(source.initial_fetch_timeout),
          // Equal ones are one in their configuration; of others nothing is shared but the stream.
          absl::StrCat(reinterpret_cast<uintptr_t>(source.server.get()))};
}

SecretSubscription& SecretProvider::Subscribe(const tls::SecretSource& source, SecretUser& user) {
  std::unique_ptr<SecretSubscription>& subscription = subscriptions_[KeyOf(source)];
  const bool made = subscription == nullptr;
  if (made) subscription = std::make_unique<SecretSubscription>(source, services_);
  subscription->Add(user);
  if (made && started_) subscription->Start();
  return *subscription;
}

void SecretProvider::Unsubscribe(SecretSubscription& subscription, SecretUser& user) {
  subscription.Remove(user);
  if (!subscription.used()) subscriptions_.erase(KeyOf(subscription.source()));
}

void SecretProvider::Start() {
  started_ = true;
  for (auto& [key, subscription] : subscriptions_) subscription->Start();
}

std::vector<const SecretSubscription*> SecretProvider::subscriptions() const {
  std::vector<const SecretSubscription*> list;
  for (const auto& [key, subscription] : subscriptions_) list.push_back(subscription.get());
  return list;
}

}  // namespace remora::xds
