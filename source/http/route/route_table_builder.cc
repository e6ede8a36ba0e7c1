#include "source/http/route/route_table_builder.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "source/base/check.h"
#include "source/http/route/host_index.h"
#include "source/http/route/metadata_matcher.h"
#include "source/http/route/rewrite.h"
#include "source/http/route/route_extras.h"
#include "source/http/route/virtual_clusters.h"
#include "source/http/route/weight_source.h"

namespace remora::route {
namespace {

constexpr bool IsRegex(PathMatch::Kind kind) { return kind == PathMatch::Kind::kSafeRegex; }

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

absl::StatusOr<std::shared_ptr<const RouteTable>> RouteTable::Build(
    RouteTableConfig config, std::vector<RouteTableProblem>& problems) {
  const size_t already_there = problems.size();
  std::shared_ptr<const RouteTable> table = RouteTableBuilder(problems).Build(std::move(config));
  if (table != nullptr) return table;
  const RouteTableProblem& first = problems[already_there];
  return absl::InvalidArgumentError(absl::StrCat(first.path, ": ", first.message));
}

RouteTableBuilder::RouteTableBuilder(std::vector<RouteTableProblem>& problems)
    : problems_(problems), table_(new RouteTable), hosts_(std::make_unique<HostIndex>()) {}

RouteTableBuilder::~RouteTableBuilder() = default;

std::shared_ptr<const RouteTable> RouteTableBuilder::Build(RouteTableConfig config) {
  const size_t already_there = problems_.size();
  ReserveSpace(config);
  table_->name_ = std::move(config.name);
  table_->ignore_port_ = config.ignore_port_in_host_matching;
  table_->ignore_path_parameters_ = config.ignore_path_parameters_in_path_matching;
  table_->host_finder_ = std::move(config.host_finder);
  for (std::string& name : config.internal_only_headers) {
    table_->internal_only_headers_.push_back(absl::AsciiStrToLower(name));
  }
  max_regex_program_size_ = config.max_regex_program_size;
  table_overrides_ = Merge(nullptr, std::move(config.overrides));
  table_failure_ = std::move(config.failure);
  table_->table_overrides_ = table_overrides_;
  BuildTlsRedirect();
  most_specific_header_changes_win_ = config.most_specific_header_changes_win;
  table_headers_ = AddHeaderLevel({}, std::move(config.header_changes), "");
  for (size_t i = 0; i < config.virtual_hosts.size(); ++i) {
    AddVirtualHost(std::move(config.virtual_hosts[i]), i);
  }
  if (problems_.size() != already_there) return nullptr;
  // Only now do the names stay where they are.
  table_->cluster_names_.shrink_to_fit();
  for (ClusterChoice& choice : table_->choices_) {
    if (choice.cluster_header != nullptr) continue;
    choice.name = table_->cluster_names_[choice.cluster_index];
  }
  hosts_->Finish();
  table_->hosts_ = std::move(hosts_);
  return std::move(table_);
}

// Routes point into choices_ and path_texts_, which therefore must not grow past this.
void RouteTableBuilder::ReserveSpace(const RouteTableConfig& config) {
  size_t choices = 0;
  size_t text = 0;
  for (const VirtualHostConfig& virtual_host : config.virtual_hosts) {
    for (const RouteConfig& route : virtual_host.routes) {
      text += route.match.kind >= PathMatch::Kind::kSafeRegex ? Regex::kMaxLiteralPrefix
                                                              : route.match.text.size();
      if (const auto* action = std::get_if<ForwardAction>(&route.action)) {
        choices += std::max<size_t>(1, action->weighted_clusters.size());
      }
    }
  }
  table_->virtual_hosts_.reserve(config.virtual_hosts.size());
  table_->choices_.reserve(choices);
  table_->path_texts_.reserve(text);
}

void RouteTableBuilder::AddVirtualHost(VirtualHostConfig config, size_t index) {
  const std::string place = absl::StrCat("virtual_hosts[", index, "]");
  place_ = place;
  VirtualHost virtual_host;
  virtual_host.name_ = std::move(config.name);
  virtual_host.overrides_ = Merge(table_overrides_, std::move(config.overrides));
  const HeaderLevels headers = AddHeaderLevel(table_headers_, std::move(config.header_changes), "");
  AddDomains(config.domains, static_cast<uint32_t>(index));
  virtual_host.domains_ = std::move(config.domains);
  virtual_host.rate_limits_ = std::move(config.rate_limits);
  virtual_host.require_tls_ = config.require_tls;
  virtual_host.metadata_ = std::move(config.metadata);

  if (config.routes.size() > PathIndex::kMaxRoutes) {
    Report("routes", absl::StrCat("more than ", PathIndex::kMaxRoutes, " routes"));
    return;
  }
  BuildVirtualClusters(std::move(config.virtual_clusters), virtual_host);
  host_failure_ = std::move(config.failure);
  CompileRetry(host_failure_, "retry_policy");
  std::vector<IndexedPath> paths(config.routes.size());
  virtual_host.routes_.reserve(config.routes.size());
  for (size_t i = 0; i < config.routes.size(); ++i) {
    place_ = absl::StrCat(place, ".routes[", i, "]");
    virtual_host.routes_.push_back(
        BuildRoute(std::move(config.routes[i]), virtual_host, headers, paths[i]));
  }
  virtual_host.index_ = std::make_unique<const PathIndex>(virtual_host.routes_, paths);
  table_->virtual_hosts_.push_back(std::move(virtual_host));
}

void RouteTableBuilder::AddDomains(const std::vector<std::string>& domains, uint32_t virtual_host) {
  if (domains.empty()) Report("domains", "a virtual host needs a domain");
  for (size_t i = 0; i < domains.size(); ++i) {
    const std::string domain = absl::AsciiStrToLower(domains[i]);
    if (hosts_->Add(domain, virtual_host) == HostIndex::Added::kAdded) continue;
    // Envoy's words: control planes search for them.
    Report(absl::StrCat("domains[", i, "]"),
           domain == "*"
               ? absl::StrCat("Only a single wildcard domain is permitted in route ", table_->name_)
               : absl::StrCat("Only unique values for domains are permitted. Duplicate entry of ",
                              "domain ", domain, " in route ", table_->name_));
  }
}

Route RouteTableBuilder::BuildRoute(RouteConfig config, const VirtualHost& virtual_host,
                                    const HeaderLevels& inherited_headers, IndexedPath& indexed) {
  Route route;
  auto conditions = std::make_unique<RouteConditions>();
  BuildPath(std::move(config.match), route, *conditions, indexed);
  BuildConditions(config, *conditions);
  if (!conditions->empty()) route.conditions_ = std::move(conditions);
  route.name_ = std::move(config.name);
  route.metadata_ = std::move(config.metadata);
  route.overrides_ = Merge(virtual_host.overrides_, std::move(config.overrides));
  const HeaderLevels headers =
      AddHeaderLevel(inherited_headers, std::move(config.header_changes), "");
  route.response_headers_ = headers.plans.response;
  BuildAction(config, virtual_host, headers, route);
  return route;
}

void RouteTableBuilder::BuildAction(RouteConfig& config, const VirtualHost& virtual_host,
                                    const HeaderLevels& headers, Route& route) {
  const auto report_at = [this](absl::string_view action) {
    return [this, action](std::string_view field, std::string_view message) {
      Report(absl::StrCat(action, ".", ToAbsl(field)), message);
    };
  };
  if (auto* redirect = std::get_if<RedirectAction>(&config.action)) {
    route.action_ = RedirectAction();
    route.redirect_ =
        Redirect::Compile(std::move(*redirect), max_regex_program_size_, report_at("redirect"));
    return;
  }
  route.action_ = std::move(config.action);
  auto* forward = std::get_if<ForwardAction>(&route.action_);
  if (forward == nullptr) return;
  route.rewrites_ = Rewrites::Compile(*forward, max_regex_program_size_, report_at("route"));
  const size_t first = table_->choices_.size();
  BuildClusters(*forward, headers, route);
  BuildFailurePolicy(*forward, route);
  BuildExtras(virtual_host, config.stat_prefix, *forward, route);
  for (size_t i = first; i < table_->choices_.size(); ++i) {
    ClusterChoice& choice = table_->choices_[i];
    choice.changes_request = choice.request_headers != nullptr || !choice.host_rewrite.empty() ||
                             route.rewrites_ != nullptr;
  }
}

// Without any, nothing is counted; with some, `other` takes what none of them does.
void RouteTableBuilder::BuildVirtualClusters(std::vector<VirtualClusterConfig> config,
                                             VirtualHost& virtual_host) {
  if (config.empty()) return;
  const std::string stem = absl::StrCat("vhost.", virtual_host.name_, ".vcluster.");
  std::vector<VirtualClusters::Entry> entries;
  for (size_t i = 0; i < config.size(); ++i) {
    VirtualClusters::Entry& entry = entries.emplace_back();
    for (size_t k = 0; k < config[i].headers.size(); ++k) {
      auto matcher =
          HeaderMatcher::Compile(std::move(config[i].headers[k]), max_regex_program_size_);
      ReportIfBad(matcher.status(), absl::StrCat("virtual_clusters[", i, "].headers[", k, "]"));
      if (matcher.ok()) entry.headers.push_back(*std::move(matcher));
    }
    entry.name = std::move(config[i].name);
    entry.stat_prefix = absl::StrCat(stem, entry.name, ".");
  }
  entries.emplace_back().stat_prefix = absl::StrCat(stem, "other.");
  virtual_host.virtual_clusters_ = std::make_unique<const VirtualClusters>(std::move(entries));
}

void RouteTableBuilder::BuildExtras(const VirtualHost& virtual_host, const std::string& stat_prefix,
                                    ForwardAction& action, Route& route) {
  auto extras = std::make_unique<RouteExtras>();
  if (!stat_prefix.empty()) {
    extras->stat_prefix = absl::StrCat("vhost.", virtual_host.name_, ".route.", stat_prefix, ".");
  }
  extras->virtual_clusters = virtual_host.virtual_clusters_.get();
  if (!action.hash.empty()) {
    auto hash = HashPolicy::Compile(std::move(action.hash), max_regex_program_size_);
    ReportIfBad(hash.status(), "route.hash_policy");
    if (hash.ok()) extras->hash = std::make_unique<const HashPolicy>(*std::move(hash));
  }
  extras->ends_connect =
      std::any_of(action.upgrades.begin(), action.upgrades.end(), [](const Upgrade& upgrade) {
        return upgrade.ends_here && absl::EqualsIgnoreCase(upgrade.type, "CONNECT");
      });
  if (!extras->empty()) route.extras_ = std::move(extras);
}

void RouteTableBuilder::BuildTlsRedirect() {
  RedirectAction action;
  action.scheme = "https";
  action.keep_port = true;
  table_->tls_redirect_.action_ = RedirectAction();
  table_->tls_redirect_.redirect_ = Redirect::Compile(std::move(action), max_regex_program_size_,
                                                      [](std::string_view, std::string_view) {});
}

void RouteTableBuilder::BuildPath(PathMatch config, Route& route, RouteConditions& conditions,
                                  IndexedPath& indexed) {
  route.path_kind_ = config.kind;
  if (config.kind == PathMatch::Kind::kConnect) {
    conditions.connect = true;
    indexed = {{}, config.kind, true};
    return;
  }
  if (!IsRegex(config.kind)) {
    if (config.text.size() > PathIndex::kMaxTextSize) {
      Report("match", absl::StrCat("longer than ", PathIndex::kMaxTextSize, " bytes"));
      config.text.clear();
    }
    if (!config.case_sensitive) absl::AsciiStrToLower(&config.text);
    route.case_sensitive_ = config.case_sensitive;
    route.path_text_ = KeepText(config.text);
    indexed = {route.path_text_, config.kind, config.case_sensitive};
    return;
  }
  auto regex = Regex::Compile(config.text, max_regex_program_size_);
  ReportIfBad(regex.status(), "match.safe_regex.regex");
  if (!regex.ok()) return;
  indexed = {KeepText(regex->LiteralPrefix()), config.kind, true};
  conditions.path_regex = *std::move(regex);
  route.path_text_ = conditions.path_regex->pattern();
}

void RouteTableBuilder::BuildConditions(RouteConfig& config, RouteConditions& conditions) {
  for (size_t i = 0; i < config.headers.size(); ++i) {
    auto matcher = HeaderMatcher::Compile(std::move(config.headers[i]), max_regex_program_size_);
    ReportIfBad(matcher.status(), absl::StrCat("match.headers[", i, "]"));
    if (matcher.ok()) conditions.headers.push_back(*std::move(matcher));
  }
  for (size_t i = 0; i < config.query_parameters.size(); ++i) {
    auto matcher = QueryParameterMatcher::Compile(std::move(config.query_parameters[i]),
                                                  max_regex_program_size_);
    ReportIfBad(matcher.status(), absl::StrCat("match.query_parameters[", i, "]"));
    if (matcher.ok()) conditions.query_parameters.push_back(*std::move(matcher));
  }
  for (size_t i = 0; i < config.cookies.size(); ++i) {
    auto matcher = CookieMatcher::Compile(std::move(config.cookies[i]), max_regex_program_size_);
    ReportIfBad(matcher.status(), absl::StrCat("match.cookies[", i, "]"));
    if (matcher.ok()) conditions.cookies.push_back(*std::move(matcher));
  }
  for (size_t i = 0; i < config.dynamic_metadata.size(); ++i) {
    auto matcher =
        MetadataMatcher::Compile(std::move(config.dynamic_metadata[i]), max_regex_program_size_);
    ReportIfBad(matcher.status(), absl::StrCat("match.dynamic_metadata[", i, "]"));
    if (matcher.ok()) conditions.dynamic_metadata.push_back(*std::move(matcher));
  }
  conditions.grpc = config.grpc;
  conditions.runtime_fraction = config.runtime_fraction;
  if (config.runtime_fraction.has_value() && config.runtime_fraction->fallback.denominator == 0) {
    Report("match.runtime_fraction", "the denominator is 0");
  }
}

void RouteTableBuilder::BuildClusters(ForwardAction& action, const HeaderLevels& headers,
                                      Route& route) {
  const size_t first = table_->choices_.size();
  if (!action.weighted_clusters.empty()) {
    if (!action.cluster.empty()) Report("route", "names both cluster and weighted_clusters");
    BuildWeightedClusters(action.weighted_clusters, headers, route);
    BuildWeightSource(action, route);
  } else if (!action.cluster_header.empty()) {
    AddChoice({}, 1, route.overrides_, headers.plans).cluster_header =
        KeepField(action.cluster_header);
    route.total_weight_ = 1;
  } else if (action.cluster.empty()) {
    Report("route", "names no cluster");
  } else {
    AddChoice(action.cluster, 1, route.overrides_, headers.plans);
    route.total_weight_ = 1;
  }
  route.clusters_ = table_->choices_.data() + first;
  route.cluster_count_ = static_cast<uint32_t>(table_->choices_.size() - first);
}

void RouteTableBuilder::CompileRetry(FailureSettings& settings, std::string_view field) {
  if (settings.retry == nullptr) return;
  ReportIfBad(settings.retry->CompileConditions(max_regex_program_size_), field);
}

// Each matter is decided by the most specific level that says something about it.
void RouteTableBuilder::BuildFailurePolicy(ForwardAction& action, Route& route) {
  FailureSettings& own = action.failure;
  CompileRetry(own, "route.retry_policy");
  auto policy = std::make_unique<FailurePolicy>();
  policy->retry = own.retry != nullptr ? own.retry : host_failure_.retry;
  policy->mirrors = !own.mirrors.empty()             ? own.mirrors
                    : !host_failure_.mirrors.empty() ? host_failure_.mirrors
                                                     : table_failure_.mirrors;
  policy->body_limit = own.body_limit.has_value() ? own.body_limit : host_failure_.body_limit;
  policy->count_attempts_in_request = host_failure_.count_attempts_in_request;
  policy->count_attempts_in_response = host_failure_.count_attempts_in_response;
  policy->mark_timeout_retries = host_failure_.mark_timeout_retries;
  policy->high_priority = action.priority == RoutePriority::kHigh;
  if (policy->empty()) return;
  route.failure_policy_ = table_->failure_policies_.emplace_back(std::move(policy)).get();
}

void RouteTableBuilder::BuildWeightedClusters(std::vector<WeightedCluster>& clusters,
                                              const HeaderLevels& headers, Route& route) {
  constexpr uint64_t kMaxTotalWeight = std::numeric_limits<uint32_t>::max();
  uint64_t total = 0;
  for (size_t i = 0; i < clusters.size(); ++i) {
    WeightedCluster& cluster = clusters[i];
    const std::string field = absl::StrCat("route.weighted_clusters.clusters[", i, "]");
    if (cluster.name.empty() == cluster.cluster_header.empty()) {
      Report(field, cluster.name.empty() ? "names no cluster"
                                         : "Only one of name or cluster_header can be specified");
    }
    total += cluster.weight;
    const HeaderLevels own = AddHeaderLevel(headers, std::move(cluster.headers), field, true);
    // Wraps only in a table that is refused below.
    ClusterChoice& choice =
        AddChoice(cluster.name, static_cast<uint32_t>(total),
                  Merge(route.overrides_, std::move(cluster.overrides)), own.plans);
    if (!cluster.cluster_header.empty()) choice.cluster_header = KeepField(cluster.cluster_header);
    if (!cluster.host_rewrite.empty()) {
      choice.host_rewrite = *table_->host_rewrites_.emplace_back(
          std::make_unique<const std::string>(cluster.host_rewrite));
    }
  }
  if (total == 0) {
    Report("route.weighted_clusters",
           "Sum of weights in the weighted_cluster must be greater than 0.");
  } else if (total > kMaxTotalWeight) {
    Report("route.weighted_clusters",
           absl::StrCat("The sum of weights of all weighted clusters of route ", route.name_,
                        " exceeds ", kMaxTotalWeight));
  }
  route.total_weight_ = static_cast<uint32_t>(total);
}

ClusterChoice& RouteTableBuilder::AddChoice(const std::string& cluster, uint32_t weight_end,
                                            const FilterOverrides* overrides, MessagePlans plans) {
  std::vector<std::string>& names = table_->cluster_names_;
  DCHECK(table_->choices_.size() < table_->choices_.capacity());
  ClusterChoice& choice = table_->choices_.emplace_back();
  if (!cluster.empty()) {
    const auto [known, is_new] =
        cluster_indexes_.try_emplace(cluster, static_cast<uint32_t>(names.size()));
    if (is_new) names.push_back(cluster);
    choice.cluster_index = known->second;
  }
  choice.weight_end = weight_end;
  choice.overrides = overrides;
  choice.request_headers = plans.request;
  choice.response_headers = plans.response;
  return choice;
}

void RouteTableBuilder::BuildWeightSource(const ForwardAction& action, Route& route) {
  if (action.runtime_key_prefix.empty() && action.random_value_header.empty()) return;
  auto source = std::make_unique<WeightSource>();
  if (!action.runtime_key_prefix.empty()) {
    for (const WeightedCluster& cluster : action.weighted_clusters) {
      source->runtime_keys.push_back(absl::StrCat(action.runtime_key_prefix, ".", cluster.name));
    }
  }
  if (!action.random_value_header.empty()) source->number.emplace(action.random_value_header);
  route.weight_source_ = std::move(source);
}

const RequestField* RouteTableBuilder::KeepField(const std::string& name) {
  return table_->cluster_headers_.emplace_back(std::make_unique<const RequestField>(name)).get();
}

HeaderLevels RouteTableBuilder::AddHeaderLevel(const HeaderLevels& inherited,
                                               MessageChangesConfig own, std::string_view field,
                                               bool is_cluster) {
  HeaderLevels levels = inherited;
  const std::string prefix = field.empty() ? std::string() : std::string(field) + ".";
  levels.plans.request = AddHeaderChanges(std::move(own.request), prefix + "request_headers_to_",
                                          inherited.plans.request, is_cluster, levels.request);
  levels.plans.response = AddHeaderChanges(std::move(own.response), prefix + "response_headers_to_",
                                           inherited.plans.response, is_cluster, levels.response);
  return levels;
}

const HeaderPlan* RouteTableBuilder::AddHeaderChanges(HeaderChangesConfig config,
                                                      std::string_view field,
                                                      const HeaderPlan* inherited, bool is_cluster,
                                                      std::vector<const HeaderChanges*>& levels) {
  if (config.add.empty() && config.remove.empty()) return inherited;
  auto changes = HeaderChanges::Compile(
      std::move(config), [&](std::string_view place, std::string_view message) {
        Report(absl::StrCat(ToAbsl(field), ToAbsl(place)), message);
      });
  if (changes == nullptr) return inherited;
  const HeaderChanges* const own = table_->header_changes_.emplace_back(std::move(changes)).get();
  std::vector<const HeaderChanges*> order = levels;
  levels.push_back(own);
  if (is_cluster) {
    // A weighted cluster's come first in either order (Envoy: WeightedClusterEntry).
    if (!most_specific_header_changes_win_) std::reverse(order.begin(), order.end());
    order.insert(order.begin(), own);
  } else {
    order.push_back(own);
    if (!most_specific_header_changes_win_) std::reverse(order.begin(), order.end());
  }
  return table_->header_plans_.emplace_back(std::make_unique<const HeaderPlan>(std::move(order)))
      .get();
}

const FilterOverrides* RouteTableBuilder::Merge(const FilterOverrides* inherited,
                                                FilterOverrides own) {
  if (own.empty()) return inherited;
  auto merged = std::make_unique<FilterOverrides>();
  if (inherited != nullptr) *merged = *inherited;
  for (FilterOverride& entry : own) {
    const auto same_filter = std::find_if(
        merged->begin(), merged->end(),
        [&entry](const FilterOverride& other) { return other.filter_name == entry.filter_name; });
    if (same_filter == merged->end()) {
      merged->push_back(std::move(entry));
    } else {
      *same_filter = std::move(entry);
    }
  }
  return table_->overrides_.emplace_back(std::move(merged)).get();
}

std::string_view RouteTableBuilder::KeepText(std::string_view text) {
  std::string& texts = table_->path_texts_;
  DCHECK(texts.size() + text.size() <= texts.capacity());
  const size_t begin = texts.size();
  texts.append(text);
  return std::string_view(texts).substr(begin);
}

void RouteTableBuilder::Report(std::string_view field, std::string_view message) {
  const absl::string_view dot = place_.empty() ? "" : ".";
  problems_.push_back({absl::StrCat(place_, dot, ToAbsl(field)), std::string(message)});
}

void RouteTableBuilder::ReportIfBad(const absl::Status& status, std::string_view field) {
  if (status.ok()) return;
  const absl::string_view message = status.message();
  Report(field, {message.data(), message.size()});
}

}  // namespace remora::route
