#include "source/http/route/route_table.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "source/http/route/conditions.h"
#include "source/http/route/header_changes.h"
#include "source/http/route/host_index.h"
#include "source/http/route/path_index.h"
#include "source/http/route/rewrite.h"
#include "source/http/route/route_extras.h"
#include "source/http/route/virtual_clusters.h"
#include "source/http/route/weight_source.h"

namespace remora::route {
namespace {

std::string_view CutAt(std::string_view path, char c) {
  constexpr size_t kShort = 12;  // a call costs as much
  if (path.size() <= kShort) {
    size_t size = 0;
    while (size < path.size() && path[size] != c) ++size;
    return path.substr(0, size);
  }
  const void* found = path.empty() ? nullptr : std::memchr(path.data(), c, path.size());
  if (found == nullptr) return path;
  return path.substr(0, static_cast<size_t>(static_cast<const char*>(found) - path.data()));
}

}  // namespace

Route::Route() = default;
Route::Route(Route&&) noexcept = default;
Route::~Route() = default;

VirtualHost::VirtualHost() = default;
VirtualHost::VirtualHost(VirtualHost&&) noexcept = default;
VirtualHost::~VirtualHost() = default;

RouteTable::RouteTable() = default;
RouteTable::~RouteTable() = default;

std::string_view ClusterChoice::NameInField(const http::RequestHead& head) const {
  return cluster_header->First(head);
}

std::optional<size_t> Route::MatchedSize(std::string_view path) const {
  if (path_kind_ >= PathMatch::Kind::kSafeRegex)
    return std::min(path.size(), path.find_first_of("?#"));
  const absl::string_view begin(path.data(), std::min(path.size(), path_text_.size()));
  const absl::string_view text(path_text_.data(), path_text_.size());
  const bool same = case_sensitive_ ? begin == text : absl::EqualsIgnoreCase(begin, text);
  return same ? std::optional<size_t>(text.size()) : std::nullopt;
}

inline const ClusterChoice* Route::ChooseCluster(const RequestView& request) const {
  if (cluster_count_ <= 1) return clusters_;
  if (weight_source_ != nullptr) [[unlikely]]
    return ChooseBySource(request);
  // The high bits of the product (Lemire). A runtime fraction looks at a remainder, so the two
  // decisions do not lean on each other as they do when both take a remainder.
  const auto value =
      static_cast<uint32_t>((static_cast<unsigned __int128>(request.random) * total_weight_) >> 64);
  return std::upper_bound(
      clusters_begin(), clusters_end(), value,
      [](uint32_t v, const ClusterChoice& choice) { return v < choice.weight_end; });
}

// Weights from the runtime, a number from the request.
const ClusterChoice* Route::ChooseBySource(const RequestView& request) const {
  const auto& keys = weight_source_->runtime_keys;
  const auto weight = [&](uint32_t i) -> uint64_t {
    const uint32_t begin = i == 0 ? 0 : clusters_[i - 1].weight_end;
    const uint32_t configured = clusters_[i].weight_end - begin;
    if (keys.empty() || request.runtime == nullptr) return configured;
    // A weight is a 32-bit number; a larger one would let the sum overflow.
    return std::min<uint64_t>(request.runtime->Integer(keys[i], configured), ~uint32_t{0});
  };
  uint64_t total = 0;
  for (uint32_t i = 0; i < cluster_count_; ++i) total += weight(i);
  if (total == 0) return clusters_;  // the runtime switched all of them off: there has to be one
  uint64_t value =
      static_cast<uint64_t>((static_cast<unsigned __int128>(request.random) * total) >> 64);
  if (weight_source_->number.has_value()) {
    const std::string_view text = weight_source_->number->First(request.head);
    uint64_t number = 0;
    if (absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number)) {
      value = number % total;
    }
  }
  uint32_t i = 0;
  for (; value >= weight(i); ++i) value -= weight(i);
  return clusters_ + i;
}

namespace {

// As Envoy: x-forwarded-proto decides, which the connection manager sets or trusts.
bool NeedsTls(TlsRequirement requirement, const http::RequestHead& head) {
  if (head.headers.Get(http::HeaderId::kXForwardedProto) == "https") return false;
  return requirement == TlsRequirement::kAll ||
         head.headers.Get(http::HeaderId::kXEnvoyInternal) != "true";
}

}  // namespace

inline std::string_view RouteTable::PathOf(const http::RequestHead& head) const {
  const std::string_view path = CutAt(CutAt(head.path, '?'), '#');
  return ignore_path_parameters_ ? CutAt(path, ';') : path;
}

MatchResult RouteTable::Match(const http::RequestHead& head, uint64_t random,
                              const runtime::Snapshot* runtime,
                              const http::Metadata* metadata) const {
  MatchResult result;
  const uint32_t host = hosts_->Find(head.authority, ignore_port_);
  if (host == HostIndex::kNone) return result;
  const VirtualHost& virtual_host = virtual_hosts_[host];
  result.virtual_host = &virtual_host;
  if (virtual_host.require_tls_ != TlsRequirement::kNone &&
      NeedsTls(virtual_host.require_tls_, head)) {
    result.route = &tls_redirect_;
    return result;
  }

  const RequestView request{head, PathOf(head), random, runtime, metadata};
  result.route = virtual_host.index_->Find(request);
  if (result.route == nullptr) return result;
  result.cluster = result.route->ChooseCluster(request);
  result.overrides = result.cluster ? result.cluster->overrides : result.route->overrides_;
  return result;
}

MatchReasons RouteTable::Explain(const http::RequestHead& head, uint64_t random,
                                 const runtime::Snapshot* runtime,
                                 const http::Metadata* metadata) const {
  MatchReasons reasons;
  for (const uint32_t host : hosts_->FindAll(head.authority, ignore_port_)) {
    reasons.virtual_hosts.push_back(&virtual_hosts_[host]);
  }
  if (reasons.virtual_hosts.empty()) return reasons;
  const VirtualHost& taken = *reasons.virtual_hosts.front();
  reasons.requires_tls =
      taken.require_tls_ != TlsRequirement::kNone && NeedsTls(taken.require_tls_, head);
  const RequestView request{head, PathOf(head), random, runtime, metadata};
  for (const Route& route : taken.routes_) {
    reasons.routes.push_back(PathIndex::Check(route, request));
  }
  return reasons;
}

}  // namespace remora::route
