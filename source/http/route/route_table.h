#pragma once

// RouteTable: which virtual host, route and cluster a request belongs to.
//
// Built once from a RouteTableConfig, immutable then: Match may run on every worker at once, takes
// no lock of its own and allocates nothing. Whoever keeps a pointer from a MatchResult keeps the
// table (shared_ptr) as long.
//
//   authority -> VirtualHost (exact, "*.x" longest, "x.*" longest, "*")
//   path      -> Route: the first of the virtual host's list whose conditions all hold
//   random    -> ClusterChoice by weight; FilterOverrides and HeaderPlans, already merged
//
// Semantics: envoy.config.route.v3 as Envoy 1.40 implements it. Build reports every problem of a
// configuration, Match cannot fail.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "source/http/message.h"
#include "source/http/route/config.h"
#include "source/runtime/runtime.h"

namespace remora::route {

struct RequestView;
class HeaderChanges;
class HeaderPlan;
class HostFinder;
class HostIndex;
class PathIndex;
class Redirect;
class RequestField;
class VirtualClusters;
class Rewrites;
class RouteConditions;
class RouteTableBuilder;
struct RouteExtras;
struct WeightSource;

// One thing wrong in a RouteTableConfig.
struct RouteTableProblem {
  std::string path;  // of the field, as "virtual_hosts[0].routes[2].match.safe_regex.regex"
  std::string message;
};

// One cluster that a route may choose.
struct ClusterChoice {
  std::string_view name;
  uint32_t cluster_index = 0;  // in RouteTable::cluster_names(), the same for the same name
  uint32_t weight_end = 0;     // end of this cluster's share of the route's total weight
  const FilterOverrides* overrides = nullptr;  // merged down to this cluster; null when none
  // Changes of the head on all levels down to this cluster; null when none.
  const HeaderPlan* request_headers = nullptr;
  const HeaderPlan* response_headers = nullptr;
  // The request's field that names the cluster; `name` and `cluster_index` say nothing then.
  const RequestField* cluster_header = nullptr;
  std::string_view host_rewrite;  // Host of requests that go here; empty: it stays
  // Whether any of these, or a rewrite of the route, changes the request's head.
  bool changes_request = false;

  // The cluster's name for this request. Empty when the field is not there.
  std::string_view NameFor(const http::RequestHead& head) const {
    return cluster_header == nullptr ? name : NameInField(head);
  }

 private:
  std::string_view NameInField(const http::RequestHead& head) const;
};

class Route {
 public:
  Route(Route&&) noexcept;
  ~Route();

  const std::string& name() const { return name_; }
  // Null when there is none.
  const http::Metadata* metadata() const { return metadata_.get(); }
  // What the path is compared with; lower-case when the comparison ignores case.
  std::string_view path_text() const { return path_text_; }
  PathMatch::Kind path_kind() const { return path_kind_; }
  bool case_sensitive() const { return case_sensitive_; }

  // Two of the three are null.
  const ForwardAction* forward() const { return std::get_if<ForwardAction>(&action_); }
  const DirectResponseAction* direct_response() const {
    return std::get_if<DirectResponseAction>(&action_);
  }
  const Redirect* redirect() const { return redirect_.get(); }
  // It answers itself: a redirect or a direct response.
  bool answers() const { return action_.index() != 0; }
  // Of path and Host, when the route forwards; null when there are none.
  const Rewrites* rewrites() const { return rewrites_.get(); }
  // How many bytes of this path (with query) the condition on the path matches; nothing when the
  // path has become another one since.
  std::optional<size_t> MatchedSize(std::string_view path) const;
  // Until the whole response is there; 0: none (what the route answers itself has none).
  event::Duration timeout() const {
    return forward() ? forward()->timeout.value_or(ForwardAction::kDefaultTimeout) : 0;
  }

  // What to do about tries of its requests; null: nothing beyond the plain way.
  const FailurePolicy* failure_policy() const { return failure_policy_; }
  // Statistics, hash policy and the like; null: it has none.
  const RouteExtras* extras() const { return extras_.get(); }

  // Merged from table, virtual host and route; null when there are none. A weighted cluster may
  // add to them: MatchResult::overrides is what counts for a request.
  const FilterOverrides* overrides() const { return overrides_; }

  // Changes of a response's head for all that the route answers itself (a weighted cluster has its
  // own: MatchResult::response_headers is what counts); null when none.
  const HeaderPlan* response_headers() const { return response_headers_; }

  // Empty for a direct response.
  const ClusterChoice* clusters_begin() const { return clusters_; }
  const ClusterChoice* clusters_end() const { return clusters_ + cluster_count_; }

 private:
  friend class RouteTableBuilder;
  friend class PathIndex;
  friend class RouteTable;
  Route();

  const ClusterChoice* ChooseCluster(const RequestView& request) const;
  const ClusterChoice* ChooseBySource(const RequestView& request) const;

  // First what every match reads.
  std::unique_ptr<const RouteConditions> conditions_;  // null: the path is all
  const ClusterChoice* clusters_ = nullptr;            // in the table
  const FilterOverrides* overrides_ = nullptr;
  const FailurePolicy* failure_policy_ = nullptr;  // in the table
  const HeaderPlan* response_headers_ = nullptr;
  uint32_t cluster_count_ = 0;
  uint32_t total_weight_ = 0;
  std::string_view path_text_;
  PathMatch::Kind path_kind_ = PathMatch::Kind::kPrefix;
  bool case_sensitive_ = true;
  std::unique_ptr<const RouteExtras> extras_;
  std::unique_ptr<const Rewrites> rewrites_;
  std::unique_ptr<const Redirect> redirect_;
  std::unique_ptr<const WeightSource> weight_source_;  // null: configured weights, random number
  // A redirect's is empty here: redirect_ has it.
  std::variant<ForwardAction, DirectResponseAction, RedirectAction> action_;
  std::string name_;
  std::shared_ptr<const http::Metadata> metadata_;
};

class VirtualHost {
 public:
  VirtualHost(VirtualHost&&) noexcept;
  ~VirtualHost();

