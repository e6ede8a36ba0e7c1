#include "source/explain/http_steps.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "source/config/text.h"
#include "source/explain/host_steps.h"
#include "source/http/ascii.h"
#include "source/http/connection_manager/header_policy.h"
#include "source/http/connection_manager/target_policy.h"
#include "source/http/connection_manager/upgrade_policy.h"
#include "source/http/filter/filter_chain.h"
#include "source/http/http1/details.h"
#include "source/http/route/hash_policy.h"
#include "source/http/route/retry_policy.h"
#include "source/http/route/rewrite.h"
#include "source/http/route/route_extras.h"
#include "source/upstream/cluster_runtime.h"

namespace remora::explain {
namespace {

using config::Concat;
using http::ErrorKind;
using route::Mismatch;
using route::PathMatch;

std::string Describe(const route::Route& route) {
  const auto with = [&route](std::string_view kind) { return Concat(kind, route.path_text()); };
  switch (route.path_kind()) {
    case PathMatch::Kind::kPrefix:
      return with("prefix ");
    case PathMatch::Kind::kPath:
      return with("path ");
    case PathMatch::Kind::kPathSeparatedPrefix:
      return with("path_separated_prefix ");
    case PathMatch::Kind::kSafeRegex:
      return with("safe_regex ");
    case PathMatch::Kind::kConnect:
      return "connect_matcher";
  }
  return {};
}

std::string NameOf(size_t index, const route::Route& route) {
  std::string name = Concat("routes[", index, "] ");
  if (!route.name().empty()) name += Concat("'", route.name(), "' ");
  return name + Describe(route);
}

std::string Describe(const Mismatch& mismatch) {
  switch (mismatch.kind) {
    case Mismatch::Kind::kNone:
      return "an earlier one takes it";
    case Mismatch::Kind::kPath:
      return "the path";
    case Mismatch::Kind::kConnect:
      return "it is for CONNECT";
    case Mismatch::Kind::kRuntimeFraction:
      return "runtime_fraction: the draw fell outside";
    case Mismatch::Kind::kGrpc:
      return "it is for gRPC";
    case Mismatch::Kind::kHeader:
      return Concat("header ", mismatch.name);
    case Mismatch::Kind::kQueryParameter:
      return Concat("query parameter ", mismatch.name);
    case Mismatch::Kind::kCookie:
      return Concat("cookie ", mismatch.name);
    case Mismatch::Kind::kDynamicMetadata:
      return "dynamic_metadata";
  }
  return {};
}

class RequestWalk {
 public:
  RequestWalk(const Question& question, const connection_manager::Config& config,
              const HttpConnection& connection, const Surroundings& worker, Explanation& answer)
      : question_(question),
        config_(config),
        connection_(connection),
        worker_(worker),
        answer_(answer),
        arena_(arenas_),
        head_(arena_) {}

  void Run() {
    Step step{"request"};
    if (!MakeHead(step) || Prepare(step)) {
      answer_.steps.push_back(std::move(step));
      return;
    }
    step.chosen = Concat(head_.method, " ", route::RequestUrl(head_));
    step.facts.push_back({"client", client_->IpString()});
    step.facts.push_back({"origin", head_.headers.Get(http::HeaderId::kXEnvoyInternal) == "true"
                                        ? "internal"
                                        : "external"});
    answer_.steps.push_back(std::move(step));
    if (!FindTable()) return;
    Match();
    AddFilters();
    // As ServerStream: before any filter, with or without a route.
    if (head_.framing == http::Framing::kTunnel &&
        !connection_manager::AllowsUpgrade(config_, match_.route, head_)) {
      return Answer(403, std::string(http1::detail::kUpgradeFailed), "the upgrade is not allowed");
    }
    if (match_.route != nullptr) return Act(*match_.route);
    answer_.outcome = OutcomeOf(ErrorKind::kNoRoute, match_.virtual_host == nullptr
                                                         ? "no virtual host has a domain for it"
                                                         : "no route of the virtual host takes it");
  }

 private:
  void Answer(uint16_t status, std::string details, std::string text) {
    answer_.outcome = {false, status, "-", std::move(details), std::move(text)};
  }

