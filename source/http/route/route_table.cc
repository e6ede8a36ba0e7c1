#include "source/http/route/route_table.h"

#include <algorithm>
#include <cstring>

#include "source/http/route/conditions.h"
#include "source/http/route/host_index.h"
#include "source/http/route/path_index.h"

namespace remora::route {
namespace {

std::string_view CutAt(std::string_view path, char c) {
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

const ClusterChoice* Route::ChooseCluster(uint64_t random) const {
  if (cluster_count_ <= 1) return clusters_;
  // The high bits of the product (Lemire). A runtime fraction looks at a remainder, so the two
  // decisions do not lean on each other as they do when both take a remainder.
  const auto value =
      static_cast<uint32_t>((static_cast<unsigned __int128>(random) * total_weight_) >> 64);
  return std::upper_bound(
      clusters_begin(), clusters_end(), value,
      [](uint32_t v, const ClusterChoice& choice) { return v < choice.weight_end; });
}

MatchResult RouteTable::Match(const http::RequestHead& head, uint64_t random) const {
  MatchResult result;
  const uint32_t host = hosts_->Find(head.authority, ignore_port_);
  if (host == HostIndex::kNone) return result;
  const VirtualHost& virtual_host = virtual_hosts_[host];
  result.virtual_host = &virtual_host;

  std::string_view path = CutAt(CutAt(head.path, '?'), '#');
  if (ignore_path_parameters_) path = CutAt(path, ';');
  result.route = virtual_host.index_->Find({head, path, random});
  if (result.route == nullptr) return result;
  result.cluster = result.route->ChooseCluster(random);
  result.overrides = result.cluster ? result.cluster->overrides : result.route->overrides_;
  return result;
}

}  // namespace remora::route
