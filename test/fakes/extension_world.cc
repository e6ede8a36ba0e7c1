#include "test/fakes/extension_world.h"

#include <stdexcept>
#include <utility>

#include "google/protobuf/any.pb.h"
#include "google/protobuf/text_format.h"

namespace remora::fakes {

void ParseText(const std::string& text, google::protobuf::Message& message) {
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) {
    throw std::invalid_argument(text);
  }
}

http::FilterFactory ParseFilter(const config::Registry& registry, const std::string& name,
                                const google::protobuf::Message& config, std::string& errors) {
  google::protobuf::Any any;
  any.PackFrom(config);
  const config::HttpFilterEntry* entry = registry.FindHttpFilter(any.type_url());
  if (entry == nullptr) throw std::invalid_argument(any.type_url());
  config::ErrorList list;
  config::ConfigContext context(list, "filter");
  http::FilterFactory factory;
  if (!entry->parse(any, context, factory) && list.empty()) throw std::logic_error("no error");
  errors += list.ToString();
  factory.name = name;
  factory.type_url = any.type_url();
  factory.terminal = entry->terminal;
  return factory;
}

route::FilterOverride ParseOverride(const config::Registry& registry, const std::string& name,
                                    const google::protobuf::Message& config, std::string& errors) {
  google::protobuf::Any any;
  any.PackFrom(config);
  for (const config::HttpFilterEntry& entry : registry.http_filters()) {
    if (entry.route_type_name != config.GetDescriptor()->full_name()) continue;
    config::ErrorList list;
    config::ConfigContext context(list, "route");
    route::FilterOverride parsed;
    parsed.filter_name = name;
    parsed.type_url = any.type_url();
    parsed.config = entry.parse_route(any, context);
    errors += list.ToString();
    return parsed;
  }
  throw std::invalid_argument(any.type_url());
}

std::shared_ptr<const route::RouteTable> OneRoute(RouteLevels levels) {
  route::WeightedCluster cluster;
  cluster.name = "up";
  cluster.weight = 1;
  cluster.overrides = std::move(levels.cluster);
  route::ForwardAction action;
  action.weighted_clusters.push_back(std::move(cluster));
  route::RouteConfig route;
  route.name = "route";
  route.match.text = "/";
  route.action = std::move(action);
  route.overrides = std::move(levels.route);
  route::VirtualHostConfig host;
  host.name = "host";
  host.domains = {"*"};
  host.routes.push_back(std::move(route));
  host.overrides = std::move(levels.virtual_host);
  route::RouteTableConfig config;
  config.virtual_hosts.push_back(std::move(host));
  config.overrides = std::move(levels.table);
  std::vector<route::RouteTableProblem> problems;
  auto table = route::RouteTable::Build(std::move(config), problems);
  if (!table.ok()) throw std::invalid_argument(std::string(table.status().message()));
  return *table;
}

}  // namespace remora::fakes