  // False: no codec would let it pass.
  bool MakeHead(Step& step) {
    head_.method = arena_.Copy(question_.method);
    head_.method_id = http::ParseMethod(head_.method);
    head_.authority = arena_.Copy(question_.authority.empty() ? connection_.local.ToString()
                                                              : question_.authority);
    if (head_.method_id == http::Method::kConnect) {
      head_.framing = http::Framing::kTunnel;
    } else {
      head_.path = arena_.Copy(question_.path);
    }
    for (const auto& [name, value] : question_.headers) {
      const std::string lower_case = absl::AsciiStrToLower(name);
      if (lower_case == "upgrade") {
        AskUpgrade(value);
      } else if (!head_.headers.Add(lower_case, value)) {
        step.facts.push_back({"header", Concat(name, " is not valid")});
        Answer(400, "http1.codec_error", "a header of the question is not valid");
        return false;
      }
    }
    return true;
  }

  // As ServerCodec, which goes by `connection`, too: who asks here means it.
  void AskUpgrade(std::string_view protocol) {
    if (head_.framing == http::Framing::kTunnel || http::EqualsWord(protocol, "h2c")) return;
    if (config_.ignores_upgrade != nullptr && config_.ignores_upgrade(protocol)) return;
    head_.upgrade = arena_.Copy(protocol);
    head_.framing = http::Framing::kTunnel;
  }

  // As ServerStream::OnHead. True: it is answered before any route is looked for.
  bool Prepare(Step& step) {
    std::optional<http::LocalReply> refusal = connection_manager::PrepareTarget(
        config_, connection_manager::HasTargetPolicy(config_), *worker_.clusters.worker().runtime,
        [this] { return connection_.local.port(); }, head_);
    if (refusal.has_value()) {
      step.facts.push_back({"refused", std::string(refusal->details)});
      Answer(refusal->status, std::string(refusal->details),
             "answered by the connection manager before it is routed");
      return true;
    }
    connection_manager::Peer peer{connection_.source, worker_.own_ip};
    if (config_.append_x_forwarded_port) peer.local_port = connection_.local.port();
    peer.tls = connection_.tls;
    client_ = connection_manager::ApplyRequestPolicy(config_, Table(), peer, random(), head_);
    return false;
  }

  base::Random& random() const { return worker_.clusters.worker().random; }

  const route::RouteTable* Table() {
    if (config_.routes != nullptr) return config_.routes.get();
    const size_t worker = worker_.clusters.worker().index;
    const route::RouteSlot* slot = config_.route_slot.get();
    if (config_.scopes != nullptr) {
      const route::Scope* scope = config_.scopes->Find(head_, worker);
      if (scope == nullptr) return nullptr;
      if (scope->table != nullptr) return scope->table.get();
      slot = scope->slot.get();
    }
    if (slot == nullptr) return nullptr;
    pinned_ = slot->Get(worker);
    return pinned_.get();
  }

  bool FindTable() {
    table_ = Table();
    if (table_ != nullptr) return true;
    Step step{"route table"};
    step.facts.push_back({"note", config_.scopes != nullptr
                                      ? "no scope has the request's key, or its table has not come"
                                      : "the table has not come from its source"});
    answer_.steps.push_back(std::move(step));
    AddFilters();
    answer_.outcome = OutcomeOf(ErrorKind::kNoRoute, "there is no route table for it");
    return false;
  }

  void Match() {
    draw_ = question_.random.has_value() ? *question_.random : random().Next();
    const runtime::Snapshot* runtime = &*worker_.clusters.worker().runtime;
    match_ = table_->Match(head_, draw_, runtime);
    const route::MatchReasons reasons = table_->Explain(head_, draw_, runtime);
    AddVirtualHost(reasons);
    if (match_.virtual_host != nullptr) AddRoute(reasons);
  }

