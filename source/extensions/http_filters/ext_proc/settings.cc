#include "source/extensions/http_filters/ext_proc/settings.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "envoy/extensions/filters/http/ext_proc/v3/ext_proc.pb.h"
#include "source/config/extension_values.h"
#include "source/config/grpc_service_config.h"
#include "source/config/text.h"

namespace remora::extensions {
namespace {

namespace proto = envoy::extensions::filters::http::ext_proc::v3;
using Names = google::protobuf::RepeatedPtrField<std::string>;

std::optional<BodyMode> ReadBodyMode(proto::ProcessingMode::BodySendMode mode) {
  switch (mode) {
    case proto::ProcessingMode::NONE:
      return BodyMode::kNone;
    case proto::ProcessingMode::STREAMED:
      return BodyMode::kStreamed;
    case proto::ProcessingMode::BUFFERED:
      return BodyMode::kBuffered;
    case proto::ProcessingMode::BUFFERED_PARTIAL:
      return BodyMode::kPartial;
    default:
      return std::nullopt;
  }
}

SendMode ReadSendMode(proto::ProcessingMode::HeaderSendMode mode) {
  switch (mode) {
    case proto::ProcessingMode::SEND:
      return SendMode::kSend;
    case proto::ProcessingMode::SKIP:
      return SendMode::kSkip;
    default:
      return SendMode::kDefault;
  }
}

// The loader has refused the modes that we do not have.
ExchangeMode ParseMode(const proto::ProcessingMode& mode) {
  return ReadMode(mode).value_or(ExchangeMode());
}

std::optional<grpc::Service> ParseService(const envoy::config::core::v3::GrpcService& service,
                                          std::string_view field, config::ConfigContext& context) {
  std::optional<grpc::Service> parsed = config::ParseGrpcService(service, field, context);
  if (!parsed.has_value()) return parsed;
  // As in Envoy: a stream lives as long as its exchange, and message_timeout watches over it.
  parsed->timeout = 0;
  if (service.envoy_grpc().max_receive_message_length().value() == 0) {
    parsed->max_message_bytes = ExtProcSettings::kDefaultMaxAnswer;
  }
  return parsed;
}

std::vector<std::string> ParseNames(const Names& names) { return {names.begin(), names.end()}; }

void ParseRouteAction(const proto::ExternalProcessor& proto, ExtProcSettings& settings,
                      config::ConfigContext& context) {
  using Action = ExtProcSettings::RouteAction;
  if (proto.disable_clear_route_cache() &&
      proto.route_cache_action() != proto::ExternalProcessor::DEFAULT) {
    context.AddError("route_cache_action", "excludes disable_clear_route_cache");
  }
  if (proto.disable_clear_route_cache() ||
      proto.route_cache_action() == proto::ExternalProcessor::RETAIN) {
    settings.route_action = Action::kRetain;
  } else if (proto.route_cache_action() == proto::ExternalProcessor::CLEAR) {
    settings.route_action = Action::kClear;
  }
}

void ParseTimes(const proto::ExternalProcessor& proto, ExtProcSettings& settings,
                config::ConfigContext& context) {
  if (proto.has_message_timeout()) {
    settings.message_timeout =
        config::ParseExtensionDuration(proto.message_timeout(), "message_timeout", context);
  }
  if (proto.has_max_message_timeout()) {
    settings.max_message_timeout =
        config::ParseExtensionDuration(proto.max_message_timeout(), "max_message_timeout", context);
  }
  if (proto.has_deferred_close_timeout()) {
    settings.deferred_close = config::ParseExtensionDuration(proto.deferred_close_timeout(),
                                                             "deferred_close_timeout", context);
  }
}

void ParseOverrides(const proto::ExtProcOverrides& overrides, ExtProcRoute& route,
                    config::ConfigContext& context) {
  if (overrides.has_processing_mode()) route.mode = ParseMode(overrides.processing_mode());
  if (overrides.has_grpc_service()) {
    route.service = ParseService(overrides.grpc_service(), "overrides.grpc_service", context);
  }
  const proto::MetadataOptions& options = overrides.metadata_options();
  if (options.has_forwarding_namespaces()) {
    route.forwarded_metadata = ParseNames(options.forwarding_namespaces().untyped());
  }
  if (options.has_receiving_namespaces()) {
    route.received_metadata = ParseNames(options.receiving_namespaces().untyped());
  }
  if (overrides.has_failure_mode_allow()) {
    route.allow_on_failure = overrides.failure_mode_allow().value();
  }
  for (int i = 0; i < overrides.grpc_initial_metadata_size(); ++i) {
    const auto& value = overrides.grpc_initial_metadata(i);
    std::string name = absl::AsciiStrToLower(value.key());
    const std::string& text = value.value().empty() ? value.raw_value() : value.value();
    if (!http::IsValidHeaderName(name) || !http::IsValidHeaderValue(text)) {
      context.AddError(config::Concat("overrides.grpc_initial_metadata[", i, "]"),
                       "is no header field");
    }
    route.initial_metadata.emplace_back(std::move(name), text);
  }
}

}  // namespace

std::optional<ExchangeMode> ReadMode(const proto::ProcessingMode& proto) {
  const std::optional<BodyMode> request = ReadBodyMode(proto.request_body_mode());
  const std::optional<BodyMode> response = ReadBodyMode(proto.response_body_mode());
  if (!request.has_value() || !response.has_value()) return std::nullopt;
  return ExchangeMode{{ReadSendMode(proto.request_header_mode()), *request,
                       ReadSendMode(proto.request_trailer_mode())},
                      {ReadSendMode(proto.response_header_mode()), *response,
                       ReadSendMode(proto.response_trailer_mode())}};
}

bool ForwardRules::Forwards(std::string_view name) const {
  const auto matches = [name](const route::StringMatcher& matcher) {
    return matcher.Matches(name);
  };
  return (allowed.empty() || std::any_of(allowed.begin(), allowed.end(), matches)) &&
         std::none_of(disallowed.begin(), disallowed.end(), matches);
}

std::optional<ExtProcSettings> ParseExtProc(const proto::ExternalProcessor& proto,
                                            config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  ExtProcSettings settings;
  if (!proto.has_grpc_service()) {
    context.AddError("grpc_service", "is required");
  } else if (auto service = ParseService(proto.grpc_service(), "grpc_service", context)) {
    settings.service = *std::move(service);
  }
  settings.mode = ParseMode(proto.processing_mode());
  for (const auto& mode : proto.allowed_override_modes()) {
    settings.allowed_modes.push_back(ParseMode(mode));
  }
  settings.rules = ParseMutationRules(proto.mutation_rules(), "mutation_rules", context);
  settings.forward.allowed =
      config::ParseStringMatchers(proto.forward_rules().allowed_headers().patterns(),
                                  "forward_rules.allowed_headers.patterns", context);
  settings.forward.disallowed =
      config::ParseStringMatchers(proto.forward_rules().disallowed_headers().patterns(),
                                  "forward_rules.disallowed_headers.patterns", context);
  settings.request_attributes =
      ParseAttributes(ParseNames(proto.request_attributes()), "request_attributes", context);
  settings.response_attributes =
      ParseAttributes(ParseNames(proto.response_attributes()), "response_attributes", context);
  const proto::MetadataOptions& metadata = proto.metadata_options();
  settings.forwarded_metadata = ParseNames(metadata.forwarding_namespaces().untyped());
  settings.received_metadata = ParseNames(metadata.receiving_namespaces().untyped());
  settings.stat_prefix = proto.stat_prefix();
  ParseTimes(proto, settings, context);
  ParseRouteAction(proto, settings, context);
  // Envoy takes 500 for what is no status of an error.
  if (proto.status_on_error().code() >= 400 && proto.status_on_error().code() <= 599) {
    settings.status_on_error = static_cast<uint16_t>(proto.status_on_error().code());
  }
  settings.allow_on_failure = proto.failure_mode_allow();
  settings.allow_mode_override = proto.allow_mode_override();
  settings.refuse_immediate = proto.disable_immediate_response();
  settings.observe = proto.observability_mode();
  if (context.errors().size() > errors) return std::nullopt;
  return settings;
}

std::optional<ExtProcRoute> ParseExtProcRoute(const proto::ExtProcPerRoute& proto,
                                              config::ConfigContext& context) {
  const size_t errors = context.errors().size();
  ExtProcRoute route;
  route.disabled = proto.disabled();
  ParseOverrides(proto.overrides(), route, context);
  if (context.errors().size() > errors) return std::nullopt;
  return route;
}

}  // namespace remora::extensions
