#pragma once

// Cluster: a named group of hosts and how to reach them, as every worker sees it.
//
// ClusterConfig is the value a translator makes; Cluster adds what workers share while it is in use
// (hosts, usage counts for circuit breakers, statistics scope). When only the endpoints change,
// WithHosts makes the next version, which shares everything else and the hosts that stay.
// Owner: the World, by shared_ptr<const Cluster>; streams pin it. Threads: immutable but for the
// usage counts and host counters, which are relaxed atomics with one writer each (a worker's own
// slot), summed by readers; so limits may be overshot by a few, as Envoy's may.

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/event/clock.h"
#include "source/http/codec.h"
#include "source/http/http2/options.h"
#include "source/http/metadata.h"
#include "source/net/socket.h"
#include "source/net/transport_factory.h"
#include "source/stats/scope.h"
#include "source/upstream/found_hosts.h"
#include "source/upstream/host.h"
#include "source/upstream/lb/balancing.h"
#include "source/upstream/lb/host_table.h"

namespace remora::upstream {

// envoy.config.cluster.v3.CircuitBreakers.Thresholds with Envoy's defaults.
struct CircuitBreakerLimits {
  static constexpr uint32_t kUnlimited = UINT32_MAX;

  uint32_t max_connections = 1024;
  uint32_t max_pending_requests = 1024;
  uint32_t max_requests = 1024;
  uint32_t max_retries = 3;
  uint32_t max_connections_per_host = kUnlimited;  // per_host_thresholds
  uint32_t max_connection_pools = kUnlimited;
  bool track_remaining = false;  // keep the remaining_* gauges
  // Instead of max_retries: a share of the requests that are active or waiting.
  struct RetryBudget {
    double percent = 20;
    uint32_t min_concurrency = 3;
  };
  std::optional<RetryBudget> retry_budget = std::nullopt;
};

enum class Priority : uint8_t { kDefault, kHigh };
// What is spoken to the hosts.
enum class Protocol : uint8_t {
  kHttp1,
  kHttp2,
  kByAlpn,        // each connection's TLS handshake decides
  kAsDownstream,  // what the request came with
};

// How bytes travel to hosts whose metadata chose it.
struct TransportMatch {
  std::string name;
  http::MetadataValue values;                              // that the host's must have
  std::shared_ptr<const net::TransportFactory> transport;  // null: plaintext
};

// Hosts are where connections wanted to go.
struct OriginalDestination {
  std::string header;                 // a request's, with the address; empty: none
  std::vector<std::string> metadata;  // name space and path to the address; empty: none
  std::optional<uint16_t> port;       // in place of the address's own
  event::Duration cleanup_interval = 5 * event::kSecond;
};

// TLS goes by what requests are for.
struct RequestServerNames {
  bool sni = false;       // it is the server name
  bool validate = false;  // the certificate has to be for it
  std::string header;     // lower-case; a field with another name than the host; empty: none
};

struct ClusterConfig {
  std::string name;
  std::string alt_stat_name;  // empty: the name
  event::Duration connect_timeout = 5 * event::kSecond;
  uint32_t per_connection_buffer_limit = 1024 * 1024;
  CircuitBreakerLimits limits[2];
  std::optional<net::TcpKeepalive> keepalive;
  std::shared_ptr<const net::Source> source;  // of connections; null: the kernel's choice
  std::vector<HostConfig> hosts;              // of the configuration itself
  bool added_by_source = false;               // not by the bootstrap
  bool hosts_change = false;                  // endpoints come from a source
  std::string eds_service_name;               // what that calls them; empty: the cluster's name
  std::optional<OriginalDestination> original_destination;  // in the place of `hosts`
  bool pool_per_connection = false;                         // of the downstream
  Balancing balancing = {};
  std::shared_ptr<const net::TransportFactory> transport;  // null: plaintext
  std::vector<TransportMatch> transport_matches;
  std::optional<RequestServerNames> server_names;  // none: TLS goes by what the transport says
  // Upstream HTTP: how long an unused connection is kept (0: for ever), and how often it is used.
  event::Duration idle_timeout = 3600 * event::kSecond;
  uint32_t max_requests_per_connection = 0;     // 0: no limit
  event::Duration max_connection_duration = 0;  // 0: no limit
  event::Duration max_stream_duration = 0;      // of each try of a request; 0: no limit
  uint32_t max_response_headers = 100;
  uint32_t max_response_header_bytes = 80 * 1024;
  http::NameCase name_case = http::NameCase::kLower;
  bool enable_trailers = false;  // HTTP/1 trailers are passed on
  Protocol protocol = Protocol::kHttp1;
  http2::ProtocolOptions http2;

