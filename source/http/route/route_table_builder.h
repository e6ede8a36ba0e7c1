#pragma once

// RouteTableBuilder: compiles one RouteTableConfig into one RouteTable.
//
// Private to this folder; lives during RouteTable::Build. Goes on after a problem, so that all of
// them are reported, and gives no table away then.
// Thread: main.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "source/http/route/conditions.h"
#include "source/http/route/header_changes.h"
#include "source/http/route/path_index.h"
#include "source/http/route/route_table.h"

namespace remora::route {

class HostIndex;

// The plans of one level of the table, for requests and for responses; null when nothing changes.
struct MessagePlans {
  const HeaderPlan* request = nullptr;
  const HeaderPlan* response = nullptr;
};

// The changes of the levels above and at the one that is being built, least specific first.
struct HeaderLevels {
  std::vector<const HeaderChanges*> request = {};
  std::vector<const HeaderChanges*> response = {};
  MessagePlans plans = {};
};

class RouteTableBuilder {
 public:
  explicit RouteTableBuilder(std::vector<RouteTableProblem>& problems);
  ~RouteTableBuilder();

  // Null when there are problems. Call it once.
  std::shared_ptr<const RouteTable> Build(RouteTableConfig config);

 private:
  void ReserveSpace(const RouteTableConfig& config);
  void AddVirtualHost(VirtualHostConfig config, size_t index);
  void AddDomains(const std::vector<std::string>& domains, uint32_t virtual_host);
  Route BuildRoute(RouteConfig config, const VirtualHost& virtual_host,
                   const HeaderLevels& inherited_headers, IndexedPath& indexed);
  void BuildPath(PathMatch config, Route& route, RouteConditions& conditions, IndexedPath& indexed);
  void BuildConditions(RouteConfig& config, RouteConditions& conditions);
  void BuildVirtualClusters(std::vector<VirtualClusterConfig> config, VirtualHost& virtual_host);
  void BuildExtras(const VirtualHost& virtual_host, const std::string& stat_prefix,
                   ForwardAction& action, Route& route);
  void CompileRetry(FailureSettings& settings, std::string_view field);
  void BuildFailurePolicy(ForwardAction& action, Route& route);
  void BuildAction(RouteConfig& config, const VirtualHost& virtual_host,
                   const HeaderLevels& headers, Route& route);
  void BuildTlsRedirect();
  void BuildWeightSource(const ForwardAction& action, Route& route);
  const RequestField* KeepField(const std::string& name);
  void BuildClusters(ForwardAction& action, const HeaderLevels& headers, Route& route);
  void BuildWeightedClusters(std::vector<WeightedCluster>& clusters, const HeaderLevels& headers,
                             Route& route);
  ClusterChoice& AddChoice(const std::string& cluster, uint32_t weight_end,
                           const FilterOverrides* overrides, MessagePlans plans);

  // `own` below `inherited`. `field`: of the level, as "" or "route.weighted_clusters.clusters[1]".
  HeaderLevels AddHeaderLevel(const HeaderLevels& inherited, MessageChangesConfig own,
                              std::string_view field, bool is_cluster = false);
  const HeaderPlan* AddHeaderChanges(HeaderChangesConfig config, std::string_view field,
                                     const HeaderPlan* inherited, bool is_cluster,
                                     std::vector<const HeaderChanges*>& levels);

  // `own` over `inherited`; the same filter's entry is replaced as a whole.
  const FilterOverrides* Merge(const FilterOverrides* inherited, FilterOverrides own);
  std::string_view KeepText(std::string_view text);
  void Report(std::string_view field, std::string_view message);
  void ReportIfBad(const absl::Status& status, std::string_view field);

  std::vector<RouteTableProblem>& problems_;
  std::shared_ptr<RouteTable> table_;
  std::unique_ptr<HostIndex> hosts_;
  absl::flat_hash_map<std::string, uint32_t> cluster_indexes_;
  const FilterOverrides* table_overrides_ = nullptr;
  FailureSettings table_failure_;
  FailureSettings host_failure_;  // of the virtual host that is being built
  HeaderLevels table_headers_;
  bool most_specific_header_changes_win_ = false;
  uint32_t max_regex_program_size_ = 0;
  std::string place_;  // of what is being built, for Report: "virtual_hosts[0].routes[2]"
};

}  // namespace remora::route
