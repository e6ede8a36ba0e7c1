#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "source/admin/concat.h"
#include "source/admin/endpoint_table.h"
#include "source/admin/json_address.h"
#include "source/admin/json_writer.h"

namespace remora::admin {
namespace {

using upstream::CircuitBreakerLimits;
using upstream::Cluster;
using upstream::HealthStatus;
using upstream::Host;
using upstream::HostCounters;
using upstream::Priority;

struct HostCounter {
  std::string_view name;
  std::atomic<uint64_t> HostCounters::* value;
  bool gauge;
};

// In the order of the text.
constexpr std::array<HostCounter, 8> kHostCounters = {{
    {"cx_active", &HostCounters::cx_active, true},
    {"cx_connect_fail", &HostCounters::cx_connect_fail, false},
    {"cx_total", &HostCounters::cx_total, false},
    {"rq_active", &HostCounters::rq_active, true},
    {"rq_error", &HostCounters::rq_error, false},
    {"rq_success", &HostCounters::rq_success, false},
    {"rq_timeout", &HostCounters::rq_timeout, false},
    {"rq_total", &HostCounters::rq_total, false},
}};

// What both formats show: the clusters in name order, and the World that keeps them.
struct Selection {
  std::shared_ptr<const config::World> world;
  std::vector<const Cluster*> clusters;
};

// `pattern` is null when all are wanted. InvalidArgument when it is no regular expression.
absl::StatusOr<Selection> Select(const Environment& environment, const std::string* pattern) {
  const re2::RE2 filter(pattern == nullptr ? "" : *pattern, re2::RE2::Quiet);
  if (!filter.ok()) return absl::InvalidArgumentError("Invalid re2 regex");
  Selection selection{environment.world(), {}};
  if (selection.world == nullptr || selection.world->clusters == nullptr) return selection;
  selection.world->clusters->ForEach([&](const Cluster& cluster) {
    if (re2::RE2::PartialMatch(cluster.name(), filter)) selection.clusters.push_back(&cluster);
  });
  std::sort(selection.clusters.begin(), selection.clusters.end(),
            [](const Cluster* a, const Cluster* b) { return a->name() < b->name(); });
  return selection;
}

// Those of a cluster, priority by priority, as Envoy keeps them.
struct Hosts {
  explicit Hosts(const Cluster& cluster) {
    for (const auto& host : cluster.hosts()) list.push_back(host.get());
    std::sort(list.begin(), list.end(), [](const Host* a, const Host* b) {
      return a->config().priority < b->config().priority;
    });
    if (cluster.found_hosts() == nullptr) return;
    held = cluster.found_hosts()->All();
    for (const auto& host : held) list.push_back(host.get());
  }

