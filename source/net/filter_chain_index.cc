#include "source/net/filter_chain_index.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/strings/string_view.h"

namespace remora::net {
namespace {

using Condition = FilterChainIndex::Condition;

constexpr size_t kLevels = static_cast<size_t>(Condition::kSourcePort) + 1;

bool IsIpLevel(size_t level) {
  const auto condition = static_cast<Condition>(level);
  return condition == Condition::kDestinationPrefix ||
         condition == Condition::kDirectSourcePrefix || condition == Condition::kSourcePrefix;
}

// A prefix as bytes: family, length, and what of the address is in it.
constexpr size_t kMaxPrefixKey = 2 + 16;

size_t WritePrefix(const Address& address, uint32_t bits, char* to) {
  const std::string_view bytes = address.ip_bytes();
  to[0] = bytes.size() == 4 ? '4' : '6';
  to[1] = static_cast<char>(bits);
  const size_t whole = bits / 8;
  std::copy_n(bytes.data(), whole, to + 2);
  if (bits % 8 == 0) return 2 + whole;
  const auto mask = static_cast<uint8_t>(0xff << (8 - bits % 8));
  to[2 + whole] = static_cast<char>(static_cast<uint8_t>(bytes[whole]) & mask);
  return 3 + whole;
}

std::string PortKey(uint16_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
}

// No condition is, as in Envoy, the same as 0.0.0.0/0 and ::/0.
std::vector<std::string> PrefixKeys(const std::vector<CidrRange>& ranges) {
  if (ranges.empty()) return {std::string("4\0", 2), std::string("6\0", 2)};
  std::vector<std::string> keys;
  for (const CidrRange& range : ranges) {
    char key[kMaxPrefixKey];
    keys.emplace_back(key, WritePrefix(range.address(), range.prefix_length(), key));
  }
  return keys;
}

std::vector<std::string> NameKeys(std::vector<std::string> names) {
  if (names.empty()) names.emplace_back();
  return names;
}

std::vector<std::string> PortKeys(const std::vector<uint16_t>& ports) {
  if (ports.empty()) return {PortKey(0)};
  std::vector<std::string> keys;
  for (const uint16_t port : ports) keys.push_back(PortKey(port));
  return keys;
}

std::string SourceTypeKey(FilterChainMatch::SourceType type) {
  return std::string(1, static_cast<char>('0' + static_cast<int>(type)));
}

// Envoy takes what is no IP (a Unix socket) for 0.0.0.1.
Address IpOrUnknown(const Address& address) {
  return address.is_ip() ? address : Address::FromIpBytes({"\0\0\0\1", 4}, 0);
}

bool IsLocal(const ConnectionTraits& traits) {
  const Address& remote = traits.remote;
  if (!remote.is_ip() || remote.is_loopback()) return true;
  return remote.kind() == traits.local.kind() && remote.ip_bytes() == traits.local.ip_bytes();
}

}  // namespace

struct FilterChainIndex::Node {
  const Node* Get(std::string_view key) const {
    const auto found = next.find(absl::string_view(key.data(), key.size()));
    return found == next.end() ? nullptr : found->second.get();
  }
  const Node* GetPort(uint16_t port) const {
    const char key[] = {static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
    return Get({key, sizeof(key)});
  }
  const Node* GetPrefix(const Address& address) const;
  const Node* GetServerName(std::string_view name) const;
  const Node* GetApplicationProtocol(const std::vector<std::string>* protocols) const;
  const Node* GetSourceType(const ConnectionTraits& traits) const;
  const Node* Step(size_t level, const ConnectionTraits& traits) const;
  // The chains behind it; `level` is its own.
  void AddChains(size_t level, std::vector<size_t>& chains) const;

  absl::flat_hash_map<std::string, std::unique_ptr<Node>> next;
  std::vector<uint8_t> lengths;  // of the prefixes in `next`, the longest first
  size_t chain = 0;              // behind the last level
};

const FilterChainIndex::Node* FilterChainIndex::Node::GetPrefix(const Address& address) const {
  const Address ip = IpOrUnknown(address);
  const size_t most = ip.ip_bytes().size() * 8;
  for (const uint8_t length : lengths) {
    if (length > most) continue;
    char key[kMaxPrefixKey];
    if (const Node* found = Get({key, WritePrefix(ip, length, key)}); found != nullptr) {
      return found;
    }
  }
  return nullptr;
}

const FilterChainIndex::Node* FilterChainIndex::Node::GetServerName(std::string_view name) const {
  if (const Node* found = Get(name); found != nullptr) return found;
  // ".example.com" and ".com" of "www.example.com".
  for (size_t dot = name.find('.', 1); dot != std::string_view::npos && dot + 1 < name.size();
       dot = name.find('.', dot + 1)) {
    if (const Node* found = Get(name.substr(dot)); found != nullptr) return found;
  }
  return Get("");
}

const FilterChainIndex::Node* FilterChainIndex::Node::GetApplicationProtocol(
    const std::vector<std::string>* protocols) const {
  if (protocols != nullptr) {
    for (const std::string& protocol : *protocols) {
      if (const Node* found = Get(protocol); found != nullptr) return found;
    }
  }
  return Get("");
}

const FilterChainIndex::Node* FilterChainIndex::Node::GetSourceType(
    const ConnectionTraits& traits) const {
  const char* key = IsLocal(traits) ? "1" : "2";
  static_assert(static_cast<int>(FilterChainMatch::SourceType::kSameIpOrLoopback) == 1);
  static_assert(static_cast<int>(FilterChainMatch::SourceType::kExternal) == 2);
  if (const Node* found = Get(key); found != nullptr) return found;
  return Get("0");
}

const FilterChainIndex::Node* FilterChainIndex::Node::Step(size_t level,
                                                           const ConnectionTraits& traits) const {
  switch (static_cast<Condition>(level)) {
    case Condition::kDestinationPort: {
      const Node* exact = traits.local.is_ip() ? GetPort(traits.local.port()) : nullptr;
      return exact != nullptr ? exact : GetPort(0);
    }
    case Condition::kDestinationPrefix:
      return GetPrefix(traits.local);
    case Condition::kServerName:
      return GetServerName(traits.server_name);
    case Condition::kTransportProtocol: {
      const Node* exact = Get(traits.transport_protocol);
      return exact != nullptr ? exact : Get("");
    }
    case Condition::kApplicationProtocols:
      return GetApplicationProtocol(traits.application_protocols);
    case Condition::kDirectSourcePrefix:
      return GetPrefix(traits.direct_remote);
    case Condition::kSourceType:
      return GetSourceType(traits);
    case Condition::kSourcePrefix:
      return GetPrefix(traits.remote);
    default: {
      const Node* exact = GetPort(IpOrUnknown(traits.remote).port());
      return exact != nullptr ? exact : GetPort(0);
    }
  }
}

void FilterChainIndex::Node::AddChains(size_t level, std::vector<size_t>& chains) const {
  if (level == kLevels) {
    chains.push_back(chain);
    return;
  }
  for (const auto& [key, below] : next) below->AddChains(level + 1, chains);
}

FilterChainIndex::FilterChainIndex() : root_(std::make_unique<Node>()) {}
FilterChainIndex::~FilterChainIndex() = default;
FilterChainIndex::FilterChainIndex(FilterChainIndex&&) noexcept = default;
FilterChainIndex& FilterChainIndex::operator=(FilterChainIndex&&) noexcept = default;

bool FilterChainIndex::Add(const FilterChainMatch& match, size_t chain) {
  const bool first = root_->next.empty();
  only_.reset();
  if (first && match.TakesAll()) only_ = chain;
  return AddBelow(*root_, 0,
                  {{PortKey(match.destination_port)},
                   PrefixKeys(match.prefix_ranges),
                   NameKeys(match.server_names),
                   {match.transport_protocol},
                   NameKeys(match.application_protocols),
                   PrefixKeys(match.direct_source_prefix_ranges),
                   {SourceTypeKey(match.source_type)},
                   PrefixKeys(match.source_prefix_ranges),
                   PortKeys(match.source_ports)},
                  chain);
}

bool FilterChainIndex::AddBelow(Node& node, size_t level,
                                const std::vector<std::vector<std::string>>& keys, size_t chain) {
  for (const std::string& key : keys[level]) {
    std::unique_ptr<Node>& below = node.next[key];
    const bool made = below == nullptr;
    if (made) below = std::make_unique<Node>();
    if (level + 1 == kLevels) {
      if (!made) return false;
      below->chain = chain;
      continue;
    }
    if (made && IsIpLevel(level)) {
      const auto length = static_cast<uint8_t>(key[1]);
      const auto place = std::lower_bound(node.lengths.begin(), node.lengths.end(), length,
                                          std::greater<uint8_t>());
      if (place == node.lengths.end() || *place != length) node.lengths.insert(place, length);
    }
    if (!AddBelow(*below, level + 1, keys, chain)) return false;
  }
  return true;
}

std::optional<size_t> FilterChainIndex::Find(const ConnectionTraits& traits) const {
  if (only_.has_value()) return only_;
  const Node* node = root_.get();
  for (size_t level = 0; level < kLevels; ++level) {
    node = node->Step(level, traits);
    if (node == nullptr) return std::nullopt;
  }
  return node->chain;
}

std::optional<size_t> FilterChainIndex::Explain(const ConnectionTraits& traits,
                                                std::vector<Loser>& losers) const {
  const auto chains_of = [](const Node& node, size_t level) {
    std::vector<size_t> chains;
    node.AddChains(level, chains);
    std::sort(chains.begin(), chains.end());
    chains.erase(std::unique(chains.begin(), chains.end()), chains.end());
    return chains;
  };
  const Node* node = root_.get();
  std::vector<size_t> left = chains_of(*node, 0);
  for (size_t level = 0; level < kLevels; ++level) {
    node = node->Step(level, traits);
    std::vector<size_t> next;
    if (node != nullptr) next = chains_of(*node, level + 1);
    for (const size_t chain : left) {
      if (!std::binary_search(next.begin(), next.end(), chain)) {
        losers.push_back({chain, static_cast<Condition>(level)});
      }
    }
    if (node == nullptr) return std::nullopt;
    left = std::move(next);
  }
  return node->chain;
}

}  // namespace remora::net
