#include "source/http/route/rate_limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace remora::route {
namespace {

// Adds the entry of one action; false drops the descriptor.
class Describer final {
 public:
  Describer(const RateLimitRequest& request, std::vector<RateLimitEntry>& entries)
      : request_(request), entries_(entries) {}

  bool operator()(const RateLimit::SourceCluster&) const {
    return Add("source_cluster", request_.source_cluster);
  }
  bool operator()(const RateLimit::DestinationCluster&) const {
    return Add("destination_cluster", request_.destination_cluster);
  }
  bool operator()(const RateLimit::GenericKey& action) const {
    return Add(action.key, action.value);
  }
  bool operator()(const RateLimit::Field& action) const {
    const std::optional<std::string_view> value = FieldValue(action.name);
    return value.has_value() ? Add(action.key, *value) : action.skip_if_absent;
  }
  bool operator()(const RateLimit::QueryParameter& action) const {
    const std::optional<std::string_view> value =
        FindQueryParameter(request_.head.path, action.name);
    return value.has_value() ? Add(action.key, *value) : action.skip_if_absent;
  }
  bool operator()(const RateLimit::RemoteAddress&) const {
    if (!HasAddress()) return false;
    return Add("remote_address", arena().Copy(request_.client->IpString()));
  }
  bool operator()(const RateLimit::MaskedRemoteAddress& action) const {
    if (!HasAddress()) return false;
    const bool v4 = request_.client->kind() == net::Address::Kind::kIpv4;
    return Add(
        "masked_remote_address",
        arena().Copy(MaskedAddress(*request_.client, v4 ? action.v4_length : action.v6_length)));
  }
  bool operator()(const RateLimit::HeaderMatches& action) const {
    const bool matches =
        std::all_of(action.headers.begin(), action.headers.end(),
                    [&](const HeaderMatcher& header) { return header.Matches(request_.head); });
    return matches == action.expected && Add(action.key, action.value);
  }
  bool operator()(const RateLimit::QueryMatches& action) const {
    const bool matches = std::all_of(action.parameters.begin(), action.parameters.end(),
                                     [&](const QueryParameterMatcher& parameter) {
                                       return parameter.Matches(request_.head.path);
                                     });
    return matches == action.expected && Add(action.key, action.value);
  }

 private:
  bool Add(std::string_view key, std::string_view value) const {
    entries_.push_back({key, value});
    return true;
  }
  bool HasAddress() const { return request_.client != nullptr && request_.client->is_ip(); }
  base::Arena& arena() const { return request_.head.arena(); }

  // What a route's conditions may name, this may too.
  std::optional<std::string_view> FieldValue(std::string_view name) const {
    const http::RequestHead& head = request_.head;
    if (name == ":path") return head.path;
    if (name == ":method") return head.method;
    if (name == ":authority" || name == "host") return head.authority;
    if (name == ":scheme") return head.scheme;
    const http::HeaderEntry* entry = head.headers.Find(name);
    if (entry == nullptr) return std::nullopt;
    return entry->value();
  }

  const RateLimitRequest& request_;
  std::vector<RateLimitEntry>& entries_;
};

}  // namespace

bool RateLimit::Describe(const RateLimitRequest& request, RateLimitDescriptor& descriptor) const {
  const Describer describer(request, descriptor.entries);
  for (const Action& action : actions) {
    if (!std::visit(describer, action)) return false;
  }
  descriptor.hits = hits;
  // All entries were left out: there is nothing to count under.
  return !descriptor.entries.empty();
}

std::string MaskedAddress(const net::Address& address, uint32_t length) {
  sockaddr_storage storage = {};
  [[maybe_unused]] const socklen_t size = address.Fill(storage);
  const bool v4 = address.kind() == net::Address::Kind::kIpv4;
  uint8_t bytes[16] = {};
  const size_t count = v4 ? 4 : 16;
  if (v4) {
    std::memcpy(bytes, &reinterpret_cast<sockaddr_in&>(storage).sin_addr, count);
  } else {
    std::memcpy(bytes, &reinterpret_cast<sockaddr_in6&>(storage).sin6_addr, count);
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t kept = std::min<size_t>(8, length > 8 * i ? length - 8 * i : 0);
    bytes[i] &= static_cast<uint8_t>(0xff00 >> kept);
  }
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
  return std::string(text) + "/" + std::to_string(length);
}

}  // namespace remora::route