  std::vector<const Host*> list;
  std::vector<std::shared_ptr<const Host>> held;  // of them those that may go any time
};

// --- text ---

std::string_view HealthFlags(HealthStatus status) {
  switch (status) {
    case HealthStatus::kUnknown:
    case HealthStatus::kHealthy:
      return "healthy";
    case HealthStatus::kUnhealthy:
    case HealthStatus::kTimeout:
      return "/failed_eds_health";
    case HealthStatus::kDraining:
      return "/eds_status_draining";
    case HealthStatus::kDegraded:
      return "/degraded_eds_health";
  }
  return {};
}

void AppendLimits(std::string_view cluster, std::string_view priority,
                  const CircuitBreakerLimits& limits, std::string& out) {
  const std::string prefix = Concat(cluster, "::", priority, "_priority::");
  Append(out, prefix, "max_connections::", limits.max_connections, "\n");
  Append(out, prefix, "max_pending_requests::", limits.max_pending_requests, "\n");
  Append(out, prefix, "max_requests::", limits.max_requests, "\n");
  Append(out, prefix, "max_retries::", limits.max_retries, "\n");
}

void AppendHost(std::string_view cluster, const Host& host, std::string& out) {
  const upstream::HostConfig& config = host.config();
  const std::string prefix = Concat(cluster, "::", host.address_text(), "::");
  for (const HostCounter& counter : kHostCounters) {
    Append(out, prefix, counter.name, "::", host.Sum(counter.value), "\n");
  }
  Append(out, prefix, "hostname::", config.hostname, "\n");
  Append(out, prefix, "health_flags::", HealthFlags(host.health()), "\n");
  Append(out, prefix, "weight::", host.weight(), "\n");
  Append(out, prefix, "region::", config.locality.region, "\n");
  Append(out, prefix, "zone::", config.locality.zone, "\n");
  Append(out, prefix, "sub_zone::", config.locality.sub_zone, "\n");
  Append(out, prefix, "canary::false\n");
  Append(out, prefix, "priority::", config.priority, "\n");
  // Outlier detection would know them.
  Append(out, prefix, "success_rate::-1\n");
  Append(out, prefix, "local_origin_success_rate::-1\n");
}

void AppendCluster(const Cluster& cluster, std::string& out) {
  const upstream::ClusterConfig& config = cluster.config();
  Append(out, config.name, "::observability_name::", config.stat_name(), "\n");
  AppendLimits(config.name, "default", config.limits[static_cast<size_t>(Priority::kDefault)], out);
  AppendLimits(config.name, "high", config.limits[static_cast<size_t>(Priority::kHigh)], out);
  Append(out, config.name, "::added_via_api::", config.added_by_source ? "true" : "false", "\n");
  if (!config.eds_service_name.empty()) {
    Append(out, config.name, "::eds_service_name::", config.eds_service_name, "\n");
  }
  const Hosts hosts(cluster);
  for (const Host* host : hosts.list) AppendHost(config.name, *host, out);
}

PieceSource TextPieces(Selection selection) {
  return [selection = std::move(selection), next = size_t{0}](std::string& piece) mutable {
    piece.clear();
    while (next < selection.clusters.size() && piece.size() < kPieceSize) {
      AppendCluster(*selection.clusters[next++], piece);
    }
    return !piece.empty();
  };
}

// --- JSON: envoy.admin.v3.Clusters, fields in the order of their numbers, no default values ---

std::string_view EdsHealth(HealthStatus status) {
  switch (status) {
    case HealthStatus::kUnknown:
    case HealthStatus::kHealthy:
      return "HEALTHY";
    case HealthStatus::kUnhealthy:
    case HealthStatus::kTimeout:
      return "UNHEALTHY";
    case HealthStatus::kDraining:
      return "DRAINING";
    case HealthStatus::kDegraded:
      return "DEGRADED";
  }
  return {};
}

void WriteCounters(const Host& host, bool gauges, JsonWriter& json) {
  for (const HostCounter& counter : kHostCounters) {
    if (counter.gauge != gauges) continue;
    json.BeginObject();
    if (gauges) json.StringField("type", "GAUGE");
    const uint64_t value = host.Sum(counter.value);
    if (value != 0) json.StringField("value", Concat(value));
    json.StringField("name", counter.name);
    json.EndObject();
  }
}

void WriteLocality(const upstream::Locality& locality, JsonWriter& json) {
  json.BeginObject();
  if (!locality.region.empty()) json.StringField("region", locality.region);
  if (!locality.zone.empty()) json.StringField("zone", locality.zone);
  if (!locality.sub_zone.empty()) json.StringField("sub_zone", locality.sub_zone);
  json.EndObject();
}

void WriteHost(const Host& host, JsonWriter& json) {
  const upstream::HostConfig& config = host.config();
  json.BeginObject();
  json.Key("address");
  WriteAddress(host.address(), json);
  json.Key("stats");
  json.BeginArray();
  WriteCounters(host, false, json);
  WriteCounters(host, true, json);
  json.EndArray();
  json.Key("health_status");
  json.BeginObject();
  json.StringField("eds_health_status", EdsHealth(host.health()));
  json.EndObject();
  if (host.weight() != 0) json.NumberField("weight", host.weight());
  if (!config.hostname.empty()) json.StringField("hostname", config.hostname);
  if (config.priority != 0) json.NumberField("priority", config.priority);
  json.Key("locality");
  WriteLocality(config.locality, json);
  json.EndObject();
}

void WriteLimits(const CircuitBreakerLimits& limits, bool high, JsonWriter& json) {
  json.BeginObject();
  if (high) json.StringField("priority", "HIGH");
  json.NumberField("max_connections", limits.max_connections);
  json.NumberField("max_pending_requests", limits.max_pending_requests);
  json.NumberField("max_requests", limits.max_requests);
  json.NumberField("max_retries", limits.max_retries);
  json.EndObject();
}

void WriteCluster(const Cluster& cluster, JsonWriter& json) {
  const upstream::ClusterConfig& config = cluster.config();
  json.BeginObject();
  json.StringField("name", config.name);
  if (config.added_by_source) {
    json.Key("added_via_api");
    json.Bool(true);
  }
  const Hosts found(cluster);
  const std::vector<const Host*>& hosts = found.list;
  if (!hosts.empty()) {
    json.Key("host_statuses");
    json.BeginArray();
    for (const Host* host : hosts) WriteHost(*host, json);
    json.EndArray();
  }
  json.Key("circuit_breakers");
  json.BeginObject();
  json.Key("thresholds");
  json.BeginArray();
  WriteLimits(config.limits[static_cast<size_t>(Priority::kDefault)], false, json);
  WriteLimits(config.limits[static_cast<size_t>(Priority::kHigh)], true, json);
  json.EndArray();
  json.EndObject();
  json.StringField("observability_name", config.stat_name());
  if (!config.eds_service_name.empty()) {
    json.StringField("eds_service_name", config.eds_service_name);
  }
  json.EndObject();
}

PieceSource JsonPieces(Selection selection) {
  JsonWriter json;
  json.BeginObject();
  if (!selection.clusters.empty()) {
    json.Key("cluster_statuses");
    json.BeginArray();
  }
  return [selection = std::move(selection), json = std::move(json), next = size_t{0},
          done = false](std::string& piece) mutable {
    if (done) return false;
    while (next < selection.clusters.size() && json.text().size() < kPieceSize) {
      WriteCluster(*selection.clusters[next++], json);
    }
    done = next == selection.clusters.size();
    if (done && !selection.clusters.empty()) json.EndArray();
    if (done) json.EndObject();
    piece = json.TakeText();
    if (done) piece += '\n';
    return true;
  };
}

Response Clusters(const EndpointTable& table, const Request& request) {
  absl::StatusOr<Selection> selection =
      Select(table.environment(), FindParameter(request.parameters, "filter"));
  if (!selection.ok()) return Error(400, std::string(selection.status().message()));
  const std::string* format = FindParameter(request.parameters, "format");
  Response response;
  if (format != nullptr && *format == "json") {
    response.content_type = kJson;
    response.more = JsonPieces(*std::move(selection));
  } else {
    response.more = TextPieces(*std::move(selection));
  }
  return response;
}

}  // namespace

void AddClusterEndpoints(std::vector<Endpoint>& endpoints) {
  using Kind = Parameter::Kind;
  endpoints.push_back(
      {"/clusters",
       "upstream cluster status",
       &Clusters,
       false,
       {{Kind::kText, "filter", "Regular expression (Google re2) for filtering clusters by name"},
        {Kind::kChoice, "format", "File format to use", {"text", "json"}}}});
}

}  // namespace remora::admin
