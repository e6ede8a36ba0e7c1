#include "source/explain/host_steps.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "source/config/text.h"
#include "source/upstream/lb/usable_hosts.h"

namespace remora::explain {
namespace {

using config::Concat;
using upstream::Balancing;
using upstream::ClusterRuntime;
using upstream::HealthStatus;
using upstream::Host;

std::string_view NameOf(HealthStatus health) {
  switch (health) {
    case HealthStatus::kUnknown:
    case HealthStatus::kHealthy:
      return "healthy";
    case HealthStatus::kUnhealthy:
      return "unhealthy";
    case HealthStatus::kDraining:
      return "draining";
    case HealthStatus::kTimeout:
      return "timed out";
    case HealthStatus::kDegraded:
      return "degraded";
  }
  return {};
}

std::string_view NameOf(Balancing::Policy policy) {
  switch (policy) {
    case Balancing::Policy::kRoundRobin:
      return "ROUND_ROBIN: the next in turn on this worker";
    case Balancing::Policy::kLeastRequest:
      return "LEAST_REQUEST";
    case Balancing::Policy::kRandom:
      return "RANDOM";
    case Balancing::Policy::kRingHash:
      return "RING_HASH";
    case Balancing::Policy::kMaglev:
      return "MAGLEV";
  }
  return {};
}

std::string Describe(const upstream::Locality& locality) {
  return Concat(locality.region, "/", locality.zone, "/", locality.sub_zone);
}

struct Breaker {
  std::string_view name;
  ClusterRuntime::Resource resource;
};
constexpr std::array<Breaker, 3> kBreakers = {
    {{"max_connections", ClusterRuntime::Resource::kConnection},
     {"max_pending_requests", ClusterRuntime::Resource::kPending},
     {"max_requests", ClusterRuntime::Resource::kRequest}}};

void AddHostFacts(const Host& host, Step& step) {
  const upstream::HostConfig& config = host.config();
  step.facts.push_back({"health", std::string(NameOf(host.health()))});
  if (!config.hostname.empty()) step.facts.push_back({"hostname", config.hostname});
  step.facts.push_back({"weight", Concat(host.weight())});
  if (config.priority != 0) step.facts.push_back({"priority", Concat(config.priority)});
  if (config.locality != upstream::Locality()) {
    step.facts.push_back({"locality", Describe(config.locality)});
  }
  step.facts.push_back(
      {"requests in flight", Concat(host.Sum(&upstream::HostCounters::rq_active))});
  step.facts.push_back({"connections", Concat(host.Sum(&upstream::HostCounters::cx_active))});
}

void AddOtherHosts(const upstream::Cluster& cluster, const Host* chosen, Step& step) {
  const upstream::UsableHosts usable(cluster.hosts(),
                                     cluster.config().balancing.panic_threshold_percent);
  const absl::flat_hash_set<const Host*> usable_set(usable.hosts.begin(), usable.hosts.end());
  for (const auto& host : cluster.hosts()) {
    if (host.get() == chosen) continue;
    step.AddLoser([&] {
      return Loser{host->address_text(), usable_set.contains(host.get())
                                             ? "another one was chosen"
                                             : Concat("takes no part: ", NameOf(host->health()))};
    });
  }
}

void Forward(const ClusterRuntime& cluster, std::string_view host, Explanation& answer) {
  answer.outcome.forwarded = true;
  answer.outcome.text = Concat("forwarded to ", host, " of cluster ", cluster.name());
}

// A cluster whose hosts are where requests want to go.
void GoToDestination(ClusterRuntime& cluster, const HostQuestion& question, Step step,
                     Explanation& answer) {
  const std::optional<net::Address> found = cluster.FindDestination(
      nullptr, question.request != nullptr ? &question.request->headers : nullptr,
      question.restored);
  step.facts.push_back({"policy", "ORIGINAL_DST: where the client wanted to go"});
  if (found.has_value()) step.chosen = found->ToString();
  answer.steps.push_back(std::move(step));
  if (!found.has_value()) {
    answer.outcome =
        OutcomeOf(http::ErrorKind::kNoHealthyHost, "nothing says where it wants to go");
    return;
  }
  Forward(cluster, found->ToString(), answer);
}

}  // namespace

Outcome OutcomeOf(http::ErrorKind kind, std::string text, uint16_t status) {
  const http::ErrorReply& reply = http::ReplyFor(kind);
  http::ResponseFlags flags;
  flags.Set(reply.flag);
  return {false, status != 0 ? status : reply.status, flags.ToString(), std::string(reply.details),
          std::move(text)};
}

void ExplainHost(ClusterRuntime& cluster, const HostQuestion& question, Explanation& answer) {
  Step& cluster_step = answer.steps.back();
  const runtime::Fraction maintenance =
      cluster.worker().runtime->FractionOf(cluster.maintenance_key(), {.numerator = 0});
  if (maintenance.numerator > 0) {
    cluster_step.facts.push_back(
        {"maintenance", Concat(cluster.maintenance_key(), " refuses some of its requests")});
  }
  for (const Breaker& breaker : kBreakers) {
    if (cluster.Allows(breaker.resource, question.priority)) continue;
    cluster_step.facts.push_back({"circuit breaker", Concat(breaker.name,
                                                            " is reached: refused with UO when it "
                                                            "needs one more")});
  }
  Step step{"host"};
  if (cluster.config().hosts_change) step.origin = {Origin::Type::kEndpoints, cluster.name(), {}};
  if (cluster.wants_destination()) {
    return GoToDestination(cluster, question, std::move(step), answer);
  }
  upstream::HostWish wish;
  if (question.request != nullptr) wish = cluster.WishFor(*question.request);
  wish.priority = question.priority;
  wish.hash = question.hash;
  const ClusterRuntime::Choice choice = cluster.PeekHost(wish);
  const Balancing& balancing = cluster.config().balancing;
  step.facts.push_back({"policy", std::string(NameOf(balancing.policy))});
  if (balancing.by_hash()) {
    step.facts.push_back({"hash", question.hash.has_value()
                                      ? Concat(*question.hash)
                                      : "none: any host, drawn for each request"});
  }
  if (choice.panic) {
    step.facts.push_back({"panic", "too few hosts are healthy: all of them take part"});
  }
  AddOtherHosts(cluster.cluster(), choice.host, step);
  if (choice.host == nullptr) {
    answer.steps.push_back(std::move(step));
    answer.outcome =
        OutcomeOf(http::ErrorKind::kNoHealthyHost, cluster.cluster().hosts().empty()
                                                       ? "the cluster has no hosts"
                                                       : "no host of the cluster may be used");
    return;
  }
  step.chosen = choice.host->address_text();
  AddHostFacts(*choice.host, step);
  answer.steps.push_back(std::move(step));
  Forward(cluster, choice.host->address_text(), answer);
}

}  // namespace remora::explain
