#include "source/config/scoped_routes_config.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "source/config/config_source_config.h"
#include "source/config/route_config.h"
#include "source/config/text.h"

namespace remora::config {
namespace {

using envoy::config::route::v3::ScopedRouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::ScopedRoutes;

route::ScopeKeyBuilder ParseBuilder(const ScopedRoutes::ScopeKeyBuilder& proto,
                                    const FieldPath& path, Translation& translation) {
  std::vector<route::ScopeKeyBuilder::Fragment> fragments;
  const FieldPath list = path.Field("fragments");
  for (int i = 0; i < proto.fragments_size(); ++i) {
    const FieldPath at = list.Index(static_cast<size_t>(i));
    const FieldPath place = at.Field("header_value_extractor");
    const auto& extractor = proto.fragments(i).header_value_extractor();
    route::ScopeKeyBuilder::Fragment fragment{route::RequestField(extractor.name()),
                                              extractor.element_separator()};
    if (extractor.has_element()) {
      fragment.key = extractor.element().key();
      fragment.key_separator = extractor.element().separator();
    } else if (extractor.extract_type_case() ==
               ScopedRoutes::ScopeKeyBuilder::FragmentBuilder::HeaderValueExtractor::kIndex) {
      fragment.index = extractor.index();
      if (fragment.index > 0 && fragment.element_separator.empty()) {
        translation.errors.Add(place.Field("index"),
                               "Index > 0 for empty string element separator.");
      }
    } else {
      translation.errors.Add(place, "HeaderValueExtractor extract_type not set");
    }
    fragments.push_back(std::move(fragment));
  }
  return route::ScopeKeyBuilder(std::move(fragments));
}

// Where tables come from that scopes name.
std::optional<ConfigSource> ParseTableSource(const ScopedRoutes& proto, const FieldPath& path,
                                             Translation& translation) {
  const FieldPath at = path.Field("rds_config_source");
  if (proto.has_rds_config_source()) {
    return ParseConfigSource(proto.rds_config_source(), at, translation);
  }
  translation.errors.Add(at, "is required: scopes name their route tables");
  return std::nullopt;
}

// Those of the configuration itself.
std::shared_ptr<const route::RouteScopes> ParseList(const ScopedRoutes& proto,
                                                    const std::string& stat_prefix,
                                                    const std::vector<http::FilterFactory>& filters,
                                                    route::ScopeKeyBuilder builder,
                                                    const FieldPath& path,
                                                    Translation& translation) {
  const FieldPath outer = path.Field("scoped_route_configurations_list");
  const FieldPath list = outer.Field("scoped_route_configurations");
  const auto& protos = proto.scoped_route_configurations_list().scoped_route_configurations();
  route::ScopeTable table;
  absl::flat_hash_map<std::string, std::string> names;  // by key
  std::optional<ConfigSource> source;
  for (int i = 0; i < protos.size(); ++i) {
    const FieldPath at = list.Index(static_cast<size_t>(i));
    ScopedRoute scope = ParseScopedRoute(protos[i], filters, at, translation);
    const auto [known, is_new] = names.try_emplace(scope.key, scope.name);
    if (!is_new) {
      translation.errors.Add(at, Concat("scope key conflict found, first scope is '", known->second,
                                        "', second scope is '", scope.name, "'"));
    }
    route::Scope& entry = table[scope.key];
    entry.table = std::move(scope.table);
    if (scope.route_name.empty()) continue;
    if (!source.has_value()) source = ParseTableSource(proto, path, translation);
    if (!source.has_value()) return nullptr;
    entry.slot = std::make_shared<const route::RouteSlot>();
    translation.route_uses.push_back(
        {*source, std::move(scope.route_name), stat_prefix, entry.slot, filters});
  }
  return std::make_shared<const route::RouteScopes>(std::move(builder), std::move(table));
}

}  // namespace

ScopedRoute ParseScopedRoute(const ScopedRouteConfiguration& proto,
                             const std::vector<http::FilterFactory>& filters, const FieldPath& path,
                             Translation& translation) {
  ScopedRoute scope;
  scope.name = proto.name();
  for (const auto& fragment : proto.key().fragments()) {
    route::ScopeKeyBuilder::Append(fragment.string_key(), scope.key);
  }
  scope.route_name = proto.route_configuration_name();
  if (scope.route_name.empty() == !proto.has_route_configuration()) {
    translation.errors.Add(path,
                           "either route_configuration_name or route_configuration is "
                           "required");
  } else if (proto.has_route_configuration()) {
    scope.table = ParseRouteTable(proto.route_configuration(), filters, false,
                                  path.Field("route_configuration"), translation);
  }
  return scope;
}

std::shared_ptr<const route::RouteScopes> ParseScopes(
    const ScopedRoutes& proto, const std::string& stat_prefix,
    const std::vector<http::FilterFactory>& filters, const FieldPath& path,
    Translation& translation) {
  route::ScopeKeyBuilder builder =
      ParseBuilder(proto.scope_key_builder(), path.Field("scope_key_builder"), translation);
  if (!proto.has_scoped_rds()) {
    return ParseList(proto, stat_prefix, filters, std::move(builder), path, translation);
  }
  const FieldPath scoped = path.Field("scoped_rds");
  const std::optional<ConfigSource> source =
      ParseConfigSource(proto.scoped_rds().scoped_rds_config_source(),
                        scoped.Field("scoped_rds_config_source"), translation);
  const std::optional<ConfigSource> tables = ParseTableSource(proto, path, translation);
  if (!source.has_value() || !tables.has_value()) return nullptr;
  auto slot = std::make_shared<const route::ScopeSlot>();
  translation.scope_uses.push_back({*source, *tables, proto.name(), stat_prefix, slot, filters});
  return std::make_shared<const route::RouteScopes>(std::move(builder), std::move(slot));
}

}  // namespace remora::config
