#pragma once

// SharedSubscriptions: subscriptions to one resource each, shared by all who use that resource of
// that source: one is made with its first user, and goes with its last.
//
//   Follow(use) --> SubscriptionLease: the user counts as long as it lives
//
// A Subscription says whether it Is that of a use, Adds and Removes users by number, and Starts. It
// tells its owner when the last user has gone, who calls Remove. Owner: DynamicRoutes,
// DynamicExtensions. Thread: main. Nothing fails.

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <utility>

namespace remora::server {

template <class Subscription>
class SubscriptionLease {
 public:
  SubscriptionLease(Subscription& subscription, size_t user)
      : subscription_(subscription), user_(user) {}
  ~SubscriptionLease() { subscription_.Remove(user_); }
  SubscriptionLease(const SubscriptionLease&) = delete;
  SubscriptionLease& operator=(const SubscriptionLease&) = delete;

 private:
  Subscription& subscription_;
  size_t user_;
};

template <class Subscription>
class SharedSubscriptions {
 public:
  using Lease = SubscriptionLease<Subscription>;

  // `make` gives the subscription of a use that has none yet.
  template <class Use, class Make>
  std::unique_ptr<Lease> Follow(const Use& use, const std::string& who, const Make& make) {
    auto found =
        std::find_if(all_.begin(), all_.end(), [&use](const auto& one) { return one->Is(use); });
    const bool is_new = found == all_.end();
    if (is_new) found = all_.insert(all_.end(), make());
    Subscription& subscription = **found;
    auto lease = std::make_unique<Lease>(subscription, subscription.Add(use, who));
    if (is_new) subscription.Start();
    return lease;
  }

  void Remove(const Subscription& subscription) {
    all_.remove_if([&subscription](const auto& one) { return one.get() == &subscription; });
  }

  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::list<std::unique_ptr<Subscription>> all_;
};

}  // namespace remora::server