  const std::string& stat_name() const { return alt_stat_name.empty() ? name : alt_stat_name; }
};

// What counts against the circuit breakers. One slot a worker, written by it alone.
struct alignas(64) UsageSlot {
  std::atomic<uint32_t> connections{0};
  std::atomic<uint32_t> pending{0};
  std::atomic<uint32_t> requests{0};
  std::atomic<uint32_t> retries{0};
  std::atomic<uint32_t> pools{0};
};

class Cluster {
 public:
  // `workers` is how many threads will use it.
  // `http2_scope`: `cluster.<name>.http2.`; null: nobody counts there.
  Cluster(ClusterConfig config, size_t workers, stats::Scope& scope,
          stats::Scope* http2_scope = nullptr);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // The same with other hosts: those that it has already stay the same objects.
  std::shared_ptr<const Cluster> WithHosts(const std::vector<HostConfig>& hosts) const;
  // They differ in their hosts at most.
  bool IsVersionOf(const Cluster& other) const { return shared_ == other.shared_; }
  // Whatever versions of it there are; for keeping it alive and for asking whether others do.
  std::shared_ptr<const void> identity() const { return shared_; }

  const ClusterConfig& config() const { return shared_->config; }
  const std::string& name() const { return shared_->config.name; }
  const std::vector<std::shared_ptr<const Host>>& hosts() const { return hosts_; }
  // Of an ORIGINAL_DST cluster; else null.
  FoundHosts* found_hosts() const { return shared_->found_hosts.get(); }
  // Where hosts are chosen by hash; else null.
  const HostTable* host_table() const { return host_table_.get(); }
  size_t workers() const { return shared_->workers; }
  stats::Scope& scope() const { return shared_->scope; }
  stats::Scope* http2_scope() const { return shared_->http2_scope; }

  UsageSlot& usage(Priority priority, size_t worker) const {
    return shared_->usage[static_cast<size_t>(priority) * shared_->workers + worker];
  }
  // How many retries may be in flight now.
  uint32_t RetryLimit(Priority priority) const;
  // Sums over the workers.
  uint32_t Sum(Priority priority, std::atomic<uint32_t> UsageSlot::* what) const;

 private:
  struct Shared;

 public:
  // For WithHosts.
  Cluster(std::shared_ptr<const Shared> shared, std::vector<std::shared_ptr<const Host>> hosts);

 private:
  // What all versions have in common.
  struct Shared {
    ClusterConfig config;
    size_t workers;
    stats::Scope& scope;
    stats::Scope* http2_scope;
    std::unique_ptr<FoundHosts> found_hosts;
    std::unique_ptr<UsageSlot[]> usage;
  };
  static std::shared_ptr<const Shared> Share(ClusterConfig config, size_t workers,
                                             stats::Scope& scope, stats::Scope* http2_scope);
  static std::vector<std::shared_ptr<const Host>> MakeHosts(const Shared& shared);
  void MakeHostTable();

  std::shared_ptr<const Shared> shared_;
  std::vector<std::shared_ptr<const Host>> hosts_;
  std::unique_ptr<const HostTable> host_table_;
};

}  // namespace remora::upstream
