#include "source/config/config_dump.h"

#include <re2/re2.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "envoy/admin/v3/config_dump.pb.h"
#include "envoy/admin/v3/config_dump_shared.pb.h"
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "google/protobuf/field_mask.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "source/config/config_dump_mask.h"
#include "source/config/redact.h"
#include "source/config/text.h"
#include "source/event/clock.h"

namespace remora::config {
namespace {

namespace admin = envoy::admin::v3;
namespace lds = envoy::config::listener::v3;
using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using envoy::extensions::transport_sockets::tls::v3::Secret;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldMask;
using google::protobuf::Message;
using google::protobuf::Timestamp;

// What the hosts of a cluster are weighed by when the assignment does not say (Envoy's default).
constexpr uint32_t kOverprovisioning = 140;

using Section = std::unique_ptr<Message>;

struct Selection {
  const RE2* name = nullptr;

  bool Takes(const std::string& text) const {
    return name == nullptr || RE2::FullMatch(text, *name);
  }
};

// What the pages of Envoy show of an endpoint that nothing checks.
void SetEndpoints(const Cluster& cluster, ClusterLoadAssignment& out) {
  out = cluster.load_assignment();
  out.set_cluster_name(cluster.name());
  if (!out.policy().has_overprovisioning_factor()) {
    out.mutable_policy()->mutable_overprovisioning_factor()->set_value(kOverprovisioning);
  }
  for (auto& group : *out.mutable_endpoints()) {
    if (!group.has_load_balancing_weight()) group.mutable_load_balancing_weight()->set_value(0);
    for (auto& host : *group.mutable_lb_endpoints()) {
      if (!host.has_load_balancing_weight()) host.mutable_load_balancing_weight()->set_value(1);
      if (host.health_status() == envoy::config::core::v3::UNKNOWN) {
        host.set_health_status(envoy::config::core::v3::HEALTHY);
      }
      host.mutable_endpoint()->mutable_health_check_config();
    }
  }
}

void AddRoutes(const lds::FilterChain& chain, const Timestamp& loaded, const Selection& selection,
               admin::RoutesConfigDump& dump) {
  for (const lds::Filter& filter : chain.filters()) {
    HttpConnectionManager manager;
    if (!filter.typed_config().UnpackTo(&manager) || !manager.has_route_config() ||
        !selection.Takes(manager.route_config().name())) {
      continue;
    }
    auto& routes = *dump.add_static_route_configs();
    routes.mutable_route_config()->PackFrom(manager.route_config());
    *routes.mutable_last_updated() = loaded;
  }
}

// Shown in milliseconds, as everywhere in Envoy.
Timestamp ToTimestamp(int64_t wall) {
  const int64_t milliseconds = wall / event::kMillisecond;
  Timestamp timestamp;
  timestamp.set_seconds(milliseconds / 1000);
  timestamp.set_nanos(static_cast<int32_t>(milliseconds % 1000 * event::kMillisecond));
  return timestamp;
}

// An Any of a message that is at hand in binary.
void SetAny(std::string_view type_name, const std::string& message, google::protobuf::Any& any) {
  any.set_type_url(Concat("type.googleapis.com/", type_name));
  any.set_value(message);
}

void SetRefusal(std::string_view type_name, const ShownResource& resource,
                admin::UpdateFailureState& out) {
  const ResourceRefusal& refused = *resource.refused;
  SetAny(type_name, refused.tried.message, *out.mutable_failed_configuration());
  *out.mutable_last_update_attempt() = ToTimestamp(refused.tried.updated_at);
  out.set_details(refused.details);
  out.set_version_info(refused.tried.version);
}

admin::ClientResourceStatus StatusOf(const ShownResource& resource, bool there) {
  if (resource.refused.has_value()) return admin::NACKED;
  switch (resource.standing) {
    case ShownResource::Standing::kTold:
      return there ? admin::ACKED : admin::REQUESTED;
    case ShownResource::Standing::kRequested:
      return admin::REQUESTED;
    case ShownResource::Standing::kMissing:
      return admin::DOES_NOT_EXIST;
  }
  return admin::UNKNOWN;
}

// What the dumps of clusters, endpoints and route tables have in common; `target` gives the Any.
template <class Out, class Target>
void SetDynamic(std::string_view type_name, const ShownResource& resource,
                const std::optional<ResourceVersion>& shown, const Target& target, Out& out) {
  if (shown.has_value()) {
    out.set_version_info(shown->version);
    SetAny(type_name, shown->message, target(out));
    *out.mutable_last_updated() = ToTimestamp(shown->updated_at);
  }
  out.set_client_status(StatusOf(resource, shown.has_value()));
  if (resource.refused.has_value()) SetRefusal(type_name, resource, *out.mutable_error_state());
}

void SetState(const std::optional<ResourceVersion>& shown,
              admin::ListenersConfigDump::DynamicListenerState& out) {
  out.set_version_info(shown->version);
  SetAny("envoy.config.listener.v3.Listener", shown->message, *out.mutable_listener());
  *out.mutable_last_updated() = ToTimestamp(shown->updated_at);
}

Section BootstrapSection(const Bootstrap& bootstrap, const Timestamp& loaded) {
  auto dump = std::make_unique<admin::BootstrapConfigDump>();
  *dump->mutable_bootstrap() = bootstrap;
  *dump->mutable_last_updated() = loaded;
  return dump;
}

Section ClustersSection(const Bootstrap& bootstrap, const Timestamp& loaded,
                        const ShownResources& resources, const Selection& selection) {
  auto dump = std::make_unique<admin::ClustersConfigDump>();
  dump->set_version_info(resources.clusters_version);
  const auto target = [](auto& out) -> google::protobuf::Any& { return *out.mutable_cluster(); };
  for (const ShownResource& cluster : resources.clusters) {
    if (!selection.Takes(cluster.name)) continue;
    // One that was refused before there was any is shown among those that are not in use.
    if (cluster.active.has_value()) {
      SetDynamic(Cluster::descriptor()->full_name(), cluster, cluster.active, target,
                 *dump->add_dynamic_active_clusters());
    }
    if (cluster.warming.has_value() || !cluster.active.has_value()) {
      SetDynamic(Cluster::descriptor()->full_name(), cluster, cluster.warming, target,
                 *dump->add_dynamic_warming_clusters());
    }
  }
  for (const Cluster& cluster : bootstrap.static_resources().clusters()) {
    if (!selection.Takes(cluster.name())) continue;
    auto& out = *dump->add_static_clusters();
    out.mutable_cluster()->PackFrom(cluster);
    *out.mutable_last_updated() = loaded;
  }
  return dump;
}

Section ExtensionsSection(const ShownResources& resources, const Selection& selection) {
  auto dump = std::make_unique<admin::EcdsConfigDump>();
  for (const ShownResource& extension : resources.extensions) {
    if (!selection.Takes(extension.name)) continue;
    SetDynamic(
        "envoy.config.core.v3.TypedExtensionConfig", extension, extension.active,
        [](auto& out) -> google::protobuf::Any& { return *out.mutable_ecds_filter(); },
        *dump->add_ecds_filters());
  }
  return dump;
}

Section EndpointsSection(const Bootstrap& bootstrap, const ShownResources& resources,
                         const Selection& selection) {
  auto dump = std::make_unique<admin::EndpointsConfigDump>();
  for (const ShownResource& endpoints : resources.endpoints) {
    if (!selection.Takes(endpoints.name)) continue;
    auto& out = *dump->add_dynamic_endpoint_configs();
    SetDynamic(
        ClusterLoadAssignment::descriptor()->full_name(), endpoints, endpoints.active,
        [](auto& to) -> google::protobuf::Any& { return *to.mutable_endpoint_config(); }, out);
    if (endpoints.active.has_value()) continue;
    // As in Envoy: which those are that have not come.
    ClusterLoadAssignment none;
    none.set_cluster_name(endpoints.name);
    out.mutable_endpoint_config()->PackFrom(none);
  }
  for (const Cluster& cluster : bootstrap.static_resources().clusters()) {
    if (!selection.Takes(cluster.name()) || cluster.type() == Cluster::EDS) continue;
    ClusterLoadAssignment endpoints;
    SetEndpoints(cluster, endpoints);
    dump->add_static_endpoint_configs()->mutable_endpoint_config()->PackFrom(endpoints);
  }
  return dump;
}

void SetListener(const ShownResource& listener, admin::ListenersConfigDump::DynamicListener& out) {
  out.set_name(listener.name);
  if (listener.active.has_value()) SetState(listener.active, *out.mutable_active_state());
  if (listener.warming.has_value()) SetState(listener.warming, *out.mutable_warming_state());
  if (listener.draining.has_value()) SetState(listener.draining, *out.mutable_draining_state());
  out.set_client_status(StatusOf(listener, true));
  if (listener.refused.has_value()) {
    SetRefusal(lds::Listener::descriptor()->full_name(), listener, *out.mutable_error_state());
  }
}

Section ListenersSection(const Bootstrap& bootstrap, const Timestamp& loaded,
                         const ShownResources& resources, const Selection& selection) {
  auto dump = std::make_unique<admin::ListenersConfigDump>();
  dump->set_version_info(resources.listeners_version);
  for (const ShownResource& listener : resources.listeners) {
    if (selection.Takes(listener.name)) SetListener(listener, *dump->add_dynamic_listeners());
  }
  for (const lds::Listener& listener : bootstrap.static_resources().listeners()) {
    if (!selection.Takes(listener.name())) continue;
    auto& out = *dump->add_static_listeners();
    out.mutable_listener()->PackFrom(listener);
    *out.mutable_last_updated() = loaded;
  }
  return dump;
}

Section RoutesSection(const Bootstrap& bootstrap, const Timestamp& loaded,
                      const ShownResources& resources, const Selection& selection) {
  auto dump = std::make_unique<admin::RoutesConfigDump>();
  for (const ShownResource& routes : resources.routes) {
    if (!selection.Takes(routes.name)) continue;
    // As in Envoy: a table that has not come is not shown.
    if (!routes.active.has_value() && !routes.refused.has_value()) continue;
    SetDynamic(
        envoy::config::route::v3::RouteConfiguration::descriptor()->full_name(), routes,
        routes.active,
        [](auto& out) -> google::protobuf::Any& { return *out.mutable_route_config(); },
        *dump->add_dynamic_route_configs());
  }
  for (const lds::Listener& listener : bootstrap.static_resources().listeners()) {
    for (const lds::FilterChain& chain : listener.filter_chains()) {
      AddRoutes(chain, loaded, selection, *dump);
    }
    AddRoutes(listener.default_filter_chain(), loaded, selection, *dump);
  }
  return dump;
}

Section SecretsSection(const Bootstrap& bootstrap, const std::vector<ShownSecret>& secrets,
                       const Selection& selection) {
  auto dump = std::make_unique<admin::SecretsConfigDump>();
  for (const Secret& secret : bootstrap.static_resources().secrets()) {
    if (!selection.Takes(secret.name())) continue;
    auto& out = *dump->add_static_secrets();
    out.set_name(secret.name());
    out.mutable_secret()->PackFrom(secret);
  }
  for (const ShownSecret& secret : secrets) {
    if (!selection.Takes(secret.name)) continue;
    const bool warming = secret.message.empty();
    auto& out =
        warming ? *dump->add_dynamic_warming_secrets() : *dump->add_dynamic_active_secrets();
    out.set_name(secret.name);
    out.set_version_info(secret.version);
    *out.mutable_last_updated() = ToTimestamp(secret.updated_at);
    Secret message;
    message.set_name(secret.name);
    if (!warming) message.ParseFromString(secret.message);
    out.mutable_secret()->PackFrom(message);
  }
  return dump;
}

// In the order of Envoy's output.
std::vector<Section> MakeSections(const Bootstrap& bootstrap, const Timestamp& loaded,
                                  const ShownResources& resources, const Selection& selection,
                                  bool include_eds) {
  std::vector<Section> sections;
  sections.push_back(BootstrapSection(bootstrap, loaded));
  sections.push_back(ClustersSection(bootstrap, loaded, resources, selection));
  // As in Envoy: only where there are any.
  if (!resources.extensions.empty()) sections.push_back(ExtensionsSection(resources, selection));
  if (include_eds) sections.push_back(EndpointsSection(bootstrap, resources, selection));
  sections.push_back(ListenersSection(bootstrap, loaded, resources, selection));
  sections.push_back(std::make_unique<admin::ScopedRoutesConfigDump>());
  sections.push_back(RoutesSection(bootstrap, loaded, resources, selection));
  sections.push_back(SecretsSection(bootstrap, resources.secrets, selection));
  return sections;
}

FieldMask ParseMask(std::string_view text) {
  FieldMask mask;
  for (const absl::string_view path : absl::StrSplit(ToAbsl(text), ',', absl::SkipEmpty())) {
    mask.add_paths(std::string(path));
  }
  return mask;
}

absl::Status AddAll(const std::vector<Section>& sections, const std::string& mask,
                    admin::ConfigDump& dump) {
  for (const Section& section : sections) {
    if (mask.empty() || TrimToPlainMask(ParseMask(mask), *section)) {
      dump.add_configs()->PackFrom(*section);
    }
  }
  if (!dump.configs().empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      Concat("FieldMask ", mask, " could not be successfully applied to any configs."));
}

absl::Status AddItems(Message& section, const FieldDescriptor& field, const std::string& mask,
                      admin::ConfigDump& dump) {
  const auto& reflection = *section.GetReflection();
  for (int i = 0; i < reflection.FieldSize(section, &field); ++i) {
    Message& item = *reflection.MutableRepeatedMessage(&section, &field, i);
    if (!mask.empty() && !TrimToMask(ParseMask(mask), item)) {
      return absl::InvalidArgumentError(
          Concat("FieldMask ", mask, " could not be successfully used."));
    }
    dump.add_configs()->PackFrom(item);
  }
  return absl::OkStatus();
}

absl::Status AddResource(const std::vector<Section>& sections, const std::string& resource,
                         const std::string& mask, admin::ConfigDump& dump) {
  for (const Section& section : sections) {
    const FieldDescriptor* field = section->GetDescriptor()->FindFieldByName(resource);
    if (field != nullptr && field->is_repeated()) return AddItems(*section, *field, mask, dump);
    // Lists that Envoy has and this version does not (dynamic_listeners) are empty.
    const bool reserved = section->GetDescriptor()->IsReservedName(resource);
    if (reserved && resource != "version_info") return absl::OkStatus();
    if (field != nullptr || reserved) {
      return absl::InvalidArgumentError(Concat(
          resource, " is not a repeated field. Use ?mask=", resource, " to get only this field"));
    }
  }
  return absl::NotFoundError(Concat(resource, " not found in config dump"));
}

}  // namespace

struct ConfigDumper::Loaded {
  Bootstrap bootstrap;
  Timestamp at;
};

ConfigDumper::ConfigDumper(Bootstrap bootstrap, int64_t wall_now) {
  auto loaded = std::make_unique<Loaded>();
  loaded->bootstrap = std::move(bootstrap);
  loaded->at = ToTimestamp(wall_now);
  loaded_ = std::move(loaded);
}

ConfigDumper::~ConfigDumper() = default;

absl::StatusOr<std::string> ConfigDumper::Dump(const ConfigDumpQuery& query,
                                               const ShownResources& resources) const {
  const std::string& regex = query.name_regex;
  const RE2 name(regex, RE2::Quiet);
  if (!name.ok()) {
    return absl::InvalidArgumentError(
        Concat("Error while parsing name_regex from ", regex, ": ", name.error()));
  }
  const Selection selection{regex.empty() ? nullptr : &name};
  const std::vector<Section> sections =
      MakeSections(loaded_->bootstrap, loaded_->at, resources, selection, query.include_eds);
  admin::ConfigDump dump;
  absl::Status status = query.resource.empty()
                            ? AddAll(sections, query.mask, dump)
                            : AddResource(sections, query.resource, query.mask, dump);
  if (!status.ok()) return status;
  Redact(dump);
  return ToJson(dump);
}

std::string ConfigDumper::StaticListener(std::string_view name) const {
  std::vector<const lds::Listener*> nameless;
  for (const lds::Listener& listener : loaded_->bootstrap.static_resources().listeners()) {
    if (listener.name() == name) return listener.SerializeAsString();
    if (listener.name().empty()) nameless.push_back(&listener);
  }
  // The server has made a name for it; which is whose is not known here.
  return nameless.size() == 1 ? nameless.front()->SerializeAsString() : std::string();
}

std::string ConfigDumper::NodeJson() const {
  std::string text = ToJson(loaded_->bootstrap.node());
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

}  // namespace remora::config