  void AddVirtualHost(const route::MatchReasons& reasons) {
    Step step{"virtual host"};
    step.facts.push_back({"route table", table_->name()});
    // Else it is the listener's.
    if (config_.routes == nullptr) step.origin = {Origin::Type::kRoutes, table_->name(), {}};
    for (const route::VirtualHost* host : reasons.virtual_hosts) {
      if (host == match_.virtual_host) continue;
      step.AddLoser([&] { return Loser{host->name(), "its domain is less specific"}; });
    }
    if (match_.virtual_host != nullptr) {
      step.chosen = match_.virtual_host->name();
      answer_.place.virtual_host =
          static_cast<size_t>(match_.virtual_host - table_->virtual_hosts().data());
    } else {
      for (const route::VirtualHost& host : table_->virtual_hosts()) {
        step.AddLoser([&] { return Loser{host.name(), "none of its domains"}; });
      }
      if (table_->host_finder() != nullptr) {
        step.facts.push_back({"note", "its source is asked for more when on_demand is a filter"});
      }
    }
    answer_.steps.push_back(std::move(step));
  }

  void AddRoute(const route::MatchReasons& reasons) {
    Step step{"route"};
    const std::vector<route::Route>& routes = match_.virtual_host->routes();
    for (size_t i = 0; i < routes.size(); ++i) {
      if (&routes[i] == match_.route) {
        step.chosen = NameOf(i, routes[i]);
        answer_.place.route = i;
      } else {
        step.AddLoser([&] {
          return Loser{NameOf(i, routes[i]), reasons.requires_tls ? "require_tls comes first"
                                                                  : Describe(reasons.routes[i])};
        });
      }
    }
    if (reasons.requires_tls) step.chosen = "require_tls: a redirect to https";
    answer_.steps.push_back(std::move(step));
  }

  // --- filters ---

  const std::vector<http::FilterFactory>& Filters() const {
    const std::optional<size_t> upgrade = connection_manager::UpgradeFiltersFor(config_, head_);
    return upgrade.has_value() ? config_.upgrade_filters[*upgrade].filters : config_.filters;
  }

  void AddFilters() {
    for (const http::FilterFactory& factory : Filters()) {
      const route::FilterOverride* override = http::FindOverride(match_.overrides, factory);
      ShownFilter shown{factory.name, factory.type_url, !http::IsDisabled(factory, override)};
      if (override != nullptr) shown.level = LevelOf(factory, *override);
      answer_.filters.push_back(std::move(shown));
    }
  }

  // The outermost level that says the same.
  config::RouteLevel LevelOf(const http::FilterFactory& factory,
                             const route::FilterOverride& override) const {
    const auto says = [&](const route::FilterOverrides* overrides) {
      const route::FilterOverride* found = http::FindOverride(overrides, factory);
      return found != nullptr && found->config == override.config &&
             found->disabled == override.disabled;
    };
    if (says(table_->overrides())) return config::RouteLevel::kTable;
    if (says(match_.virtual_host->overrides())) return config::RouteLevel::kVirtualHost;
    if (says(match_.route->overrides())) return config::RouteLevel::kRoute;
    return config::RouteLevel::kWeightedCluster;
  }

  // --- what the route does ---

  void Act(const route::Route& route) {
    Step& step = answer_.steps.back();
    if (const route::Redirect* redirect = route.redirect()) {
      const std::string location = redirect->Location(head_, route.MatchedSize(head_.path));
      step.facts.push_back({"redirect", location});
      return Answer(redirect->status(), "direct_response", "redirected to " + location);
    }
    if (const route::DirectResponseAction* direct = route.direct_response()) {
      return Answer(static_cast<uint16_t>(direct->status), "direct_response",
                    "answered by the route");
    }
    AddForwardFacts(route, step);
    ChooseCluster(route);
  }

