#pragma once

// WaitingRoom: requests that wait for something that has a name, until it is there or known not to
// be.
//
//   Add(name, waiter) --Wake(name)--> each waiter's callback, once
//
// A waiter that leaves, or ends, leaves nothing behind. Being woken says only that it is time to
// look. Owner: whoever knows when that is; it ends after its waiters have left. Thread: one.
// Nothing fails.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "source/base/intrusive_list.h"

namespace remora::http {

class WaitingRoom;

class Waiter : public base::ListNode<Waiter> {
 public:
  using Callback = void (*)(void*);
  Waiter(Callback wake, void* argument) : wake_(wake), argument_(argument) {}
  ~Waiter() { Leave(); }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // It waits no longer, if it does.
  inline void Leave();

 private:
  friend class WaitingRoom;
  Callback wake_;
  void* argument_;
  WaitingRoom* room_ = nullptr;
  std::string_view name_;  // the caller's: the table moves its keys
};

class WaitingRoom {
 public:
  WaitingRoom() = default;
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  // True: it is the first that waits for this. `name` stays as long as the waiter.
  bool Add(std::string_view name, Waiter& waiter) {
    const auto [at, is_new] = lists_.try_emplace(Key(name));
    if (is_new) at->second = std::make_unique<List>();
    waiter.room_ = this;
    waiter.name_ = name;
    at->second->PushBack(waiter);
    return is_new;
  }
  void Wake(std::string_view name) {
    const auto found = lists_.find(Key(name));
    if (found == lists_.end()) return;
    const std::unique_ptr<List> list = std::move(found->second);
    lists_.erase(found);
    WakeAll(*list);
  }
  // Those for whose name `is_there` says so.
  template <class Predicate>
  void WakeIf(const Predicate& is_there) {
    std::vector<std::unique_ptr<List>> found;
    absl::erase_if(lists_, [&](auto& entry) {
      if (!is_there(entry.first)) return false;
      found.push_back(std::move(entry.second));
      return true;
    });
    for (const auto& list : found) WakeAll(*list);
  }
  bool empty() const { return lists_.empty(); }

 private:
  friend class Waiter;
  using List = base::IntrusiveList<Waiter>;
  static absl::string_view Key(std::string_view name) { return {name.data(), name.size()}; }
  static void WakeAll(List& list) {
    while (!list.empty()) {
      Waiter& waiter = list.PopFront();
      waiter.room_ = nullptr;
      waiter.wake_(waiter.argument_);
    }
  }

  absl::flat_hash_map<std::string, std::unique_ptr<List>> lists_;  // none is empty
};

inline void Waiter::Leave() {
  if (room_ == nullptr) return;
  Unlink();
  auto& lists = std::exchange(room_, nullptr)->lists_;
  const auto found = lists.find(WaitingRoom::Key(name_));
  if (found != lists.end() && found->second->empty()) lists.erase(found);
}

}  // namespace remora::http