  const std::string& name() const { return name_; }
  const http::Metadata* metadata() const { return metadata_.get(); }
  const std::vector<std::string>& domains() const { return domains_; }
  const std::vector<Route>& routes() const { return routes_; }
  // Merged from table and virtual host; null when there are none.
  const FilterOverrides* overrides() const { return overrides_; }
  // For rate limit filters; null when there are none.
  const std::vector<RateLimit>* rate_limits() const { return rate_limits_.get(); }

 private:
  friend class RouteTableBuilder;
  friend class RouteTable;
  VirtualHost();

  std::string name_;
  std::vector<std::string> domains_;
  std::vector<Route> routes_;
  const FilterOverrides* overrides_ = nullptr;
  std::shared_ptr<const std::vector<RateLimit>> rate_limits_;
  TlsRequirement require_tls_ = TlsRequirement::kNone;
  std::unique_ptr<const VirtualClusters> virtual_clusters_;
  std::shared_ptr<const http::Metadata> metadata_;
  std::unique_ptr<const PathIndex> index_;
};

struct MatchResult {
  const VirtualHost* virtual_host = nullptr;   // null: no domain matched
  const Route* route = nullptr;                // null: no route of the virtual host matched
  const ClusterChoice* cluster = nullptr;      // null without a route and for a direct response
  const FilterOverrides* overrides = nullptr;  // null when there are none

  // What to change in the heads on their way; null when nothing.
  const HeaderPlan* request_headers() const {
    return cluster != nullptr ? cluster->request_headers : nullptr;
  }
  const HeaderPlan* response_headers() const {
    if (cluster != nullptr) return cluster->response_headers;
    return route != nullptr ? route->response_headers() : nullptr;
  }
};

// What a route asks of a request in vain; kNone: nothing.
struct Mismatch {
  enum class Kind : uint8_t {
    kNone,
    kPath,
    kConnect,  // it is for CONNECT alone
    kRuntimeFraction,
    kGrpc,
    kHeader,
    kQueryParameter,
    kCookie,
    kDynamicMetadata,
  };
  Kind kind = Kind::kNone;
  std::string_view name = {};  // of the header field, parameter or cookie
};

// Why a request gets the route that it gets.
struct MatchReasons {
  // Whose domains take its authority; the first one is taken.
  std::vector<const VirtualHost*> virtual_hosts;
  bool requires_tls = false;     // the first one sends it to https, whatever its routes say
  std::vector<Mismatch> routes;  // by route of the first one; the first kNone is taken
};

class RouteTable {
 public:
  // Every problem is appended to `problems`; the status carries the first one.
  static absl::StatusOr<std::shared_ptr<const RouteTable>> Build(
      RouteTableConfig config, std::vector<RouteTableProblem>& problems);
  ~RouteTable();
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;

  // `random`: 64 uniform bits, drawn once a request; decides runtime fractions and weights.
  // `runtime`: null for the values of the configuration. `metadata`: what filters have left in the
  // stream; null: nothing.
  MatchResult Match(const http::RequestHead& head, uint64_t random,
                    const runtime::Snapshot* runtime = nullptr,
                    const http::Metadata* metadata = nullptr) const;
  // What Match goes by, for people: asks every route, and allocates.
  MatchReasons Explain(const http::RequestHead& head, uint64_t random,
                       const runtime::Snapshot* runtime = nullptr,
                       const http::Metadata* metadata = nullptr) const;

  const std::string& name() const { return name_; }
  const std::vector<VirtualHost>& virtual_hosts() const { return virtual_hosts_; }
  // Those of the table itself; null when there are none.
  const FilterOverrides* overrides() const { return table_overrides_; }
  // Lower-case names of fields that requests from outside lose.
  const std::vector<std::string>& internal_only_headers() const { return internal_only_headers_; }
  // Whom requests ask for virtual hosts that are not here; null: these are all.
  const HostFinder* host_finder() const { return host_finder_.get(); }
  // Each cluster that a route names, once, in order of appearance.
  const std::vector<std::string>& cluster_names() const { return cluster_names_; }

 private:
  friend class RouteTableBuilder;
  RouteTable();
  // What conditions on the path see of it.
  std::string_view PathOf(const http::RequestHead& head) const;

  std::string name_;
  std::vector<VirtualHost> virtual_hosts_;
  std::vector<std::string> internal_only_headers_;
  std::vector<std::string> cluster_names_;
  std::vector<ClusterChoice> choices_;
  std::vector<std::unique_ptr<const FilterOverrides>> overrides_;
  std::vector<std::unique_ptr<const FailurePolicy>> failure_policies_;
  std::vector<std::unique_ptr<const HeaderChanges>> header_changes_;
  std::vector<std::unique_ptr<const HeaderPlan>> header_plans_;
  std::vector<std::unique_ptr<const RequestField>> cluster_headers_;
  std::vector<std::unique_ptr<const std::string>> host_rewrites_;
  const FilterOverrides* table_overrides_ = nullptr;
  Route tls_redirect_;      // stands in for every route of a virtual host that requires TLS
  std::string path_texts_;  // the literals of all routes, one behind the other
  std::unique_ptr<const HostIndex> hosts_;
  std::shared_ptr<const HostFinder> host_finder_;
  bool ignore_port_ = false;
  bool ignore_path_parameters_ = false;
};

}  // namespace remora::route
