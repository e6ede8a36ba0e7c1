#include "source/extensions/http_filters/router/router.h"

#include "envoy/extensions/filters/http/router/v3/router.pb.h"

namespace remora::extensions {

std::optional<Router::Config> Router::Parse(const Proto& proto, config::ConfigContext&) {
  Config config;
  config.suppress_envoy_headers = proto.suppress_envoy_headers();
  config.respect_expected_rq_timeout = proto.respect_expected_rq_timeout();
  for (const std::string& name : proto.strict_check_headers()) {
    config.strict_fields.push_back(http::LookUpHeaderId(name));
  }
  return config;
}

http::FilterPtr Router::Create(const Config& config, http::FilterContext& context) {
  return context.arena().Make<router::RouterFilter>(config, context);
}

std::unique_ptr<http::FilterWorkerState> Router::CreateWorkerState(const Config&,
                                                                   const http::WorkerSetup& setup) {
  return std::make_unique<router::RouterState>(setup);
}

}  // namespace remora::extensions
