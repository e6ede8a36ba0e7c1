#pragma once

// HostIndex: from an authority to the number of a virtual host.
//
// Private to this folder. Order of the search (Envoy's): the exact domain, suffix wildcards
// ("*.a.com", "*-b.a.com") from the longest, prefix wildcards ("a.*") from the longest, "*". What
// a wildcard stands for is never empty. One hash look-up for the exact domain and one for each
// distinct wildcard length. Immutable after Finish(); any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace remora::route {

class HostIndex {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  enum class Added : uint8_t { kAdded, kDuplicate };
  // `domain` is lower-case. A '*' in the middle, or at the end of a domain that starts with one, is
  // an ordinary character, as in Envoy.
  Added Add(std::string_view domain, uint32_t virtual_host);
  // Call it after the last Add.
  void Finish();

  // `authority` in any case, with its port unless `ignore_port`.
  uint32_t Find(std::string_view authority, bool ignore_port) const;
  // All that take it, each once, the one that Find finds first.
  std::vector<uint32_t> FindAll(std::string_view authority, bool ignore_port) const;

 private:
  using Domains = absl::flat_hash_map<std::string, uint32_t>;
  // The wildcards whose fixed part has the same size.
  struct WildcardSize {
    size_t size;
    Domains domains;
  };

  static Added AddTo(Domains& domains, std::string_view domain, uint32_t virtual_host);
  static Domains& OfSize(std::vector<WildcardSize>& wildcards, size_t size);
  static uint32_t Get(const Domains& domains, std::string_view domain);
  // `host`, in lower case, with each that takes it, the most specific first, until `take` is true.
  template <class Take>
  void Visit(std::string_view host, const Take& take) const;
  // `visit` with the authority as the domains are written.
  template <class Use>
  auto InLowerCase(std::string_view authority, bool ignore_port, const Use& use) const;

  Domains exact_;
  std::vector<WildcardSize> suffixes_;  // longest first after Finish()
  std::vector<WildcardSize> prefixes_;
  uint32_t any_ = kNone;
};

}  // namespace remora::route
