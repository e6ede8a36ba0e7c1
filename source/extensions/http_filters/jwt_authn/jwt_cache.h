#pragma once

// JwtCache: tokens whose signature was found valid, by their text, so that a client that sends the
// same one again costs no cryptography.
//
// Owner: the filter's worker state, one a provider. Thread: its worker. Holds at most `size`
// tokens, the least recently used leaves first; larger tokens than kMaxTokenSize are not kept.
// Times and audiences are checked every time: only the signature is remembered. Nothing fails.
// Source: Envoy source/extensions/filters/http/jwt_authn/jwt_cache.cc.

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "source/extensions/http_filters/jwt_authn/token.h"

namespace remora::extensions {

class JwtCache {
 public:
  static constexpr size_t kMaxTokenSize = 4096;

  explicit JwtCache(size_t size) : size_(size) {}

  // Null: it is not there.
  std::shared_ptr<const JwtToken> Find(std::string_view text) {
    const auto found = places_.find(absl::string_view(text.data(), text.size()));
    if (found == places_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }

  void Insert(std::string_view text, std::shared_ptr<const JwtToken> token) {
    if (size_ == 0 || text.size() > kMaxTokenSize ||
        places_.contains(absl::string_view(text.data(), text.size()))) {
      return;
    }
    entries_.emplace_front(text, std::move(token));
    places_.emplace(entries_.front().first, entries_.begin());
    if (entries_.size() <= size_) return;
    places_.erase(entries_.back().first);
    entries_.pop_back();
  }

 private:
  using Entries = std::list<std::pair<std::string, std::shared_ptr<const JwtToken>>>;

  size_t size_;
  Entries entries_;  // the most recently used first
  absl::flat_hash_map<std::string, Entries::iterator> places_;
};

}  // namespace remora::extensions
