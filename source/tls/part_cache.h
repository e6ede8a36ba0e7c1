#pragma once

// PartCache: parts that contexts share because they were made from equal bytes: a thousand clusters
// with one CA bundle hold one store of it.
//
// Owner: whoever builds contexts. Thread: main. A part is found by the SHA-256 of what it was made
// from, and forgotten by the next Sweep after its last user let go of it. Nothing fails.

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "source/tls/shared_text.h"

namespace remora::tls {

class PartCache {
 public:
  // Of byte strings, each with its length, so that moving bytes from one to the next changes it.
  static std::string KeyOf(std::initializer_list<std::string_view> pieces);

  // Null: there is none. `kind` keeps types apart.
  template <class T>
  std::shared_ptr<const T> Find(std::string_view kind, const std::string& key) const {
    const auto found = parts_.find(std::string(kind) + key);
    return found == parts_.end() ? nullptr : std::static_pointer_cast<const T>(found->second);
  }
  template <class T>
  void Add(std::string_view kind, const std::string& key, std::shared_ptr<const T> part) {
    parts_.insert_or_assign(std::string(kind) + key, std::move(part));
  }
  // The same bytes, held once by all who share them.
  SharedText Share(std::string text);
  void Sweep();
  size_t size() const { return parts_.size(); }

 private:
  absl::flat_hash_map<std::string, std::shared_ptr<const void>> parts_;
};

}  // namespace remora::tls
