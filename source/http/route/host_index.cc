#include "source/http/route/host_index.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace remora::route {
namespace {

// Longer than any host name with a port (RFC 1035: 255 octets).
constexpr size_t kOrdinaryHostSize = 512;

// Envoy's getPortStart: the last colon, unless it stands within the brackets of an IPv6 address.
std::string_view WithoutPort(std::string_view authority) {
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos) return authority;
  const size_t bracket = authority.rfind(']');
  if (bracket != std::string_view::npos && bracket > colon) return authority;
  return authority.substr(0, colon);
}

void SortLongestFirst(auto& wildcards) {
  std::sort(wildcards.begin(), wildcards.end(),
            [](const auto& a, const auto& b) { return a.size > b.size; });
}

}  // namespace

HostIndex::Added HostIndex::AddTo(Domains& domains, std::string_view domain,
                                  uint32_t virtual_host) {
  return domains.emplace(std::string(domain), virtual_host).second ? Added::kAdded
                                                                   : Added::kDuplicate;
}

HostIndex::Domains& HostIndex::OfSize(std::vector<WildcardSize>& wildcards, size_t size) {
  for (WildcardSize& wildcard : wildcards) {
    if (wildcard.size == size) return wildcard.domains;
  }
  return wildcards.emplace_back(WildcardSize{size, {}}).domains;
}

HostIndex::Added HostIndex::Add(std::string_view domain, uint32_t virtual_host) {
  if (domain == "*") {
    if (any_ != kNone) return Added::kDuplicate;
    any_ = virtual_host;
    return Added::kAdded;
  }
  if (domain.starts_with('*')) {
    domain.remove_prefix(1);
    return AddTo(OfSize(suffixes_, domain.size()), domain, virtual_host);
  }
  if (domain.ends_with('*')) {
    domain.remove_suffix(1);
    return AddTo(OfSize(prefixes_, domain.size()), domain, virtual_host);
  }
  return AddTo(exact_, domain, virtual_host);
}

void HostIndex::Finish() {
  SortLongestFirst(suffixes_);
  SortLongestFirst(prefixes_);
}

uint32_t HostIndex::Get(const Domains& domains, std::string_view domain) {
  const auto found = domains.find(absl::string_view(domain.data(), domain.size()));
  return found == domains.end() ? kNone : found->second;
}

template <class Take>
inline void HostIndex::Visit(std::string_view host, const Take& take) const {
  uint32_t found = Get(exact_, host);
  if (found != kNone && take(found)) return;
  for (const WildcardSize& wildcard : suffixes_) {
    if (wildcard.size >= host.size()) continue;
    found = Get(wildcard.domains, host.substr(host.size() - wildcard.size));
    if (found != kNone && take(found)) return;
  }
  for (const WildcardSize& wildcard : prefixes_) {
    if (wildcard.size >= host.size()) continue;
    found = Get(wildcard.domains, host.substr(0, wildcard.size));
    if (found != kNone && take(found)) return;
  }
  if (any_ != kNone) take(any_);
}

template <class Use>
inline auto HostIndex::InLowerCase(std::string_view authority, bool ignore_port,
                                   const Use& use) const {
  if (ignore_port) authority = WithoutPort(authority);
  if (authority.size() > kOrdinaryHostSize) [[unlikely]] {
    // No name that resolves is that long. The head's limit bounds the copy.
    return use(std::string_view(
        absl::AsciiStrToLower(absl::string_view(authority.data(), authority.size()))));
  }
  char lower_case[kOrdinaryHostSize];
  std::transform(authority.begin(), authority.end(), lower_case,
                 [](char c) { return absl::ascii_tolower(static_cast<unsigned char>(c)); });
  return use(std::string_view(lower_case, authority.size()));
}

uint32_t HostIndex::Find(std::string_view authority, bool ignore_port) const {
  if (exact_.empty() && suffixes_.empty() && prefixes_.empty()) return any_;
  return InLowerCase(authority, ignore_port, [this](std::string_view host) {
    uint32_t first = kNone;
    Visit(host, [&first](uint32_t found) {
      first = found;
      return true;
    });
    return first;
  });
}

std::vector<uint32_t> HostIndex::FindAll(std::string_view authority, bool ignore_port) const {
  return InLowerCase(authority, ignore_port, [this](std::string_view host) {
    std::vector<uint32_t> all;
    Visit(host, [&all](uint32_t found) {
      if (std::find(all.begin(), all.end(), found) == all.end()) all.push_back(found);
      return false;
    });
    return all;
  });
}

}  // namespace remora::route