  void AddForwardFacts(const route::Route& route, Step& step) {
    if (const route::Rewrites* rewrites = route.rewrites()) {
      const std::optional<std::string> path =
          rewrites->path().Apply(head_.path, route.MatchedSize(head_.path));
      if (path.has_value()) step.facts.push_back({"path becomes", *path});
      const std::optional<std::string> host = rewrites->Host(head_);
      if (host.has_value()) step.facts.push_back({"host becomes", *host});
      if (rewrites->endpoint_hostname()) {
        step.facts.push_back({"host becomes", "the endpoint's hostname"});
      }
    }
    step.facts.push_back({"timeout", route.timeout() == 0
                                         ? "none"
                                         : Concat(route.timeout() / event::kMillisecond, " ms")});
    const route::FailurePolicy* policy = route.failure_policy();
    if (policy == nullptr) return;
    if (policy->retry != nullptr) {
      step.facts.push_back({"retries", Concat(policy->retry->num_retries)});
    }
    if (policy->high_priority) step.facts.push_back({"priority", "HIGH"});
    for (const route::MirrorPolicy& mirror : policy->mirrors) {
      step.facts.push_back({"mirrored to", mirror.cluster.empty()
                                               ? "the cluster in " + mirror.cluster_header
                                               : mirror.cluster});
    }
  }

  void ChooseCluster(const route::Route& route) {
    const std::string name(match_.cluster->NameFor(head_));
    Step step{"cluster", name};
    uint32_t begin = 0;
    const size_t count = static_cast<size_t>(route.clusters_end() - route.clusters_begin());
    const uint32_t total = (route.clusters_end() - 1)->weight_end;
    for (size_t i = 0; i < count; ++i) {
      const route::ClusterChoice& choice = route.clusters_begin()[i];
      const std::string weight = Concat("weight ", choice.weight_end - begin, " of ", total);
      begin = choice.weight_end;
      if (&choice != match_.cluster) {
        step.AddLoser([&] { return Loser{std::string(choice.NameFor(head_)), weight}; });
      } else if (count > 1) {
        step.facts.push_back({"weighted", weight});
        answer_.place.weighted_cluster = i;
      }
    }
    if (match_.cluster->cluster_header != nullptr) {
      step.facts.push_back({"named by", "a field of the request"});
    }
    if (!match_.cluster->host_rewrite.empty()) {
      step.facts.push_back({"host becomes", std::string(match_.cluster->host_rewrite)});
    }
    step.origin = {Origin::Type::kCluster, name, {}};
    upstream::ClusterRuntime* cluster = worker_.clusters.Find(name);
    if (cluster == nullptr) step.facts.push_back({"note", "there is no cluster of that name"});
    answer_.steps.push_back(std::move(step));
    if (cluster == nullptr) {
      answer_.outcome = OutcomeOf(ErrorKind::kNoCluster, "there is no such cluster",
                                  route.forward()->cluster_not_found_status);
      return;
    }
    AskForHost(route, *cluster);
  }

  void AskForHost(const route::Route& route, upstream::ClusterRuntime& cluster) {
    HostQuestion wanted;
    wanted.request = &head_;
    if (connection_.restored) wanted.restored = &connection_.local;
    const route::FailurePolicy* policy = route.failure_policy();
    if (policy != nullptr && policy->high_priority) wanted.priority = upstream::Priority::kHigh;
    const route::RouteExtras* extras = route.extras();
    if (extras != nullptr && extras->hash != nullptr && cluster.wants_hash()) {
      const route::HashPolicy::Client client{
          client_, [this] { return connection_.source.ToString() + connection_.local.ToString(); }};
      wanted.hash = extras->hash->Hash(head_, client, [](const std::string&) {});
    }
    ExplainHost(cluster, wanted, answer_);
  }

  const Question& question_;
  const connection_manager::Config& config_;
  const HttpConnection& connection_;
  const Surroundings& worker_;
  Explanation& answer_;
  base::ArenaPool arenas_;
  base::Arena arena_;
  http::RequestHead head_;
  const net::Address* client_ = nullptr;
  std::shared_ptr<const route::RouteTable> pinned_;
  const route::RouteTable* table_ = nullptr;
  uint64_t draw_ = 0;
  route::MatchResult match_;
};

}  // namespace

void ExplainRequest(const Question& question, const connection_manager::Config& config,
                    const HttpConnection& connection, const Surroundings& worker,
                    Explanation& answer) {
  RequestWalk(question, config, connection, worker, answer).Run();
}

}  // namespace remora::explain
