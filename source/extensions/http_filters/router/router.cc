#include "source/extensions/http_filters/router/router.h"

#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "source/config/extension_values.h"

namespace remora::extensions {

std::optional<Router::Config> Router::Parse(const Proto& proto, config::ConfigContext& context) {
  Config config;
  config.upstream_log =
      config::ParseExtensionAccessLogs(proto.upstream_log(), "upstream_log", context);
  if (proto.has_upstream_log_options()) {
    config.log_new_tries = proto.upstream_log_options().flush_upstream_log_on_upstream_stream();
    if (proto.upstream_log_options().has_upstream_log_flush_interval()) {
      config.log_interval = config::ParseExtensionDuration(
          proto.upstream_log_options().upstream_log_flush_interval(),
          "upstream_log_options.upstream_log_flush_interval", context);
    }
  }
  config.suppress_envoy_headers = proto.suppress_envoy_headers();
  config.respect_expected_rq_timeout = proto.respect_expected_rq_timeout();
  for (const std::string& name : proto.strict_check_headers()) {
    config.strict_fields.push_back(http::LookUpHeaderId(name));
  }
  return config;
}

std::vector<std::string> Router::LogFiles(const Config& config) {
  std::vector<std::string> files;
  for (const auto& logger : config.upstream_log) {
    if (logger->service == nullptr) files.push_back(logger->path);
  }
  return files;
}

http::FilterPtr Router::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<router::RouterFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> Router::CreateWorkerState(const Config& config,
                                                                   const http::WorkerSetup& setup) {
  return std::make_unique<router::RouterState>(config, setup);
}

}  // namespace remora::extensions
