#include "source/extensions/http_filters/ext_authz/settings.h"

#include <utility>

#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/filters/http/ext_authz/v3/ext_authz.pb.h"
#include "source/config/extension_values.h"
#include "source/config/grpc_service_config.h"

namespace remora::extensions {
namespace {

namespace proto = envoy::extensions::filters::http::ext_authz::v3;

// Of a message that has one of the two. nullopt after an error.
template <class Message>
std::optional<CheckService> ParseService(const Message& message, const std::string& prefix,
                                         config::ConfigContext& context) {
  if (message.has_http_service()) {
    return ParseHttpService(message.http_service(), prefix + "http_service",
                            ExtAuthzSettings::kDefaultTimeout, context);
  }
  std::optional<grpc::Service> parsed =
      config::ParseGrpcService(message.grpc_service(), prefix + "grpc_service", context);
  if (parsed.has_value() && !message.grpc_service().has_timeout()) {
    parsed->timeout = ExtAuthzSettings::kDefaultTimeout;
  }
  return parsed;
}

BodyLimit ParseBody(const proto::BufferSettings& body) {
  return {body.max_request_bytes(), body.allow_partial_message()};
}

// Texts of a struct in the node's metadata.
std::map<std::string, std::string> LabelsOf(const std::string& key,
                                            const config::ConfigContext& context) {
  std::map<std::string, std::string> labels;
  envoy::config::core::v3::Node node;
  if (key.empty() || !node.ParseFromString(config::NodeOf(context))) return labels;
  const auto found = node.metadata().fields().find(key);
  if (found == node.metadata().fields().end()) return labels;
  for (const auto& [name, value] : found->second.struct_value().fields()) {
    labels.emplace(name, value.string_value());
  }
  return labels;
}

// What a service over HTTP is told whatever else it is.
void AddAlwaysTold(NameMatchers& allowed) {
  for (const char* const name : {"authorization", ":method", ":path", ":authority"}) {
    route::StringMatch match;
    match.text = name;
    // Without an expression there is nothing to go wrong.
    allowed.push_back(*route::StringMatcher::Compile(std::move(match), 0));
  }
}

CheckContent ParseContent(const proto::ExtAuthz& proto, config::ConfigContext& context) {
  CheckContent content;
  const auto& by_old_name = proto.http_service().authorization_request();
  if (by_old_name.has_allowed_headers() && proto.has_allowed_headers()) {
    context.AddError("allowed_headers", "Invalid duplicate configuration for allowed_headers.");
  }
  content.allowed =
      by_old_name.has_allowed_headers()
          ? config::ParseStringMatchers(
                by_old_name.allowed_headers().patterns(),
                "http_service.authorization_request.allowed_headers.patterns", context)
          : config::ParseStringMatchers(proto.allowed_headers().patterns(),
                                        "allowed_headers.patterns", context);
  if (proto.has_http_service()) AddAlwaysTold(content.allowed);
  content.disallowed = config::ParseStringMatchers(proto.disallowed_headers().patterns(),
                                                   "disallowed_headers.patterns", context);
  content.metadata.assign(proto.metadata_context_namespaces().begin(),
                          proto.metadata_context_namespaces().end());
  content.route_metadata.assign(proto.route_metadata_context_namespaces().begin(),
                                proto.route_metadata_context_namespaces().end());
  content.labels = LabelsOf(proto.bootstrap_metadata_labels_key(), context);
  content.raw_fields = proto.encode_raw_headers();
  content.body_as_bytes = proto.with_request_body().pack_as_bytes();
  content.peer_certificate = proto.include_peer_certificate();
  content.tls_session = proto.include_tls_session();
  return content;
}

void ParseConditions(const proto::ExtAuthz& proto, ExtAuthzSettings& settings,
                     config::ConfigContext& context) {
  if (proto.has_filter_enabled()) {
    settings.enabled = config::ParseFractionSetting(proto.filter_enabled());
  }
  if (proto.has_filter_enabled_metadata()) {
    settings.enabled_metadata = config::ParseMetadataMatcher(proto.filter_enabled_metadata(),
                                                             "filter_enabled_metadata", context);
  }
  if (proto.has_deny_at_disable()) {
    settings.deny_at_disable = config::ParseFlagSetting(proto.deny_at_disable());
  }
}

}  // namespace

std::optional<ExtAuthzSettings> ParseExtAuthz(const proto::ExtAuthz& proto,
                                              config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  ExtAuthzSettings settings;
  if (proto.services_case() == proto::ExtAuthz::SERVICES_NOT_SET) {
    context.AddError("grpc_service", "is required, or http_service");
  } else if (auto service = ParseService(proto, "", context)) {
    settings.service = *std::move(service);
  }
  settings.content = ParseContent(proto, context);
  ParseConditions(proto, settings, context);
  if (proto.has_with_request_body()) settings.body = ParseBody(proto.with_request_body());
  settings.stat_prefix = proto.stat_prefix();
  // Envoy takes 403 for what is no status.
  if (proto.status_on_error().code() >= 200 && proto.status_on_error().code() <= 511) {
    settings.status_on_error = static_cast<uint16_t>(proto.status_on_error().code());
  }
  settings.max_denied_body = proto.max_denied_response_body_bytes();
  settings.allow_on_failure = proto.failure_mode_allow();
  settings.tell_failure = proto.failure_mode_allow_header_add();
  settings.reroute = proto.clear_route_cache();
  settings.validate = proto.validate_mutations();
  if (proto.has_charge_cluster_response_stats()) {
    settings.charge_cluster = proto.charge_cluster_response_stats().value();
  }
  if (proto.has_enable_dynamic_metadata_ingestion()) {
    settings.take_metadata = proto.enable_dynamic_metadata_ingestion().value();
  }
  if (context.errors().size() > errors) return std::nullopt;
  return settings;
}

std::optional<ExtAuthzRoute> ParseExtAuthzRoute(const proto::ExtAuthzPerRoute& proto,
                                                config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  ExtAuthzRoute route;
  route.disabled = proto.disabled();
  const proto::CheckSettings& check = proto.check_settings();
  route.without_body = check.disable_request_body_buffering();
  if (route.without_body && check.has_with_request_body()) {
    context.AddError("check_settings",
                     "with_request_body and disable_request_body_buffering exclude each other");
  }
  if (check.has_with_request_body()) route.body = ParseBody(check.with_request_body());
  for (const auto& [name, value] : check.context_extensions()) {
    route.context_extensions.emplace(name, value);
  }
  if (check.service_override_case() != proto::CheckSettings::SERVICE_OVERRIDE_NOT_SET) {
    route.service = ParseService(check, "check_settings.", context);
    if (check.http_service().authorization_request().has_allowed_headers()) {
      context.AddWarning("check_settings.http_service.authorization_request.allowed_headers",
                         "only the filter's own is read");
    }
  }
  if (context.errors().size() > errors) return std::nullopt;
  return route;
}

}  // namespace remora::extensions
