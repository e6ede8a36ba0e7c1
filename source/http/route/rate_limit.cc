#include "source/http/route/rate_limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/numbers.h"

namespace remora::route {
namespace {

using http::MetadataValue;

// In the order of envoy.type.v3.RateLimitUnit.
constexpr std::string_view kUnits[] = {"UNKNOWN", "SECOND", "MINUTE", "HOUR",
                                       "DAY",     "MONTH",  "YEAR"};

std::optional<RateLimitOverride> LimitIn(const MetadataValue* value) {
  if (value == nullptr || value->kind != MetadataValue::Kind::kStruct) return std::nullopt;
  const auto requests = value->fields.find("requests_per_unit");
  const auto unit = value->fields.find("unit");
  if (requests == value->fields.end() || unit == value->fields.end()) return std::nullopt;
  const double number = requests->second.number;
  if (requests->second.kind != MetadataValue::Kind::kNumber || number != std::floor(number) ||
      number < 0 || number > std::numeric_limits<uint32_t>::max()) {
    return std::nullopt;
  }
  const auto* const name = std::find(std::begin(kUnits), std::end(kUnits), unit->second.text);
  if (name == std::end(kUnits)) return std::nullopt;
  return RateLimitOverride{static_cast<uint32_t>(number), static_cast<uint8_t>(name - kUnits)};
}

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
    return Add("remote_address", arena().Copy(client()->IpString()));
  }
  bool operator()(const RateLimit::MaskedRemoteAddress& action) const {
    if (!HasAddress()) return false;
    const bool v4 = client()->kind() == net::Address::Kind::kIpv4;
    return Add("masked_remote_address",
               arena().Copy(MaskedAddress(*client(), v4 ? action.v4_length : action.v6_length)));
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
  bool operator()(const RateLimit::MetadataText& action) const {
    const http::StreamInfo& info = request_.info;
    const MetadataValue* const value =
        action.place.Find(action.of_route ? info.route_metadata : info.dynamic_metadata);
    // Nobody changes the metadata of a stream, but others may take their place.
    if (value != nullptr && !value->text.empty()) return Add(action.key, arena().Copy(value->text));
    if (!action.otherwise.empty()) return Add(action.key, action.otherwise);
    return action.skip_if_absent;
  }

 private:
  bool Add(std::string_view key, std::string_view value) const {
    entries_.push_back({key, value});
    return true;
  }
  const net::Address* client() const { return request_.info.downstream_remote; }
  bool HasAddress() const { return client() != nullptr && client()->is_ip(); }
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

std::optional<uint64_t> HitsOf(const formatter::Format& format, const RateLimitRequest& request) {
  std::string text;
  double number = 0;
  if (!format.AppendValueTo(text, {request.info, &request.head}) ||
      !absl::SimpleAtod(text, &number) || !(number >= 0 && number <= RateLimit::kMaxHits)) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(number);
}

}  // namespace

const MetadataValue* MetadataPlace::Find(const http::Metadata* metadata) const {
  if (metadata == nullptr) return nullptr;
  const auto found = metadata->find(name_space);
  return found == metadata->end() ? nullptr : found->second.Find(path);
}

bool RateLimit::Describe(const RateLimitRequest& request, RateLimitDescriptor& descriptor) const {
  const Describer describer(request, descriptor.entries);
  for (const Action& action : actions) {
    if (!std::visit(describer, action)) return false;
  }
  descriptor.hits = hits;
  if (hits_format.has_value()) {
    descriptor.hits = HitsOf(*hits_format, request);
    if (!descriptor.hits.has_value()) return false;
  }
  descriptor.gives_back = gives_back;
  if (const auto* const fixed = std::get_if<RateLimitOverride>(&limit)) {
    descriptor.limit = *fixed;
  } else if (const auto* const place = std::get_if<MetadataPlace>(&limit)) {
    descriptor.limit = LimitIn(place->Find(request.info.dynamic_metadata));
  }
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
