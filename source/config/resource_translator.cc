#include "source/config/resource_translator.h"

#include <utility>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/extension.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/scoped_route.pb.h"
#include "envoy/service/runtime/v3/rtds.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"
#include "source/config/cluster_config.h"
#include "source/config/core_config.h"
#include "source/config/discovered_filter_config.h"
#include "source/config/endpoint_config.h"
#include "source/config/listener_config.h"
#include "source/config/route_config.h"
#include "source/config/runtime_config.h"
#include "source/config/text.h"
#include "source/config/transport_match_config.h"
#include "source/config/unknown_fields.h"

namespace remora::config {
namespace {

using ClusterProto = envoy::config::cluster::v3::Cluster;
using EndpointsProto = envoy::config::endpoint::v3::ClusterLoadAssignment;
using ExtensionProto = envoy::config::core::v3::TypedExtensionConfig;
using ListenerProto = envoy::config::listener::v3::Listener;
using RoutesProto = envoy::config::route::v3::RouteConfiguration;
using ScopeProto = envoy::config::route::v3::ScopedRouteConfiguration;
using RuntimeProto = envoy::service::runtime::v3::Runtime;

// More would not help anybody, and a NACK is a header field to some.
constexpr size_t kMaxTold = 20;

std::string OneLine(ErrorList errors) {
  const size_t count = errors.size();
  errors.Truncate(kMaxTold);
  std::string text;
  for (const ConfigError& error : errors.errors()) {
    text +=
        Concat(text.empty() ? "" : "; ", error.path, error.path.empty() ? "" : ": ", error.message);
  }
  if (count > kMaxTold) text += Concat("; and ", count - kMaxTold, " more");
  return text;
}

// A RouteConfiguration with more virtual hosts, which are serialized too.
std::string AppendHosts(std::string_view bytes, const std::vector<std::string>& hosts) {
  using google::protobuf::internal::WireFormatLite;
  std::string all(bytes);
  google::protobuf::io::StringOutputStream stream(&all);
  google::protobuf::io::CodedOutputStream output(&stream);
  for (const std::string& host : hosts) {
    WireFormatLite::WriteBytes(RoutesProto::kVirtualHostsFieldNumber, host, &output);
  }
  output.Trim();
  return all;
}

}  // namespace

void ResourceTranslator::ExchangeContext(Translation& translation) {
  ResourceContext& context = setup_.context;
  std::swap(translation.service_cluster, context.service_cluster);
  std::swap(translation.service_node, context.service_node);
  std::swap(translation.node, context.node);
  std::swap(translation.primary_clusters, context.primary_clusters);
  std::swap(translation.secrets, context.secrets);
  std::swap(translation.tls_parts, parts_);
}

template <class Proto, class Translate>
absl::Status ResourceTranslator::Run(std::string_view bytes, const Translate& translate) {
  if (setup_.context.registry == nullptr) {
    return absl::FailedPreconditionError("this process was started without a bootstrap");
  }
  Proto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(Concat("Unable to unpack as ", proto.GetTypeName()));
  }
  ErrorList errors;
  ErrorList warnings;
  const size_t unknown = FindUnknownFields(proto, setup_.unknown_fields, errors, warnings);
  if (unknown > 0 && setup_.on_unknown_fields) setup_.on_unknown_fields(unknown);
  ValidateRules(proto, ReadReport(), errors, warnings, rules_);
  // What breaks a rule would be told a second time by the translators.
  if (errors.empty()) {
    Translation translation{*setup_.context.registry, errors, warnings};
    translation.has_cluster = setup_.has_cluster;
    translation.max_regex_program_size = setup_.context.max_regex_program_size;
    translation.has_ads = setup_.context.has_ads;
    translation.ads_is_delta = setup_.context.ads_is_delta;
    // Lent, not copied: there may be thousands of resources.
    ExchangeContext(translation);
    translate(proto, translation);
    ExchangeContext(translation);
  }
  if (setup_.on_warning) {
    for (const ConfigError& warning : warnings.errors()) setup_.on_warning(warning.ToString());
  }
  if (errors.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(OneLine(std::move(errors)));
}

absl::StatusOr<ClusterResource> ResourceTranslator::Cluster(std::string_view bytes) {
  ClusterResource resource;
  absl::Status status =
      Run<ClusterProto>(bytes, [&](const ClusterProto& proto, Translation& translation) {
        resource.config = ParseCluster(proto, FieldPath(), translation);
        resource.config.added_by_source = true;
        if (resource.config.source == nullptr) {
          resource.config.source = setup_.context.cluster_source;
        }
        const auto endpoints = translation.endpoint_sources.find(proto.name());
        if (endpoints != translation.endpoint_sources.end()) {
          resource.endpoints = endpoints->second;
        }
        resource.tls_contexts = std::move(translation.tls_contexts);
      });
  if (!status.ok()) return status;
  return resource;
}

absl::StatusOr<EndpointsResource> ResourceTranslator::Endpoints(
    std::string_view bytes, const std::vector<upstream::TransportMatch>& matches) {
  EndpointsResource resource;
  absl::Status status =
      Run<EndpointsProto>(bytes, [&](const EndpointsProto& proto, Translation& translation) {
        resource.service_name = proto.cluster_name();
        resource.hosts = ParseLoadAssignment(proto, FieldPath(), translation);
        if (translation.errors.empty()) ChooseTransports(proto, matches, resource.hosts);
      });
  if (!status.ok()) return status;
  return resource;
}

absl::StatusOr<std::shared_ptr<const ListenerConfig>> ResourceTranslator::Listener(
    std::string_view bytes, const ListenerConfig* serving) {
  std::shared_ptr<const ListenerConfig> listener;
  absl::Status status =
      Run<ListenerProto>(bytes, [&](const ListenerProto& proto, Translation& translation) {
        translation.known_chains.emplace();
        if (serving != nullptr) {
          for (const auto& chain : serving->AllChains()) {
            translation.known_chains->emplace(chain->meaning, chain);
          }
        }
        listener = ParseListener(proto, FieldPath(), translation);
      });
  if (!status.ok()) return status;
  return listener;
}

absl::StatusOr<RoutesResource> ResourceTranslator::Routes(
    std::string_view bytes, const std::vector<std::string>& hosts,
    const std::vector<http::FilterFactory>& filters,
    std::shared_ptr<const route::HostFinder> finder) {
  // A field that is repeated goes on with what stands behind it.
  std::string all;
  if (!hosts.empty()) all = AppendHosts(bytes, hosts);
  RoutesResource resource;
  absl::Status status = Run<RoutesProto>(
      hosts.empty() ? bytes : all, [&](const RoutesProto& proto, Translation& translation) {
        translation.host_finder = std::move(finder);
        resource.table = ParseRouteTable(proto, filters, false, FieldPath(), translation);
        resource.hosts_source = std::move(translation.hosts_source);
      });
  if (!status.ok()) return status;
  return resource;
}

absl::StatusOr<ScopedRoute> ResourceTranslator::ScopedRoutes(
    std::string_view bytes, const std::vector<http::FilterFactory>& filters) {
  ScopedRoute scope;
  absl::Status status =
      Run<ScopeProto>(bytes, [&](const ScopeProto& proto, Translation& translation) {
        scope = ParseScopedRoute(proto, filters, FieldPath(), translation);
      });
  if (!status.ok()) return status;
  return scope;
}

absl::StatusOr<http::FilterSlot::Version> ResourceTranslator::HttpFilter(std::string_view bytes,
                                                                         const ExtensionUse& use) {
  http::FilterSlot::Version version;
  absl::Status status =
      Run<ExtensionProto>(bytes, [&](const ExtensionProto& proto, Translation& translation) {
        version = ParseDiscoveredFilter(proto, use, FieldPath(), translation);
      });
  if (!status.ok()) return status;
  return version;
}

absl::StatusOr<runtime::Snapshot::Values> ResourceTranslator::RuntimeValues(
    std::string_view bytes) {
  runtime::Snapshot::Values values;
  absl::Status status =
      Run<RuntimeProto>(bytes, [&](const RuntimeProto& proto, Translation& translation) {
        values = ParseRuntimeLayer(proto, FieldPath(), translation);
      });
  if (!status.ok()) return status;
  return values;
}

}  // namespace remora::config
