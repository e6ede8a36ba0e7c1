#include "source/upstream/cluster_runtime.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "source/http/authority.h"
#include "source/net/plaintext.h"

namespace remora::upstream {
namespace {

std::atomic<uint32_t> UsageSlot::* Cell(ClusterRuntime::Resource resource) {
  switch (resource) {
    case ClusterRuntime::Resource::kConnection:
      return &UsageSlot::connections;
    case ClusterRuntime::Resource::kPending:
      return &UsageSlot::pending;
    case ClusterRuntime::Resource::kRequest:
      return &UsageSlot::requests;
    case ClusterRuntime::Resource::kRetry:
      return &UsageSlot::retries;
    case ClusterRuntime::Resource::kPool:
      return &UsageSlot::pools;
  }
  return nullptr;
}

uint32_t Limit(const CircuitBreakerLimits& limits, ClusterRuntime::Resource resource) {
  switch (resource) {
    case ClusterRuntime::Resource::kConnection:
      return limits.max_connections;
    case ClusterRuntime::Resource::kPending:
      return limits.max_pending_requests;
    case ClusterRuntime::Resource::kRequest:
      return limits.max_requests;
    case ClusterRuntime::Resource::kRetry:
      return limits.max_retries;
    case ClusterRuntime::Resource::kPool:
      return limits.max_connection_pools;
  }
  return 0;
}

// RFC 6066 section 3: addresses are no server names.
bool IsIp(std::string_view host) { return net::Address::Ip(host, 0).ok(); }

}  // namespace

ClusterRuntime::ClusterRuntime(std::shared_ptr<const Cluster> cluster,
                               const WorkerResources& worker)
    : cluster_(std::move(cluster)),
      worker_(worker),
      stats_(cluster_->scope().Make<ClusterStats>(worker.shard)),
      codes_(cluster_->scope(), worker.shard, "upstream_rq_"),
      origins_{{{cluster_->scope(), worker.shard, "external.upstream_rq_"}, {}, false},
               {{cluster_->scope(), worker.shard, "internal.upstream_rq_"}, {}, false}},
      retried_{{cluster_->scope(), worker.shard, "retry.upstream_rq_"}, {}, false},
      maintenance_key_(absl::StrCat("upstream.maintenance_mode.", cluster_->name())),
      balancer_(MakeLoadBalancer(*cluster_, {worker.random, worker.runtime})),
      sweep_(&OnTurnEnd, this) {
  const auto add_transport = [&](const std::shared_ptr<const net::TransportFactory>& factory) {
    transports_.push_back(factory == nullptr ? nullptr
                                             : factory->ForWorker(cluster_->scope(), worker.shard));
    wants_passage_ |= factory != nullptr && factory->shows_client();
  };
  add_transport(config().transport);
  for (const TransportMatch& match : config().transport_matches) add_transport(match.transport);
  wants_passage_ |= config().pool_per_connection;
  if (config().original_destination.has_value()) {
    destinations_ = std::make_unique<Destinations>(*this);
  }
  takes_any_ = !reads_requests() && !wants_passage_ && destinations_ == nullptr;
  http1_options_.max_headers = config().max_response_headers;
  http1_options_.max_header_bytes = config().max_response_header_bytes;
  http1_options_.name_case = config().name_case;
  http1_options_.enable_trailers = config().enable_trailers;
  if (config().protocol == Protocol::kHttp1) return;
  http2_options_.memory = &http2_memory_;
  http2_options_.protocol = config().http2;
  http2_options_.max_headers = config().max_response_headers;
  http2_options_.ShareBuffer(config().per_connection_buffer_limit);
  if (cluster_->http2_scope() != nullptr) {
    http2_options_.stats = cluster_->http2_scope()->Make<http2::Stats>(worker.shard);
  }
}

ClusterRuntime::~ClusterRuntime() {
  for (const bool http2 : {false, true}) {
    for (const Priority priority : {Priority::kDefault, Priority::kHigh}) {
      Pools& pools = PoolsOf(priority, http2);
      for (size_t i = pools.size(); i > 0; --i) Give(Resource::kPool, priority);
      pools.clear();
    }
  }
  for (const auto& pool : leaving_) Give(Resource::kPool, pool->priority());
}

void ClusterRuntime::Adopt(std::shared_ptr<const Cluster> next) {
  cluster_ = std::move(next);
  balancer_ = MakeLoadBalancer(*cluster_, {worker_.random, worker_.runtime});
  named_hosts_ = nullptr;
  last_host_ = nullptr;
  absl::flat_hash_set<const Host*> here;
  for (const auto& host : cluster_->hosts()) here.insert(host.get());
  for (Pools& pools : pools_) {
    for (auto it = pools.begin(); it != pools.end();) {
      if (here.contains(std::get<0>(it->first))) {
        ++it;
        continue;
      }
      it->second->Unlink();  // from its passage
      std::erase(empty_pools_, it->second.get());
      leaving_.push_back(std::move(it->second));
      pools.erase(it++);
    }
  }
  // Behind the walk: closing ends requests' connections, which may ask for others.
  for (const auto& pool : leaving_) pool->Leave();
  if (!leaving_.empty()) OnPoolDone();
}

void ClusterRuntime::OnTurnEnd(void* self) {
  auto* cluster = static_cast<ClusterRuntime*>(self);
  cluster->SweepEmpty();
  cluster->SweepLeaving();
}

void ClusterRuntime::SweepLeaving() {
  for (size_t i = 0; i < leaving_.size();) {
    if (leaving_[i]->busy()) {
      ++i;
      continue;
    }
    std::swap(leaving_[i], leaving_.back());
    std::unique_ptr<Pool> done = std::move(leaving_.back());
    leaving_.pop_back();
    End(std::move(done));
  }
}

std::shared_ptr<const Host> ClusterRuntime::Hold(const Host& host) const {
  if (destinations_ != nullptr) return destinations_->Hold(host.address());
  if (!config().hosts_change) return nullptr;
  for (const auto& known : cluster_->hosts()) {
    if (known.get() == &host) return known;
  }
  return nullptr;
}

absl::StatusOr<net::Socket> ClusterRuntime::StartConnect(const Host& host,
                                                         const net::Passage* passage) const {
  const net::Source* source = config().source.get();
  if (passage != nullptr && passage->source() != nullptr) source = passage->source();
  return net::StartConnect(host.address(), config().keepalive, source);
}

std::unique_ptr<net::TransportSocket> ClusterRuntime::MakeTransport(const Host& host,
                                                                    const net::Passage* passage,
                                                                    std::string_view protocols,
                                                                    std::string_view server_name) {
  net::TransportMaker* transports = transports_[host.config().transport].get();
  if (transports == nullptr) return std::make_unique<net::Plaintext>();
  net::TransportOptions options;
  options.peer = &host.address();
  options.hostname = host.config().hostname;
  options.application_protocols = protocols;
  options.passage = passage;
  const std::vector<std::string_view> names = {server_name};
  if (!server_name.empty()) {
    if (config().server_names->sni && !IsIp(server_name)) options.server_name = server_name;
    if (config().server_names->validate) options.subject_names = &names;
  }
  return transports->Make(options);
}

HostWish ClusterRuntime::WishFor(const http::RequestHead& head) const {
  HostWish wish;
  wish.http2 = head.version == http::Version::kHttp2;
  if (!config().server_names.has_value()) return wish;
  const std::string& header = config().server_names->header;
  const http::HeaderEntry* field = header.empty() ? nullptr : head.headers.Find(header);
  const bool named = field != nullptr && !field->value().empty();
  const std::string_view name = http::HostOf(named ? field->value() : head.authority);
  if (config().server_names->validate || !IsIp(name)) wish.server_name = name;
  return wish;
}

Pool* ClusterRuntime::PickPool() {
  if (destinations_ != nullptr) [[unlikely]]
    return PickPool({});
  if (balancer_->in_panic()) stats_.lb_healthy_panic.Inc();
  const Host* host = balancer_->Pick({});
  if (host == nullptr) {
    stats_.upstream_cx_none_healthy.Inc();
    return nullptr;
  }
  if (host == last_host_) return last_pool_;
  last_pool_ = PoolOf(*host, {});
  last_host_ = last_pool_ != nullptr ? host : nullptr;
  return last_pool_;
}

Pool* ClusterRuntime::PickPool(const HostWish& wish) {
  const Host* host = PickHost(wish);
  return host == nullptr ? nullptr : PoolOf(*host, wish);
}

const Host* ClusterRuntime::FindNamed(const http::OverrideHost& named) {
  if (named_hosts_ == nullptr) named_hosts_ = std::make_unique<HostIndex>(cluster_->hosts());
  return named_hosts_->Find(named);
}

// As Envoy: a host that is not wanted is chosen anew so many times, and taken then all the same.
ClusterRuntime::Choice ClusterRuntime::Choose(const HostWish& wish, LoadBalancer& balancer) {
  if (wish.named != nullptr) {
    const Host* named = FindNamed(*wish.named);
    if (named != nullptr &&
        (config().balancing.override_statuses & Balancing::Bit(named->health())) != 0) {
      return {named, true};
    }
    if (wish.named->strict) return {};
  }
  Choice choice;
  choice.panic = balancer.in_panic();
  for (uint32_t picks = 0; picks <= wish.more_picks; ++picks) {
    choice.host = balancer.Pick({wish.hash, picks});
    const Host* const* end = wish.avoid + wish.avoid_count;
    if (choice.host == nullptr || std::find(wish.avoid, end, choice.host) == end) break;
  }
  return choice;
}

const Host* ClusterRuntime::PickHost(const HostWish& wish) {
  Choice choice;
  if (destinations_ == nullptr) {
    choice = Choose(wish, *balancer_);
  } else if (wish.destination != nullptr) {
    choice.host = &destinations_->Find(*wish.destination);
  }
  if (choice.panic) stats_.lb_healthy_panic.Inc();
  if (choice.host == nullptr) stats_.upstream_cx_none_healthy.Inc();
  return choice.host;
}

ClusterRuntime::Choice ClusterRuntime::PeekHost(const HostWish& wish) {
  const std::unique_ptr<LoadBalancer> balancer = balancer_->Copy();
  return Choose(wish, *balancer);
}

std::optional<net::Address> ClusterRuntime::FindDestination(const http::Metadata* metadata,
                                                            const http::HeaderMap* headers,
                                                            const net::Address* restored) const {
  const OriginalDestination& wanted = *config().original_destination;
  std::optional<net::Address> found;
  if (metadata != nullptr) found = DestinationIn(*metadata);
  if (!found.has_value() && headers != nullptr && !wanted.header.empty()) {
    const http::HeaderEntry* field = headers->Find(wanted.header);
    if (field != nullptr) found = ParseDestination(field->value());
  }
  if (!found.has_value() && restored != nullptr) found = *restored;
  if (!found.has_value() || !found->is_ip()) return std::nullopt;
  return wanted.port.has_value() ? found->WithPort(*wanted.port) : found;
}

std::optional<net::Address> ClusterRuntime::DestinationIn(const http::Metadata& metadata) const {
  const std::vector<std::string>& path = config().original_destination->metadata;
  if (path.empty()) return std::nullopt;
  const auto space = metadata.find(path.front());
  if (space == metadata.end()) return std::nullopt;
  const http::MetadataValue* value = space->second.Find(path, 1);
  using Kind = http::MetadataValue::Kind;
  if (value != nullptr && value->kind == Kind::kList && !value->items.empty()) {
    value = &value->items.front();
  }
  if (value == nullptr || value->kind != Kind::kString) return std::nullopt;
  return ParseDestination(value->text);
}

std::optional<net::Address> ClusterRuntime::ParseDestination(std::string_view text) const {
  absl::StatusOr<net::Address> address = net::Address::IpPort(text);
  if (address.ok()) return *std::move(address);
  stats_.original_dst_host_invalid.Inc();
  return std::nullopt;
}

Pool* ClusterRuntime::PoolOf(const Host& host, const HostWish& wish) {
  Protocol protocol = config().protocol;
  const bool separate = wish.http2 && protocol == Protocol::kAsDownstream;
  if (protocol == Protocol::kAsDownstream) {
    protocol = wish.http2 ? Protocol::kHttp2 : Protocol::kHttp1;
  }
  Pools& pools = PoolsOf(wish.priority, separate);
  const auto found = pools.find(PoolKey(&host, wish.passage, wish.server_name));
  if (found != pools.end()) return found->second.get();
  if (!Allows(Resource::kPool, wish.priority) && !MakeRoomForPool(wish.priority)) {
    stats_.upstream_cx_pool_overflow.Inc();
    return nullptr;
  }
  Take(Resource::kPool, wish.priority);
  auto pool = std::make_unique<Pool>(*this, host, Hold(host), wish.priority, protocol, wish.passage,
                                     std::string(wish.server_name));
  const PoolKey key(&host, wish.passage, pool->server_name());
  return pools.emplace(key, std::move(pool)).first->second.get();
}

// As Envoy: any pool that nobody uses goes, with its connections.
bool ClusterRuntime::MakeRoomForPool(Priority priority) {
  for (const bool http2 : {false, true}) {
    Pools& pools = PoolsOf(priority, http2);
    for (auto it = pools.begin(); it != pools.end(); ++it) {
      if (it->second->busy()) continue;
      Remove(pools, it);
      return true;
    }
  }
  return false;
}

void ClusterRuntime::Remove(Pools& pools, Pools::iterator pool) {
  std::unique_ptr<Pool> removed = std::move(pool->second);
  pools.erase(pool);
  std::erase(empty_pools_, removed.get());
  removed->Unlink();  // from its passage
  if (last_pool_ == removed.get()) last_host_ = nullptr;
  End(std::move(removed));
}

void ClusterRuntime::End(std::unique_ptr<Pool> pool) {
  Give(Resource::kPool, pool->priority());
  pool->Close();
  worker_.dispatcher.DeferDelete(std::move(pool));
}

void ClusterRuntime::Dismiss(Pool& pool) {
  Pools& pools =
      PoolsOf(pool.priority(), follows_downstream() && pool.protocol() == Protocol::kHttp2);
  const auto found = pools.find(PoolKey(&pool.host(), pool.passage(), pool.server_name()));
  if (found == pools.end() || found->second.get() != &pool) return;
  Remove(pools, found);
}

void ClusterRuntime::OnPoolEmpty(Pool& pool) {
  empty_pools_.push_back(&pool);
  worker_.dispatcher.AtTurnEnd(sweep_);
}

void ClusterRuntime::SweepEmpty() {
  for (Pool* pool : std::exchange(empty_pools_, {})) {
    if (pool->connections() == 0 && !pool->busy()) Dismiss(*pool);
  }
}

bool ClusterRuntime::ForgetHost(const Host& host) {
  if (host.counters(worker_.index).cx_active.load(std::memory_order_relaxed) > 0) return false;
  std::vector<Pool*> of_host;
  for (const Pools& pools : pools_) {
    for (const auto& [key, pool] : pools) {
      if (std::get<0>(key) != &host) continue;
      if (pool->busy()) return false;
      of_host.push_back(pool.get());
    }
  }
  for (Pool* pool : of_host) Dismiss(*pool);
  return true;
}

void ClusterRuntime::Close() {
  for (auto& pools : pools_) {
    for (auto& [key, pool] : pools) pool->Close();
  }
  for (const auto& pool : leaving_) pool->Close();
}

void ClusterRuntime::CloseIdle() {
  for (auto& pools : pools_) {
    for (auto& [key, pool] : pools) pool->CloseIdle();
  }
}

uint64_t ClusterRuntime::NextConnectionId() {
  if (worker_.connection_ids == nullptr) return 0;
  constexpr unsigned kWorkerShift = 48;
  return (static_cast<uint64_t>(worker_.index) << kWorkerShift) | ++*worker_.connection_ids;
}

void ClusterRuntime::Record(Origin& origin, std::string_view prefix, uint16_t status) {
  if (!origin.used) [[unlikely]] {
    origin.used = true;
    origin.completed = cluster_->scope().MakeCounter(
        worker_.shard, std::string(prefix) + ".upstream_rq_completed");
  }
  origin.completed.Inc();
  origin.codes.Record(status);
}

void ClusterRuntime::CountRetriedResponse(uint16_t status) { Record(retried_, "retry", status); }

void ClusterRuntime::CountResponseAs(std::string_view stat_name, uint16_t status) {
  const absl::string_view key(stat_name.data(), stat_name.size());
  auto found = named_.find(key);
  if (found == named_.end()) {
    if (named_.size() >= kMaxStatNames) return;
    stats::CodeCounters codes(cluster_->scope(), worker_.shard, absl::StrCat(key, ".upstream_rq_"));
    found =
        named_.emplace(key, std::make_unique<Origin>(Origin{std::move(codes), {}, false})).first;
  }
  Record(*found->second, stat_name, status);
}

void ClusterRuntime::CountResponse(uint16_t status, bool internal) {
  stats_.upstream_rq_completed.Inc();
  codes_.Record(status);
  Record(origins_[internal ? 1 : 0], internal ? "internal" : "external", status);
}

bool ClusterRuntime::Allows(Resource resource, Priority priority) const {
  const uint32_t limit = resource == Resource::kRetry
                             ? cluster_->RetryLimit(priority)
                             : Limit(config().limits[static_cast<size_t>(priority)], resource);
  return cluster_->Sum(priority, Cell(resource)) < limit;
}

void ClusterRuntime::Take(Resource resource, Priority priority) {
  AddOwn<uint32_t>(cluster_->usage(priority, worker_.index).*Cell(resource), 1);
}

void ClusterRuntime::Give(Resource resource, Priority priority) {
  AddOwn<uint32_t>(cluster_->usage(priority, worker_.index).*Cell(resource), UINT32_MAX);
}

}  // namespace remora::upstream
