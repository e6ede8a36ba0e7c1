#pragma once

// Warmer: who waits for what before it may be used: the one place where "warming" exists.
//
// A listener waits for its secrets, a cluster too; when the last thing that somebody waits for has
// arrived (or is given up), `on_warm` is called with the name. Sets of names, not counters: what
// arrives twice, or was never waited for, changes nothing.
// Owner: Server. Thread: main. Nothing fails. Source: Envoy source/common/init/manager_impl.h.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"

namespace remora::server {

class Warmer {
 public:
  explicit Warmer(std::function<void(const std::string& who)> on_warm)
      : on_warm_(std::move(on_warm)) {}
  Warmer(const Warmer&) = delete;
  Warmer& operator=(const Warmer&) = delete;

  void Wait(const std::string& who, const std::string& what) { waiting_[who].insert(what); }
  // May call on_warm.
  void Arrived(const std::string& who, const std::string& what);
  // It waits for nothing any more, because it will not be used. May call on_warm: others may have
  // waited for the last one that warms.
  void Forget(const std::string& who) {
    if (waiting_.erase(who) > 0) on_warm_(who);
  }

  bool IsWarming(const std::string& who) const { return waiting_.contains(who); }
  // Somebody waits whose name begins so.
  bool Any(std::string_view prefix) const;

  // Everybody who waits, and what for, in the order of names.
  std::vector<std::pair<std::string, std::vector<std::string>>> waiting() const;

 private:
  std::function<void(const std::string& who)> on_warm_;
  absl::btree_map<std::string, absl::btree_set<std::string>> waiting_;
};

}  // namespace remora::server
